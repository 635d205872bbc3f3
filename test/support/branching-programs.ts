/** Random programs with all kinds of control flow, for the bare machine: loops, calls, tables, code that changes itself. */
import { PAGE_SIZE } from '../../src/bits.js';
import { AC, DF, TF } from '../../src/cpu/meaning/flags.js';
import { RAX, RCX, RDI, RSI, RSP } from '../../src/cpu/state/layout.js';
import { ACCESSED, DIRTY, PRESENT, USER, WRITABLE } from '../../src/mmu/entry.js';
import { EXECUTE_DISABLE } from '../cpu/meanings/page-tables.js';
import {
  ALIAS,
  ALIAS_TABLE,
  CODE_FRAMES,
  CODE_PAGES,
  CODE_TABLE,
  DATA,
  DATA_PAGES,
  STACK,
  STACK_BYTES,
  codeEntry,
  type BareProgram,
} from './bare-machine.js';
import { CODE_BYTES, DATA_IN_CODE_BYTES, IMAGE_BYTES, NOP, ProgramBuilder, type Piece } from './program-builder.js';
import { CONTROL_PIECES, FLAG_PIECES, FLOAT_PIECES, GROUP_PIECES, placeFunctions, raise } from './program-pieces.js';
import type { InstructionPool } from './random-programs.js';
import type { Random } from './random.js';

/** Where code may lie; the last two end where canonical addresses end, and where all addresses do. */
const PLACES = [0x4000_0000n, 0x4000_0000n, 0x4000_0000n, 0x7fff_ffff_c000n, 0xffff_ffff_ffff_c000n] as const;

/** In the data pages, the tables that indirect branches look in. */
const JUMP_TABLE = DATA + 0x40n;
const JUMP_TABLE_ENTRIES = 8;

/** Any instruction of the opcode table that goes on behind itself, its operand somewhere. */
const anyInstruction: Piece = (b) => {
  const { random } = b;
  const { bytes, instruction } = b.pool.tameOne(random);
  const { base, index, scale, displacement, form, reg, rm } = instruction;
  if ((reg === RSP || rm === RSP) && !random.chance(8)) return;
  if (form.row.attributes.has('ADDRESS')) aimString(b);
  if (base >= 0 && base !== RSP && !random.chance(4)) {
    const isAligned = form.operands.some((operand) => operand.kind === 'memory' && operand.aligned);
    const target = isAligned && !random.chance(8) ? b.address() & -16n : b.address();
    const offset = index < 0 ? 0n : BigInt(random.below(64));
    if (index >= 0) b.load(index, offset);
    b.load(base, BigInt.asUintN(64, target - displacement - (offset << BigInt(scale))));
  }
  b.put(...bytes);
};

function aimString(b: ProgramBuilder): void {
  b.load(RSI, b.address());
  b.load(RDI, b.address());
  b.load(RCX, BigInt(b.random.below(12)));
}

/** What compilers emit: arithmetic of registers and constants, whose flags the next branch reads. */
const simpleArithmetic: Piece = (b) => {
  const { random } = b;
  const register = (): number => random.pick([0, 1, 2, 3, 5, 6, 7]);
  const width = random.pick([[0x48], [], [0x66], [0x4d]]);
  const operation = random.pick([0x01, 0x09, 0x11, 0x19, 0x21, 0x29, 0x31, 0x39, 0x85]);
  if (random.chance(2)) b.put(...width, operation, 0xc0 | (register() << 3) | register());
  else b.put(...width, 0x83, 0xc0 | (random.below(8) << 3) | register(), random.below(256));
};

/** Loads and stores of RBX, RBP and R12 with small displacements: neighbours, some across the end of a page. */
const neighbours: Piece = (b) => {
  const { random } = b;
  const base = random.pick([3, 5]);
  b.load(base, b.address());
  for (let i = random.below(6); i >= 0; i--) {
    const opcode = random.pick([0x8b, 0x8b, 0x89, 0x03, 0x01, 0x88, 0x8a]);
    b.put(
      0x48,
      opcode,
      0x40 | (random.pick([0, 1, 2, 6]) << 3) | base,
      random.pick([0, 8, 16, 24, 0xf8, random.below(256)]),
    );
  }
};

/** PUSH and POP, some of which move RSP out of step. */
const stack: Piece = (b) => {
  const { random } = b;
  for (let i = random.below(4); i >= 0; i--)
    switch (random.below(8)) {
      case 0:
        return b.put(0x48, 0x83, 0xec, random.pick([8, 16, 1, 0x20]));
      case 1:
        return b.put(0x48, 0x83, 0xc4, random.pick([8, 16, 1, 0x20]));
      case 2:
        return b.load(RSP, STACK + BigInt(random.below(STACK_BYTES)));
      case 3:
        b.put(0x9c);
        break;
      default:
        b.put(random.chance(2) ? 0x50 | random.pick([0, 1, 2, 3, 5]) : 0x58 | random.pick([0, 1, 2, 3, 5]));
    }
};

