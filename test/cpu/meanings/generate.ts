import type { Decoder } from '../../../src/cpu/decode/decoder.js';
import type { Form, MemoryOperand } from '../../../src/cpu/meaning/form.js';
import type { Instruction } from '../../../src/cpu/decode/instruction.js';
import { FREE_RUN, RFLAGS, initialX87, type OracleCase } from '../../oracle/case.js';
import { CODE_BYTES, initialWindows } from '../../oracle/layout.js';
import { UNRESTRICTED, type Surroundings } from '../../oracle/surroundings.js';
import { encodeForm, type Encoded } from '../../support/encode.js';
import { Random } from '../../support/random.js';
import { linearAddress, solveAddress, type Draft } from './draft.js';
import { memoryContents } from './memory-contents.js';
import { aimImplied, prepareRegisters, type ChooseTarget } from './prepare.js';
import { randomGpr, randomMxcsr, randomRflags, randomXmm, type Lanes } from './random-state.js';
import { randomX87 } from './random-x87.js';
import { randomTarget, windowsOver } from './targets.js';

/** One instruction of a form, and everything that it starts from. Seed, number and surroundings determine it. */
export interface MeaningCase {
  readonly number: number;
  readonly form: Form;
  readonly instruction: Instruction;
  readonly oracle: OracleCase;
  /** What the windows hold. */
  readonly contents: readonly Uint8Array[];
  /** Ticks that the engines get: more than 1 for iterations of REP. */
  readonly ticks: number;
  /** The page tables have no A and D bits, and the TLB is empty. */
  readonly cold: boolean;
  /** The linear address of the memory operand, if there is one. */
  readonly address: bigint | undefined;
}

/** The generator of case `number` of a form in a run with `seed`: rows that are added elsewhere do not change it. */
export function caseRandom(seed: number, form: Form, number: number): Random {
  return new Random((Math.imul(seed, 0x2545_f491) + Math.imul(number, 0x9e37_79b1) + hashOf(describeForm(form))) | 0);
}

/** A form in words that no other form has. */
export function describeForm({ row, width, operands, addressWidth, lock, repeat }: Form): string {
  const shape = operands.flatMap((operand) => (operand.kind === 'memory' ? [operand.shape] : []));
  return [row.encoding, row.mnemonic, width, ...shape, addressWidth, lock ? 'LOCK' : '', repeat].join(' ');
}

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c_9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x0100_0193);
  return hash;
}

/** Case `number` of a run with `seed`, within what the surroundings allow: the forms take turns. */
export function makeMeaningCase(
  decoder: Decoder,
  seed: number,
  number: number,
  surroundings: Surroundings = UNRESTRICTED,
): MeaningCase {
  const { forms } = decoder;
  const form = forms[number % forms.length]!;
  const turn = Math.floor(number / forms.length);
  const random = caseRandom(seed, form, turn);
  const kind = { lanes: lanesOf(form), tame: random.chance(3) };
  const draft = newDraft(decoder, form, random, surroundings);
  prepareRegisters(draft, random);
  const implied = aimImplied(draft, random);
  const memory = form.operands.find((operand) => operand.kind === 'memory');
  if (memory) aimOperand(draft, decoder, random, memory);
  const address = memory && linearAddress(draft);
  const stretches = implied();
  if (address !== undefined) stretches.push(operandStretch(form, address));
  const contents = memoryContents(draft, windowsOver(stretches), address, kind, random);
  const ticks = form.repeat === 'none' ? 1 : 1 + random.below(5);
  return {
    number,
    form,
    instruction: draft.instruction,
    oracle: {
      bytes: draft.bytes,
      codeOffset: draft.codeOffset,
      gpr: draft.gpr,
      // Linux drops NT and ID between two steps.
      rflags: randomRflags(random) & surroundings.startFlags & (ticks > 1 ? ~(RFLAGS.NT | RFLAGS.ID) : -1),
      xmm: withSums(draft, withIndexes(draft, randomXmm(random, kind), random), random),
      mxcsr: randomMxcsr(random, kind.tame),
      x87: usesX87(form) ? randomX87(caseRandom(~seed, form, turn)) : initialX87(),
      fsBase: draft.fsBase,
      gsBase: draft.gsBase,
      memory: contents,
      maxSteps: runsFreely(form) ? FREE_RUN : ticks,
    },
    contents: initialWindows(contents),
    ticks,
    cold: random.chance(32),
    address,
  };
}

