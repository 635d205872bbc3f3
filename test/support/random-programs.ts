/** Programs of random machine code: any bytes, valid instructions, branches, code that changes itself, wild calls. */
import { hex } from '../../src/bits.js';
import type { Decoder } from '../../src/cpu/decode/decoder.js';
import type { Instruction } from '../../src/cpu/decode/instruction.js';
import { RCX, RDI, RSI, RSP } from '../../src/cpu/state/layout.js';
import { PF_R, PF_W, PF_X, ET_DYN, ET_EXEC, makeImage } from '../kernel/images.js';
import type { BadImage } from './bad-images.js';
import { encodeForm, type Encoded } from './encode.js';
import type { Random } from './random.js';

const PAGE = 4096;
/** Where the first region of a machine lies; its image follows the header page. */
const REGION = 0x1_0000_0000n;
const FIXED_CODE = 0x40_0000;
const DATA_OFFSET = 4 * PAGE;

/** What depends on IOPL, and loads of segment registers with whatever selector. */
const PRIVILEGED = new Set(['CLI', 'STI', 'LSS', 'LFS', 'LGS', 'WRFSBASE', 'WRGSBASE']);

const NOP = 0x90;
/** VMCALL. */
const VMCALL = [0x0f, 0x01, 0xc1];
const KERNEL_CALL_NUMBERS = [0, 3, 4, 14, 15, 16, 17, 18];
/** RAX, and RDI RSI RDX R10 R8 R9: the number of a kernel-call and its arguments. */
const CALL_REGISTERS = [0, 7, 6, 2, 10, 8, 9];

/** Encodings of instructions, made once: making one takes many tries. */
export class InstructionPool {
  private readonly all: readonly Encoded[];
  /** Those that user mode may execute, that go on behind themselves, and whose operand can be aimed at any address. */
  private readonly tame: readonly Encoded[];

  constructor(decoder: Decoder, random: Random, perForm = 2) {
    this.all = decoder.forms.flatMap((form) =>
      Array.from({ length: perForm }, () => encodeForm(decoder, form, random)),
    );
    this.tame = this.all.filter(({ instruction }) => isTame(instruction));
  }

  any(random: Random): Encoded {
    return random.pick(this.all);
  }

  tameOne(random: Random): Encoded {
    return random.pick(this.tame);
  }
}

function isTame({ form, base, index, ripRelative }: Instruction): boolean {
  const { attributes, mnemonic } = form.row;
  if (attributes.has('BRANCH') || PRIVILEGED.has(mnemonic)) return false;
  const inMemory = form.operands.some(({ kind }) => kind === 'memory');
  if (inMemory && (ripRelative || base < 0 || base === index)) return false;
  return form.addressWidth === 64 || !(inMemory || attributes.has('ADDRESS'));
}

/** Machine code in the making. */
class Code {
  readonly bytes: number[] = [];

  constructor(
    readonly base: bigint,
    readonly end: bigint,
    readonly pool: InstructionPool,
    readonly random: Random,
  ) {}

  /** MOV r64, imm64 */
  load(register: number, value: bigint): void {
    this.bytes.push(0x48 | (register >> 3), 0xb8 | (register & 7));
    for (let i = 0n; i < 64n; i += 8n) this.bytes.push(Number((value >> i) & 0xffn));
  }

  /** JMP rel32 to an offset in this code. */
  jump(target: number): void {
    this.bytes.push(0xe9);
    this.displacement(4, target - this.bytes.length - 4);
  }

  displacement(bytes: number, value: number): void {
    for (let i = 0; i < bytes; i++) this.bytes.push((value >> (8 * i)) & 0xff);
  }

  /** An address where something is: code, data, header page, heap, stack. */
  goodAddress(): bigint {
    const { random, base, end } = this;
    const data = base + BigInt(DATA_OFFSET);
    const place = random.pick([base, data, data, REGION + 0x40n, base + 0x8000n, end - 0x300n, end - 0x4000n]);
    return place + BigInt(random.pick([0, 8 * random.below(32), random.below(128), random.below(PAGE), PAGE - 4]));
  }

  /** Now and then one where nothing is, or hardly anything may be done: page tables, the canonical hole, the end. */
  address(): bigint {
    const { random, end } = this;
    if (!random.chance(6)) return this.goodAddress();
    const wild = [0n, 1n << 47n, -(1n << 47n), -(1n << 39n), -(1n << 12n), REGION, end, random.bits64()];
    return BigInt.asUintN(64, random.pick(wild) + BigInt(random.below(64)) - 32n);
  }

