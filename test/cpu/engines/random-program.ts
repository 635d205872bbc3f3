/** Random programs: blocks of instructions that branch to each other, store to their data and sometimes to themselves. */
import { PAGE_SIZE } from '../../../src/bits.js';
import type { Decoder } from '../../../src/cpu/decode/decoder.js';
import type { Form } from '../../../src/cpu/meaning/form.js';
import type { Instruction } from '../../../src/cpu/decode/instruction.js';
import { HOT_FORMS, HOT_PAIRS } from '../../../src/cpu/interpreter/hot-forms.js';
import { signatureOf } from '../../../src/cpu/interpreter/plan.js';
import { RSP } from '../../../src/cpu/state/layout.js';
import { encodeForm, type Encoded } from '../../support/encode.js';
import type { Random } from '../../support/random.js';
import { randomGpr, randomMxcsr, randomRflags, randomXmm } from '../meanings/random-state.js';
import { ALIAS_DISTANCE, CODE, CODE_PAGES, DATA, DATA_PAGES, PAGE_TABLE, type Start } from './machines.js';

export interface Program {
  readonly code: Uint8Array;
  readonly data: Uint8Array;
  /** Offsets of the instructions in the code. */
  readonly starts: readonly number[];
}

/** Registers that start as pointers, RSP among them; programs address memory by them, and clobber them at times. */
const POINTERS = [RSP, 5, 6, 7, 12, 13, 14, 15];
/** Filler between the blocks: mostly instructions that end a block. */
const NOP = 0x90;
const INT3 = 0xcc;
const VMCALL = [0x0f, 0x01, 0xc1];
const CODE_BYTES = CODE_PAGES * PAGE_SIZE;

/** Generates programs from all forms of a decoder. */
export class ProgramMaker {
  private readonly plain: readonly Form[];
  private readonly hot: readonly Form[];
  private readonly pairs: readonly (readonly [Form[], Form[]])[];

  /** Without the forms of some mnemonics. */
  constructor(
    private readonly decoder: Decoder,
    without: readonly string[] = [],
  ) {
    // What stands alone or only faults is left to the test of the meanings.
    this.plain = decoder.forms.filter(({ row }) => !row.attributes.has('EVALUATED') && !without.includes(row.mnemonic));
    const bySignature = new Map<string, Form[]>();
    for (const form of decoder.forms)
      bySignature.set(signatureOf(form), [...(bySignature.get(signatureOf(form)) ?? []), form]);
    const named = (signature: string): Form[] => bySignature.get(signature) ?? [];
    this.hot = HOT_FORMS.flatMap(named);
    this.pairs = HOT_PAIRS.map(([first, second]) => [named(first), named(second)]);
  }

  make(random: Random): Program {
    const code = new Uint8Array(CODE_BYTES).fill(random.chance(6) ? NOP : INT3);
    const starts: number[] = [];
    const blocks = 1 + random.below(4);
    for (let i = 0; i < blocks; i++) this.placeBlock(code, starts, random);
    this.linkBranches(code, starts, random);
    return { code, data: randomData(random), starts };
  }

  /** Number of instruction pairs that the interpreter fuses. */
  get pairCount(): number {
    return this.pairs.length;
  }

  /** A program of one of these pairs, with a VMCALL wherever it leads. */
  makePair(index: number, random: Random): Program {
    const [first, second] = this.pairs[index]!;
    const encoded = [this.encode(random.pick(first), random), this.encode(random.pick(second), random)];
    const code = new Uint8Array(CODE_BYTES).fill(INT3);
    const start = random.below(PAGE_SIZE);
    code.set([...encoded.flatMap(({ bytes }) => [...bytes]), ...VMCALL, ...VMCALL], start);
    const end = start + encoded[0]!.bytes.length + encoded[1]!.bytes.length;
    if (encoded[1]!.instruction.form.operands.some(({ kind }) => kind === 'relative'))
      setDistance(code, end, encoded[1]!.instruction, VMCALL.length);
    return { code, data: randomData(random), starts: [start] };
  }

  /** Two to twenty instructions and a jump or a VMCALL, at any address, sometimes across two pages. */
  private placeBlock(code: Uint8Array, starts: number[], random: Random): void {
    let at = random.chance(3)
      ? PAGE_SIZE * (1 + random.below(CODE_PAGES - 1)) - random.below(60)
      : random.below(CODE_BYTES);
    const count = 2 + random.below(19);
    for (let i = 0; i < count; i++)
      for (const { bytes } of this.instructions(random)) {
        if (at + bytes.length + 5 > CODE_BYTES) at = random.below(PAGE_SIZE);
        starts.push(at);
        code.set(bytes, at);
        at += bytes.length;
      }
    starts.push(at);
    code.set(random.chance(6) ? VMCALL : [0xe9, 0, 0, 0, 0], at);
  }