/** Mostly, the indexes of a gather are small. */
function withIndexes({ form, instruction }: Draft, xmm: Uint8Array, random: Random): Uint8Array {
  const place = form.row.operands.findIndex(({ where }) => where === 'X');
  if (place < 0 || random.chance(8)) return xmm;
  const wide = /GATHERQ/.test(form.row.mnemonic);
  for (const start of [16 * instruction.extra, 256 + 16 * instruction.extra]) {
    const view = new DataView(xmm.buffer, xmm.byteOffset + start, 16);
    for (let at = 0; at < 16; at += wide ? 8 : 4) {
      const index = random.below(2 * GATHER_REACH) - GATHER_REACH;
      if (wide) view.setBigInt64(at, BigInt(index), true);
      else view.setInt32(at, index, true);
    }
  }
  return xmm;
}

/** Half of the time, the addend of a fused operation is about as large as the product: the sum cancels, or is next to a half. */
function withSums({ form, instruction }: Draft, xmm: Uint8Array, random: Random): Uint8Array {
  const order = /^VFN?M(?:ADD|SUB)+(\d)(\d)(\d)/.exec(form.row.mnemonic);
  if (!order || random.chance(2)) return xmm;
  const registers = [instruction.reg, instruction.vvvv, form.third.kind === 'xmm' ? instruction.rm : undefined];
  const [x, y, z] = [1, 2, 3].map((i) => registers[Number(order[i]) - 1]);
  if (x === undefined || y === undefined || z === undefined) return xmm;
  const view = new DataView(xmm.buffer, xmm.byteOffset);
  const isDouble = form.row.mnemonic.endsWith('D');
  for (const half of [0, 256])
    for (let at = half; at < half + 16; at += isDouble ? 8 : 4) {
      const sign = random.chance(2) ? -1 : 1;
      const nearby = random.below(5) - 2;
      if (isDouble) {
        const product = view.getFloat64(16 * x + at, true) * view.getFloat64(16 * y + at, true);
        view.setFloat64(16 * z + at, sign * product, true);
        view.setBigInt64(16 * z + at, view.getBigInt64(16 * z + at, true) + BigInt(nearby), true);
      } else {
        const product = view.getFloat32(16 * x + at, true) * view.getFloat32(16 * y + at, true);
        view.setFloat32(16 * z + at, sign * product, true);
        view.setInt32(16 * z + at, view.getInt32(16 * z + at, true) + nearby, true);
      }
    }
  return xmm;
}

/** Indexes of gathers are below this, and scaled by at most 8. */
const GATHER_REACH = 8;

/** Instructions that read or change the x87 state. */
function usesX87({ row }: Form): boolean {
  return (
    row.feature === 'FPU' ||
    row.feature === 'MMX' ||
    row.operands.some(({ file }) => file === 'mmx') ||
    /^(F?X(SAVE|RSTOR)|FISTTP)/.test(row.mnemonic)
  );
}

function newDraft(decoder: Decoder, form: Form, random: Random, { acceptsBase }: Surroundings): Draft {
  const encoded = withSmallFrame(decoder, encodeForm(decoder, form, random), random);
  const { bytes, instruction } = withMorePrefixes(decoder, encoded, random);
  const base = (): bigint => (random.chance(4) ? randomBase(random, acceptsBase) : 0n);
  return {
    form,
    bytes,
    instruction,
    codeOffset: randomCodeOffset(random, bytes.length),
    gpr: randomGpr(random),
    fsBase: base(),
    gsBase: base(),
    acceptsBase,
  };
}

/** Any canonical address that is accepted as a base: where the upper half is refused, one of the lower half. */
function randomBase(random: Random, acceptsBase: Draft['acceptsBase']): bigint {
  const bits = random.bits64();
  const bases = [BigInt.asUintN(64, BigInt.asIntN(48, bits)), BigInt.asUintN(47, bits)];
  return bases.find(acceptsBase) ?? 0n;
}

/**
 * Now and then one more prefix: a segment for strings and XLAT, of which the encoder does not know that they have one, or one
 * that is ignored.
 */
function withMorePrefixes(decoder: Decoder, encoded: Encoded, random: Random): Encoded {
  const { attributes } = encoded.instruction.form.row;
  const prefixes = attributes.has('ADDRESS') && random.chance(4) ? [0x64, 0x65] : random.chance(16) ? PREFIXES : [];
  if (prefixes.length === 0) return encoded;
  const bytes = Uint8Array.of(random.pick(prefixes), ...encoded.bytes);
  const instruction = decoder.decode(bytes, 0, bytes.length);
  if (typeof instruction === 'string' || instruction.form !== encoded.instruction.form) return encoded;
  return { bytes, instruction };
}