  value(): bigint {
    return this.random.chance(3) ? this.random.edgy64() : this.address();
  }
}

/** Adds a few instructions. */
type Piece = (code: Code) => void;

const anyBytes: Piece = ({ bytes, random }) => {
  for (let i = random.below(12); i >= 0; i--) bytes.push(random.below(256));
};

const anyInstruction: Piece = ({ bytes, pool, random }) => {
  bytes.push(...pool.any(random).bytes);
};

/** An instruction whose operands lie where something is. */
const tameInstruction: Piece = (code) => {
  const { random } = code;
  const { bytes, instruction } = code.pool.tameOne(random);
  const { base, index, scale, displacement, form } = instruction;
  if (form.row.attributes.has('ADDRESS')) aimString(code);
  if (base >= 0 && base !== RSP) {
    const isAligned = form.operands.some((operand) => operand.kind === 'memory' && operand.aligned);
    const target = isAligned || random.chance(2) ? code.goodAddress() & -16n : code.goodAddress();
    const offset = index < 0 ? 0n : BigInt(random.below(64));
    if (index >= 0) code.load(index, offset);
    code.load(base, BigInt.asUintN(64, target - displacement - (offset << BigInt(scale))));
  }
  code.bytes.push(...bytes);
};

function aimString(code: Code): void {
  code.load(RSI, code.goodAddress());
  code.load(RDI, code.goodAddress());
  code.load(RCX, BigInt(code.random.below(30)));
}

const tameInstructions: Piece = (code) => {
  for (let i = code.random.below(6); i >= 0; i--) tameInstruction(code);
};

const loadRegister: Piece = (code) => {
  const register = code.random.below(16);
  if (register !== RSP || code.random.chance(4)) code.load(register, code.value());
};

/** Jcc, JMP, CALL, LOOP and JRCXZ to anywhere near, mostly back or into the midst of an instruction. */
const branch: Piece = (code) => {
  const { bytes, random } = code;
  const target = random.below(bytes.length + 60) - bytes.length - 6;
  const near = (target << 24) >> 24;
  switch (random.below(5)) {
    case 0:
      bytes.push(0x70 | random.below(16), near & 0xff);
      break;
    case 1:
      bytes.push(random.pick([0xe0, 0xe1, 0xe2, 0xe3, 0xeb]), near & 0xff);
      break;
    case 2:
      bytes.push(0x0f, 0x80 | random.below(16));
      code.displacement(4, target);
      break;
    case 3:
      bytes.push(0xe8);
      code.displacement(4, target);
      break;
    default:
      code.load(random.below(8), code.base + BigInt(random.below(bytes.length + 40)));
      bytes.push(0xff, 0xd0 | random.pick([0, 0x10]) | random.below(8));
  }
};

/** MOV, XOR or ADD to code that lies near, REP MOVSB and REP STOSB over it. */
const selfModification: Piece = (code) => {
  const { bytes, random } = code;
  switch (random.below(4)) {
    case 0:
      bytes.push(0x48, random.pick([0x89, 0x31, 0x01]), 0x05 | (random.below(8) << 3));
      code.displacement(4, random.below(120) - 60);
      break;
    case 1:
      bytes.push(random.pick([0x80, 0xc6]), 0x05);
      code.displacement(4, random.below(120) - 60);
      bytes.push(random.below(256));
      break;
    case 2:
      code.load(7, code.base + BigInt(random.below(bytes.length + 200)));
      code.load(6, code.base + BigInt(random.below(bytes.length + 200)));
      code.load(1, BigInt(random.below(200)));
      bytes.push(0xf3, random.pick([0xa4, 0xa5, 0xaa, 0xab]));
      break;
    default:
      bytes.push(0xf0, 0x48, 0x0f, 0xb1, 0x05 | (random.below(8) << 3));
      code.displacement(4, random.below(60));
  }
};

const kernelCall: Piece = (code) => {
  const { random } = code;
  for (const register of CALL_REGISTERS) if (!random.chance(3)) code.load(register, code.value());
  const number = random.chance(8) ? random.edgy64() : BigInt(random.pick(KERNEL_CALL_NUMBERS));
  if (!random.chance(10)) code.load(0, number);
  if (random.chance(2)) code.load(6, BigInt(random.below(70_000)));
  code.bytes.push(...VMCALL);
};