  /** One instruction, or a pair that the interpreter fuses. */
  private instructions(random: Random): Encoded[] {
    if (random.chance(4)) {
      const [first, second] = random.pick(this.pairs);
      return [this.encode(random.pick(first), random), this.encode(random.pick(second), random)];
    }
    return [this.encode(random.pick(random.chance(2) ? this.hot : this.plain), random)];
  }

  /** Memory operands mostly get an address near one of the pointers. */
  private encode(form: Form, random: Random): Encoded {
    for (let i = 0; ; i++) {
      const encoded = encodeForm(this.decoder, form, random);
      const { base, displacement, ripRelative } = encoded.instruction;
      const inMemory = form.operands.some((operand) => operand.kind === 'memory');
      const near = displacement > -2048n && displacement < 2048n;
      if (!inMemory || i > 20 || (!ripRelative && POINTERS.includes(base) && near)) return encoded;
    }
  }

  /** Direct branches go to an instruction, or (one in twelve) wherever their bytes say. */
  private linkBranches(code: Uint8Array, starts: readonly number[], random: Random): void {
    for (const start of starts) {
      const decoded = this.decoder.decode(code, start, Math.min(start + 15, CODE_BYTES));
      if (typeof decoded === 'string' || random.chance(12)) continue;
      if (!decoded.form.operands.some((operand) => operand.kind === 'relative')) continue;
      const end = start + decoded.length;
      const inReach = starts.filter((target) => !isShort(decoded) || (target - end >= -128 && target - end < 128));
      setDistance(code, end, decoded, random.pick(inReach.length > 0 ? inReach : starts) - end);
    }
  }
}

function isShort({ form }: Instruction): boolean {
  return form.row.operands.some((type) => type.where === 'J' && type.size === 8);
}

/** Sets the distance of the direct branch that ends at `end`. */
function setDistance(code: Uint8Array, end: number, instruction: Instruction, distance: number): void {
  const view = new DataView(code.buffer);
  if (isShort(instruction)) view.setInt8(end - 1, distance);
  else view.setInt32(end - 4, distance, true);
}

/** Numbers, with zeros in between. */
function randomData(random: Random): Uint8Array {
  const words = new Uint32Array((DATA_PAGES * PAGE_SIZE) / 4);
  for (let i = 0; i < words.length; i++) words[i] = random.chance(2) ? random.next() : 0;
  return new Uint8Array(words.buffer);
}

/** Registers to start a program with, at one of its instructions. */
export function randomStart({ starts }: Program, random: Random, pointer = randomPointer): Start {
  const gpr = randomGpr(random);
  for (const register of POINTERS) if (!random.chance(12)) gpr[register] = pointer(random);
  // A count, so that REP and LOOP end.
  if (random.chance(2)) gpr[1] = BigInt(random.below(20));
  const tame = random.chance(2);
  return {
    rip: CODE + (random.chance(4) ? ALIAS_DISTANCE : 0n) + BigInt(random.pick(starts)),
    gpr,
    xmm: randomXmm(random, { lanes: random.pick(['single', 'double', 'integer']), tame }),
    rflags: randomRflags(random),
    mxcsr: randomMxcsr(random, tame),
  };
}

/** A pointer to data, mostly near the end of a page, so that accesses cross it. */
export function pointerAtPageEnd(random: Random): bigint {
  if (random.chance(4)) return randomPointer(random);
  return DATA + BigInt(PAGE_SIZE * (1 + random.below(DATA_PAGES - 1)) - random.below(16));
}

/** A pointer, mostly to data, including page borders; sometimes to code, to its other address, or to the page table. */
function randomPointer(random: Random): bigint {
  const anywhere = (start: bigint, pages: number): bigint => start + BigInt(random.below(pages * PAGE_SIZE));
  switch (random.below(16)) {
    case 0:
      return DATA + BigInt(PAGE_SIZE * (1 + random.below(DATA_PAGES)) - random.below(16));
    case 1:
      return anywhere(CODE, CODE_PAGES);
    case 2:
      return anywhere(random.pick([CODE, DATA]), CODE_PAGES) + ALIAS_DISTANCE;
    case 3:
      return random.chance(3) ? PAGE_TABLE + (((random.chance(2) ? CODE : DATA) / 512n) % 4096n) : anywhere(DATA, 1);
    default:
      return anywhere(DATA, 2) & ~7n;
  }
}