/** REP with a small count, in either direction. */
const repeated: Piece = (b) => {
  const { random } = b;
  if (random.chance(2)) b.put(random.chance(2) ? 0xfd : 0xfc);
  aimString(b);
  b.put(random.chance(3) ? 0xf2 : 0xf3);
  if (random.chance(2)) b.put(0x48);
  b.put(random.pick([0xa4, 0xa5, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf]));
};

/** A store to code near by or anywhere, in this page's place or its alias's. */
const selfModification: Piece = (b) => {
  const { random } = b;
  if (random.chance(4)) {
    // MOV byte [RIP + n], imm8: the instruction right behind the store, or one of the next.
    b.put(0xc6, 0x05);
    b.putWord(4, BigInt(random.below(random.pick([1, 12]))));
    b.put(random.pick([NOP, 0xf8, 0xf9, 0xf5, 0x98, random.below(256)]), NOP);
    return;
  }
  const near = b.position + random.below(80) - 30;
  const target = random.chance(3) ? random.below(CODE_BYTES) : near;
  b.load(RDI, (random.chance(3) ? ALIAS : b.base) + BigInt(Math.max(0, Math.min(CODE_BYTES - 1, target))));
  switch (random.below(4)) {
    case 0:
      return b.put(0xc6, 0x07, random.pick([NOP, 0xf8, 0xf9, 0xf5, 0xc3, random.below(256)]));
    case 1:
      return b.put(0x48, 0x89, 0x07);
    case 2:
      return b.put(0x80, 0x37, random.pick([1, 2, 8]));
    default:
      return b.put(0x8a, 0x07, 0x88, 0x07);
  }
};

/** A store to the page table of the code or of its alias: other frames, other rights, A and D cleared. */
const remap: Piece = (b) => {
  const { random } = b;
  const [table, base] = random.chance(2) ? [CODE_TABLE, b.base] : [ALIAS_TABLE, ALIAS];
  const index = Number((base >> 12n) & 511n) + random.below(CODE_PAGES);
  b.load(RDI, table + BigInt(index * 8));
  switch (random.below(5)) {
    case 0:
      b.put(0x80, 0x27, 0xff & ~random.pick([ACCESSED, DIRTY, ACCESSED | DIRTY, PRESENT, WRITABLE, USER]));
      break;
    case 1:
      b.load(RAX, codeEntry(random.below(CODE_FRAMES)) | (random.chance(3) ? EXECUTE_DISABLE : 0n));
      b.put(0x48, 0x89, 0x07);
      break;
    default:
      b.load(RAX, codeEntry(random.below(CODE_FRAMES)));
      b.put(0x48, 0x89, 0x07);
  }
};

/** POPFQ: TF, AC or DF switched on or off. */
const flags: Piece = (b) => {
  const { random } = b;
  const system = random.pick([0, DF, AC, TF, AC | DF]);
  const status = random.next() & 0xd5;
  b.load(RAX, BigInt(system | status | 2));
  b.put(0x50, 0x9d);
};

const vmcall: Piece = (b) => b.put(0x0f, 0x01, 0xc1);

const PIECES: readonly Piece[] = [
  ...[anyInstruction, anyInstruction, anyInstruction, anyInstruction],
  ...[simpleArithmetic, simpleArithmetic, simpleArithmetic, neighbours, neighbours, stack, repeated],
];
const CALM: readonly Piece[] = [simpleArithmetic, simpleArithmetic, simpleArithmetic, neighbours, anyInstruction];
const RARE: readonly Piece[] = [selfModification, remap, flags, vmcall, raise];
const ALL: readonly Piece[] = [...PIECES, ...FLAG_PIECES, ...FLOAT_PIECES, ...GROUP_PIECES, ...CONTROL_PIECES];

/** What a program is made of. */
const MIXTURES: readonly (readonly Piece[])[] = [
  CALM,
  PIECES,
  [...CALM, ...CALM, selfModification],
  [...CALM, ...CALM, remap],
  [...CALM, flags],
  [...PIECES, ...PIECES, ...PIECES, ...RARE],
  FLAG_PIECES,
  [...FLAG_PIECES, ...CONTROL_PIECES],
  [...GROUP_PIECES, ...FLAG_PIECES],
  [...FLOAT_PIECES, ...FLAG_PIECES, ...GROUP_PIECES],
  CONTROL_PIECES,
  [...CALM, ...CONTROL_PIECES, ...GROUP_PIECES],
  [...CONTROL_PIECES, ...GROUP_PIECES, raise],
  [...CONTROL_PIECES, ...FLAG_PIECES, selfModification],
  [...CONTROL_PIECES, ...GROUP_PIECES, remap],
  ALL,
  [...ALL, ...ALL, ...RARE],
];

/** How a block ends. */
type Ending = Piece;