/** SYSCALL, INT n, SYSENTER, HLT, IN, OUT, IRETQ and what else belongs to an operating system. */
const systemInstruction: Piece = ({ bytes, random }) => {
  bytes.push(
    ...random.pick([
      [0x0f, 0x05],
      [0xcd, random.below(256)],
      [0x0f, 0x34],
      [0xf4],
      [0xec],
      [0xee],
      [0x48, 0xcf],
      [0xf1],
      [0xcc],
      [0x0f, 0x01, 0xd0 | random.below(16)],
      [0x0f, 0x22, 0xc0 | random.below(64)],
      [0x0f, 0x30],
      [0x0f, 0xa2],
      [0x0f, 0x31],
      [0x9d],
      [0x8e, 0xc0 | random.below(64)],
    ]),
  );
};

/** RSP to anywhere, and what uses it. */
const wildStack: Piece = (code) => {
  const { bytes, random } = code;
  code.load(RSP, code.value());
  const uses = [[0x50], [0x58], [0xc3], [0xc9], [0x9c], [0x9d], [0xc8, random.below(256), 0, random.below(40)]];
  for (let i = random.below(4); i >= 0; i--) bytes.push(...random.pick(uses));
};

/** POPFQ with any flags: TF, AC, DF, NT, IOPL. */
const wildFlags: Piece = (code) => {
  code.load(0, code.random.chance(2) ? 1n << BigInt(code.random.below(22)) : code.random.bits64());
  code.bytes.push(0x50, 0x9d);
};

/** What a program is made of: a mixture of pieces. */
const MIXTURES: readonly (readonly [name: string, pieces: readonly Piece[]])[] = [
  ['any bytes', [anyBytes]],
  ['any bytes and loads', [anyBytes, loadRegister, loadRegister]],
  ['any instructions', [anyInstruction, loadRegister]],
  ['tame instructions', [tameInstructions]],
  ['branches', [tameInstructions, branch]],
  ['self-modification', [tameInstruction, selfModification]],
  ['self-modification and branches', [tameInstruction, selfModification, branch]],
  ['kernel-calls', [kernelCall]],
  ['kernel-calls and more', [kernelCall, tameInstruction, branch]],
  ['wild stack', [wildStack, tameInstructions, branch]],
  ['wild flags', [wildFlags, tameInstruction, tameInstruction, branch]],
  ['system', [systemInstruction, tameInstruction, tameInstruction, tameInstruction]],
  ['everything', [anyInstruction, tameInstructions, loadRegister, branch, selfModification, kernelCall, wildFlags]],
];

const ALL_REGISTERS = Array.from({ length: 16 }, (_, register) => register);

/** A random program for a machine whose first region has `limitBytes`, as the image of a minimal ELF file. */
export function randomProgram(pool: InstructionPool, limitBytes: number, random: Random): BadImage {
  const fixed = random.chance(8);
  const address = fixed ? FIXED_CODE : 0;
  const base = BigInt(address) || REGION + BigInt(PAGE);
  const code = new Code(base, REGION + BigInt(limitBytes), pool, random);
  const [name, pieces] = random.pick(MIXTURES);
  const start = random.chance(3) ? random.below(3 * PAGE) : random.pick([0, PAGE - 20, 2 * PAGE - 100]);
  const rounds = random.chance(2);
  for (const register of ALL_REGISTERS) if (register !== RSP) code.load(register, code.value());
  const loop = code.bytes.length;
  for (let count = 1 + random.below(random.chance(8) ? 300 : 30); count > 0; count--) random.pick(pieces)(code);
  if (rounds) code.jump(loop);
  const bytes = new Uint8Array(start + code.bytes.length).fill(NOP);
  bytes.set(code.bytes, start);
  const data = Uint8Array.from({ length: 2 * PAGE }, () => random.next());
  const image = makeImage({
    type: fixed ? ET_EXEC : ET_DYN,
    entry: address + start,
    loads: [
      { address, bytes: bytes.subarray(0, DATA_OFFSET), flags: random.chance(4) ? PF_R | PF_X : PF_R | PF_W | PF_X },
      { address: address + DATA_OFFSET, bytes: data },
    ],
  });
  return { bytes: image, story: `${name}: ${code.bytes.length} bytes of code at ${hex(base + BigInt(start))}` };
}
