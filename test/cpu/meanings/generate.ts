import type { Decoder } from '../../../src/cpu/decoder.js';
import type { Form, MemoryOperand } from '../../../src/cpu/form.js';
import type { Instruction } from '../../../src/cpu/instruction.js';
import { FREE_RUN, type OracleCase } from '../../oracle/case.js';
import { CODE_BYTES, initialWindows } from '../../oracle/layout.js';
import { encodeForm } from '../../support/encode.js';
import { Random } from '../../support/random.js';
import { linearAddress, solveAddress, type Draft } from './draft.js';
import { memoryContents } from './memory-contents.js';
import { aimImplied, prepareRegisters } from './prepare.js';
import { randomGpr, randomMxcsr, randomRflags, randomXmm, type LaneKind } from './random-state.js';
import { randomTarget, windowsOver } from './targets.js';

/** One instruction of a form, and all that it starts from. It follows from seed and number alone. */
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

/** The generator of case `number` of a run with `seed`. */
export function caseRandom(seed: number, number: number): Random {
  return new Random((Math.imul(seed, 0x2545_f491) + number) | 0);
}

/** Case `number` of a run with `seed`: the forms take turns. */
export function makeMeaningCase(decoder: Decoder, seed: number, number: number): MeaningCase {
  const { forms } = decoder;
  const form = forms[number % forms.length]!;
  const random = caseRandom(seed, number);
  const kind = laneKind(form);
  const draft = newDraft(decoder, form, random);
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
      rflags: randomRflags(random),
      xmm: randomXmm(random, kind),
      mxcsr: randomMxcsr(random),
      fsBase: draft.fsBase,
      gsBase: draft.gsBase,
      memory: contents,
      maxSteps: runsFreely(form) ? FREE_RUN : ticks,
    },
    contents: initialWindows(contents),
    ticks,
    cold: random.chance(4),
    address,
  };
}

function newDraft(decoder: Decoder, form: Form, random: Random): Draft {
  const encoded = encodeForm(decoder, form, random);
  let { bytes, instruction } = encoded;
  if (form.row.attributes.has('ADDRESS') && random.chance(4)) {
    // The encoder does not know that strings, XLAT and the like have a segment.
    const prefixed = Uint8Array.of(random.pick([0x64, 0x65]), ...bytes);
    const decoded = decoder.decode(prefixed, 0, prefixed.length);
    if (typeof decoded !== 'string' && decoded.form === form) [bytes, instruction] = [prefixed, decoded];
  }
  const base = (): bigint => (random.chance(4) ? BigInt.asUintN(64, BigInt.asIntN(48, random.bits64())) : 0n);
  return {
    form,
    bytes,
    instruction,
    codeOffset: randomCodeOffset(random, bytes.length),
    gpr: randomGpr(random),
    fsBase: base(),
    gsBase: base(),
  };
}

/** Anywhere in the code pages, now and then across their border or their end. */
function randomCodeOffset(random: Random, length: number): number {
  const kind = random.below(32);
  if (kind === 0) return CODE_BYTES - random.below(length + 1);
  if (kind < 3) return CODE_BYTES / 2 - random.below(length + 1);
  return random.below(CODE_BYTES - length);
}

function aimOperand(draft: Draft, decoder: Decoder, random: Random, memory: MemoryOperand): void {
  const { form } = draft;
  const bytes = operandBytes(form, memory);
  const needsAlignment = memory.aligned || bytes === FXSAVE_BYTES;
  const low = form.addressWidth === 32 && draft.instruction.segment < 4;
  solveAddress(draft, decoder, random, randomTarget(random, bytes, needsAlignment ? 16 : 1, low));
}

const FXSAVE_BYTES = 512;
/** What a memory operand of no size of its own has at most: a far pointer. */
const FAR_POINTER_BYTES = 10;

function operandBytes({ row }: Form, { width }: MemoryOperand): number {
  if (row.mnemonic.startsWith('FX')) return FXSAVE_BYTES;
  return width === 0 ? FAR_POINTER_BYTES : width / 8;
}

/** Of a bit string, BT reaches 512 bits either way (mostly: prepare.ts). */
function operandStretch(form: Form, address: bigint): { address: bigint; before: number; after: number } {
  const memory = form.operands.find((operand) => operand.kind === 'memory')!;
  const reach = form.row.mnemonic.startsWith('BT') && form.src.kind === 'gpr' ? 72 : 0;
  return { address, before: reach, after: operandBytes(form, memory) + reach };
}

/** The lanes that an instruction on XMM registers computes with. */
function laneKind({ row }: Form): LaneKind {
  const { mnemonic } = row;
  if (!row.operands.some(({ file }) => file === 'xmm')) return 'integer';
  const format = /^CVTT?(PD|SD|PS|SS|DQ|SI)/.exec(mnemonic)?.[1] ?? mnemonic.slice(-2);
  if (format === 'PD' || format === 'SD') return 'double';
  if (format === 'PS' || format === 'SS') return 'single';
  return 'integer';
}

/**
 * What may run untraced on the CPU: no branch, which may lead into itself, no REP, of which some iterations are wanted, and
 * nothing that sets TF or holds traps back.
 */
function runsFreely(form: Form): boolean {
  const { attributes, mnemonic } = form.row;
  if (attributes.has('BRANCH') || form.repeat !== 'none') return false;
  return mnemonic !== 'POPF' && form.dest.kind !== 'segment' && mnemonic !== 'LSS' && mnemonic !== 'POP';
}