const jcc: Ending = (b) => {
  const condition = b.random.below(16);
  if (b.random.chance(3)) b.branch([0x70 | condition], 1);
  else b.branch([0x0f, 0x80 | condition], 4);
};
const compareAndBranch: Ending = (b) => {
  simpleArithmetic(b);
  jcc(b);
};
/** A counted loop: DEC r13d, JNZ. */
const countDown: Ending = (b) => {
  b.put(0x41, 0xff, 0xc8 | b.random.pick([5, 6, 7]));
  b.branch([0x0f, 0x85], 4, Math.max(0, b.blocks.length - 1 - b.random.below(4)));
};
const loop: Ending = (b) => b.branch([b.random.pick([0xe0, 0xe1, 0xe2, 0xe3])], 1, b.blocks.length - 1);
const jump: Ending = (b) => b.branch([0xe9], 4);
const call: Ending = (b) => b.branch([0xe8], 4);
const ret: Ending = (b) => (b.random.chance(4) ? b.put(0xc2, b.random.pick([0, 8, 16]), 0) : b.put(0xc3));
const jumpToBlock: Ending = (b) => {
  const register = b.random.pick([RAX, RCX, 8, 9]);
  b.loadBlock(register);
  b.put(...(register >= 8 ? [0x41] : []), 0xff, b.random.pick([0xe0, 0xd0]) | (register & 7));
};
const pushAndReturn: Ending = (b) => {
  b.loadBlock(RAX);
  b.put(0x50, 0xc3);
};
/** JMP or CALL [table + 8 * (r & 7)]. */
const throughTable: Ending = (b) => {
  b.put(0x83, 0xe0 | RCX, JUMP_TABLE_ENTRIES - 1);
  b.load(RAX, JUMP_TABLE);
  b.put(0xff, b.random.pick([0x24, 0x14]), 0xc8);
};
const toAlias: Ending = (b) => {
  b.load(
    RAX,
    b.random.pick([ALIAS - BigInt(PAGE_SIZE) - b.base, b.base + BigInt(PAGE_SIZE) - ALIAS]) & ((1n << 64n) - 1n),
  );
  b.loadBlock(RCX);
  b.put(0x48, 0x01, 0xc8, 0xff, 0xe0);
};
/** Into the midst of an instruction, perhaps. */
const jumpIntoMidst: Ending = (b) =>
  b.branch([0x0f, 0x80 | b.random.below(16)], 4, b.anyBlock(), 1 + b.random.below(6));
const fallThrough: Ending = () => {};
const jumpNowhere: Ending = (b) => {
  b.put(0x0f, 0x80 | b.random.below(16));
  b.putWord(4, BigInt(b.random.next()));
};

const ENDINGS: readonly Ending[] = [
  ...[jcc, jcc, jcc, compareAndBranch, compareAndBranch, compareAndBranch, countDown, countDown, countDown, loop],
  ...[jump, jump, call, call, ret, ret, fallThrough, jumpToBlock, pushAndReturn, throughTable, toAlias],
  jumpIntoMidst,
];

/** A random program; the same for the same state of `random`. */
export function branchingProgram(pool: InstructionPool, random: Random): BareProgram {
  const base = random.pick(PLACES);
  const blockCount = 1 + random.below(random.pick([4, 12, 40, 120]));
  const b = new ProgramBuilder(base, blockCount, pool, random);
  const pieces = random.pick(MIXTURES);
  const most = random.pick([1, 2, 4, 8]);
  if (random.chance(4)) b.position = random.below(CODE_BYTES - 0x800) + DATA_IN_CODE_BYTES;
  placeFunctions(b, pieces);
  while (b.blocks.length < blockCount) {
    if (b.position >= CODE_BYTES - 0x100) break;
    if (random.chance(12)) b.skipTo(Math.ceil(b.position / PAGE_SIZE) * PAGE_SIZE - 1 - random.below(40));
    b.blocks.push(b.position);
    for (let i = random.below(most + 1); i > 0; i--) random.pick(pieces)(b);
    (random.chance(40) ? jumpNowhere : random.pick(ENDINGS))(b);
  }
  b.link();
  spareFrames(b);
  const data = new Uint8Array(DATA_PAGES * PAGE_SIZE);
  for (let i = 0; i < data.length; i += 1) data[i] = random.chance(3) ? random.below(256) : 0;
  const view = new DataView(data.buffer);
  for (let i = 0; i < JUMP_TABLE_ENTRIES; i++)
    view.setBigUint64(
      Number(JUMP_TABLE - DATA) + 8 * i,
      BigInt.asUintN(64, base + BigInt(random.pick(b.blocks))),
      true,
    );
  const gpr = Array.from({ length: 16 }, (_, i) => (i > 12 ? BigInt(random.below(40)) : random.edgy64()));
  return { code: base, image: b.image, resumeAt: b.blocks, gpr, data };
}

/** The spare frames are like the first two, but not quite. */
function spareFrames({ image, random }: ProgramBuilder): void {
  image.copyWithin(CODE_BYTES, 0, IMAGE_BYTES - CODE_BYTES);
  for (let i = 0; i < 40; i++) image[CODE_BYTES + random.below(IMAGE_BYTES - CODE_BYTES)] = NOP;
}