/** Mostly, what ENTER takes off RSP fits the arena; its words lie two bytes before the nesting depth, at the end. */
function withSmallFrame(decoder: Decoder, encoded: Encoded, random: Random): Encoded {
  if (encoded.instruction.form.row.mnemonic !== 'ENTER' || random.chance(4)) return encoded;
  const bytes = encoded.bytes.slice();
  bytes[bytes.length - 2] = 0;
  const instruction = decoder.decode(bytes, 0, bytes.length);
  if (typeof instruction === 'string') throw new Error('ENTER with a small frame does not decode');
  return { bytes, instruction };
}

const PREFIXES = [0x26, 0x2e, 0x36, 0x3e, 0x66, 0x67, 0xf2, 0xf3];

/** Anywhere in the code pages, now and then across their border or their end. */
function randomCodeOffset(random: Random, length: number): number {
  const kind = random.below(32);
  if (kind === 0) return CODE_BYTES - random.below(length + 1);
  if (kind < 3) return CODE_BYTES / 2 - random.below(length + 1);
  return random.below(CODE_BYTES - length);
}

/** Makes the memory operand lie where `choose` says, or near it. */
export function aimOperand(
  draft: Draft,
  decoder: Decoder,
  random: Random,
  memory: MemoryOperand,
  choose: ChooseTarget = randomTarget,
): void {
  const { form } = draft;
  const bytes = operandBytes(form, memory);
  const alignment = bytes === FXSAVE_BYTES ? 16 : bytes === XSAVE_BYTES ? 64 : memory.aligned ? bytes : 1;
  const low = form.addressWidth === 32 && draft.instruction.segment < 4;
  const target = choose(random, draft.codeOffset, bytes, alignment, low);
  const locks = form.lock || form.row.mnemonic === 'XCHG';
  const splits = locks && target % CACHE_LINE_BYTES > CACHE_LINE_BYTES - BigInt(bytes);
  const aim = splits && !random.chance(SPLIT_LOCKS) ? target & ~BigInt(bytes - 1) : target;
  solveAddress(draft, decoder, random, aim);
}

/** The host is never asked about these (never-asked.ts), so one in this many is enough. */
const SPLIT_LOCKS = 100;
const CACHE_LINE_BYTES = 64n;

const FXSAVE_BYTES = 512;
const XSAVE_BYTES = 832;
/** What a memory operand of no size of its own has at most: a far pointer. */
const FAR_POINTER_BYTES = 10;

/** The images of x87 that are larger than a number. */
const X87_BYTES: Readonly<Record<string, number>> = { FNSTENV: 28, FLDENV: 28, FNSAVE: 108, FRSTOR: 108 };
const EXTENDED_BYTES = 10;

function operandBytes({ row }: Form, { width }: MemoryOperand): number {
  if (/^FX(SAVE|RSTOR)/.test(row.mnemonic)) return FXSAVE_BYTES;
  if (/^X(SAVE|RSTOR)/.test(row.mnemonic)) return XSAVE_BYTES;
  if (row.feature === 'FPU' && width === 0) return X87_BYTES[row.mnemonic] ?? EXTENDED_BYTES;
  return width === 0 ? FAR_POINTER_BYTES : width / 8;
}

/** Of a bit string, BT reaches 512 bits either way (mostly: prepare.ts). */
function operandStretch(form: Form, address: bigint): { address: bigint; before: number; after: number } {
  const memory = form.operands.find((operand) => operand.kind === 'memory')!;
  const isGather = form.row.operands.some(({ where }) => where === 'X');
  const reach = isGather ? 9 * GATHER_REACH : form.row.mnemonic.startsWith('BT') && form.src.kind === 'gpr' ? 72 : 0;
  return { address, before: reach, after: operandBytes(form, memory) + reach };
}

/** The lanes that an instruction on XMM registers computes with, or x87 in memory. */
function lanesOf({ row }: Form): Lanes {
  const { mnemonic } = row;
  if (row.feature === 'FPU' && !/^F(I|B)/.test(mnemonic)) return row.operands[0]?.size === 32 ? 'single' : 'double';
  if (!row.operands.some(({ file }) => file === 'xmm')) return 'integer';
  const format = /^V?CVTT?(PD|SD|PS|SS|DQ|SI)/.exec(mnemonic)?.[1] ?? mnemonic.slice(-2);
  if (format === 'PD' || format === 'SD') return 'double';
  if (format === 'PS' || format === 'SS') return 'single';
  return 'integer';
}

/**
 * What may run untraced on the CPU: no branch, which may lead into itself, no REP, of which some iterations are wanted, and
 * nothing that sets TF or holds traps back.
 */
export function runsFreely(form: Form): boolean {
  const { attributes, mnemonic } = form.row;
  if (attributes.has('BRANCH') || form.repeat !== 'none') return false;
  return mnemonic !== 'POPF' && form.dest.kind !== 'segment' && mnemonic !== 'LSS' && mnemonic !== 'POP';
}
