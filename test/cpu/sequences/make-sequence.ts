/** Random straight lines of instructions, each of which goes on from the state that the one before it leaves. */
import type { Decoder } from '../../../src/cpu/decode/decoder.js';
import type { Form } from '../../../src/cpu/meaning/form.js';
import { RSP } from '../../../src/cpu/state/layout.js';
import { FREE_RUN, RFLAGS, RFLAGS_ALLOWED, type OracleRegisters } from '../../oracle/case.js';
import {
  ARENA_BYTES,
  CODE,
  HIGH_ARENA,
  LOW_ARENA,
  contains,
  initialWindows,
  type Window,
} from '../../oracle/layout.js';
import type { Surroundings } from '../../oracle/surroundings.js';
import { encodeForm } from '../../support/encode.js';
import type { Random } from '../../support/random.js';
import { linearAddress, type Draft } from '../meanings/draft.js';
import { aimOperand, runsFreely, type MeaningCase } from '../meanings/generate.js';
import type { Guest, GuestState } from '../meanings/guest.js';
import { aimImplied, prepareRegisters, USES_STACK, type ChooseTarget } from '../meanings/prepare.js';
import { putVector, randomGpr, randomMxcsr, randomRflags, type Lanes } from '../meanings/random-state.js';
import { randomX87 } from '../meanings/random-x87.js';
import type { FormDeck } from './groups.js';

export const SHORTEST = 5;
export const LONGEST = 30;

/** Ticks that an instruction may take: REP counts are below 7. */
const MOST_TICKS = 8;
/** Instructions drawn for one place before the sequence ends there. */
const DRAWS = 200;

/** All memory of sequences: across pages, in both arenas, at the read-only page and at the end of the arena. */
const WINDOWS: readonly Window[] = [
  { address: HIGH_ARENA + 0x1000n - 256n, length: 512 },
  { address: HIGH_ARENA + 0x2000n - 512n, length: 1024 },
  { address: HIGH_ARENA + 0x3000n - 64n, length: 256 },
  { address: HIGH_ARENA + BigInt(ARENA_BYTES) - 64n, length: 64 },
  { address: LOW_ARENA + 0x1000n - 512n, length: 1024 },
];
const STACK = WINDOWS[0]!;

/** One instruction: the state that it starts from, and the state that the evaluator gives after it. */
export interface Step {
  readonly c: MeaningCase;
  readonly after: GuestState;
}

/** Steps, each of which starts where the one before it ends. */
export interface Sequence {
  readonly number: number;
  readonly steps: readonly Step[];
}

/** What a sequence is made with. */
export interface Maker {
  readonly decoder: Decoder;
  readonly deck: FormDeck;
  readonly evaluator: Guest;
  readonly surroundings: Surroundings;
}

/** What an instruction starts from. */
interface Start {
  readonly registers: OracleRegisters & { readonly rflags: number };
  readonly codeOffset: number;
  readonly contents: readonly Uint8Array[];
  /** Ticks since the start of the sequence. */
  readonly ticks: number;
}

/** Sequences start so many ticks apart, in units of those of cases: RDTSC gives a step what it gives the whole sequence. */
export const CASES_PER_SEQUENCE = 16;
const TICKS_PER_CASE = 16;

/** Makes sequence `number`, of SHORTEST to LONGEST instructions; the generator determines it. */
export function makeSequence(maker: Maker, random: Random, number: number): Sequence {
  const length = SHORTEST + random.below(LONGEST - SHORTEST + 1);
  const steps: Step[] = [];
  let start: Start | undefined = firstStart(maker, random);
  while (start !== undefined && steps.length < length) {
    const made = nextSteps(maker, random, start, number, steps.length, length);
    if (made === undefined) break;
    steps.push(...made);
    const { c, after } = made.at(-1)!;
    start = goesOn(c, after) ? startAfter(start, made) : undefined;
  }
  return { number, steps };
}

/** Registers of all kinds and any flags; exceptions of MXCSR and x87 are mostly masked, since one ends the sequence. */
function firstStart({ surroundings }: Maker, random: Random): Start {
  const tame = !random.chance(4);
  const rflags = randomRflags(random) & surroundings.startFlags & ~RFLAGS.NT & (random.chance(8) ? -1 : ~RFLAGS.AC);
  const gpr = randomGpr(random);
  gpr[RSP] = STACK.address + BigInt(STACK.length / 2);
  const x87 = randomX87(random);
  if (tame) {
    x87[0] = x87[0]! | 0x3f;
    // No pending exception: ES and B.
    x87[2] = x87[2]! & 0x7f;
    x87[3] = x87[3]! & 0x7f;
  }
  return {
    registers: {
      gpr,
      rflags,
      xmm: mixedVectors(random),
      mxcsr: randomMxcsr(random, tame) | (tame ? 0x1f80 : 0),
      x87,
      fsBase: 0n,
      gsBase: 0n,
    },
    codeOffset: random.below(4096),
    contents: initialWindows({ seed: random.next() | 0, windows: [...WINDOWS] }),
    ticks: 0,
  };
}

const LANES: readonly Lanes[] = ['single', 'double', 'integer'];

function mixedVectors(random: Random): Uint8Array {
  const words = new Uint32Array(128);
  for (let i = 0; i < words.length; i += 4)
    putVector(random, words, i, { lanes: random.pick(LANES), tame: !random.chance(4) });
  return new Uint8Array(words.buffer);
}

function startAfter(start: Start, steps: readonly Step[]): Start {
  const { c, after } = steps.at(-1)!;
  const { gpr, rflags, xmm, mxcsr, x87, fsBase, gsBase, windows } = after;
  return {
    registers: { gpr, rflags, xmm, mxcsr, x87, fsBase, gsBase },
    codeOffset: c.oracle.codeOffset + c.oracle.bytes.length,
    contents: windows,
    ticks: steps.reduce((ticks, step) => ticks + step.after.ticks, start.ticks),
  };
}

/** Whether the next instruction is the one behind it. */
function goesOn({ oracle }: MeaningCase, { event, rip }: GuestState): boolean {
  return event === 'ticks' && rip === CODE + BigInt(oracle.codeOffset + oracle.bytes.length);
}

/** An instruction that can stand next, after the MOVs that aim its registers; undefined if none is found. */
function nextSteps(
  maker: Maker,
  random: Random,
  start: Start,
  number: number,
  position: number,
  length: number,
): Step[] | undefined {
  for (let i = 0; i < DRAWS; i++) {
    const steps = attempt(maker, random, start, number);
    if (steps === undefined || position + steps.length > length) continue;
    const { c, after } = steps.at(-1)!;
    // What ends a sequence comes at its end, and not always there.
    const isLast = position + steps.length >= Math.max(SHORTEST, length - 2);
    if (goesOn(c, after) || (isLast && random.chance(4))) return steps;
  }
  return undefined;
}

function attempt(maker: Maker, random: Random, start: Start, number: number): Step[] | undefined {
  const form = maker.deck.draw(random);
  const draft = aimedDraft(maker, random, form, start);
  if (draft === undefined) return undefined;
  const steps: Step[] = [];
  let from = start;
  const run = (one: Draft): boolean => {
    const step = runStep(maker, one, from, number * CASES_PER_SEQUENCE + from.ticks / TICKS_PER_CASE);
    if (step === undefined) return false;
    steps.push(step);
    from = startAfter(from, [step]);
    return true;
  };
  for (const move of movesFor(maker, draft, start)) if (!run(move)) return undefined;
  return run(draft) ? steps : undefined;
}

/** Where memory is accessed: in a window, at any offset or an aligned one. */
const inWindow: ChooseTarget = (random, _codeOffset, bytes, alignment, low) => {
  const fitting = WINDOWS.filter(({ address, length }) => length >= bytes && (!low || address < HIGH_ARENA));
  const { address, length } = random.pick(fitting);
  const target = address + BigInt(random.below(length - bytes + 1));
  return alignment > 1 || random.chance(2) ? target & ~BigInt(Math.max(alignment, 16) - 1) : target;
};

/** The instruction, with the registers that it should start from; undefined if a segment's base would have to change. */
function aimedDraft(maker: Maker, random: Random, form: Form, start: Start): Draft | undefined {
  const { registers } = start;
  const { bytes, instruction } = encodeForm(maker.decoder, form, random);
  const draft: Draft = {
    ...{ form, bytes, instruction, codeOffset: start.codeOffset },
    gpr: registers.gpr.slice(),
    fsBase: registers.fsBase,
    gsBase: registers.gsBase,
    acceptsBase: () => false,
  };
  prepareRegisters(draft, random);
  aimImplied(draft, random, inWindow);
  // The stack goes on from where it is, as long as it is there.
  const needsStack = USES_STACK.test(form.row.mnemonic) || form.row.mnemonic === 'ENTER';
  if (!needsStack || contains(STACK, registers.gpr[RSP]! - 64n, 128)) draft.gpr[RSP] = registers.gpr[RSP]!;
  const memory = form.operands.find((operand) => operand.kind === 'memory');
  if (memory) aimOperand(draft, maker.decoder, random, memory, inWindow);
  const aimed = { ...draft, codeOffset: start.codeOffset + MOVE_BYTES * changedRegisters(draft, start).length };
  if (memory && draft.instruction.ripRelative) aimOperand(aimed, maker.decoder, random, memory, inWindow);
  return aimed.fsBase === registers.fsBase && aimed.gsBase === registers.gsBase ? aimed : undefined;
}

/** MOV r64, imm64. */
const MOVE_BYTES = 10;

function changedRegisters({ gpr }: Draft, { registers }: Start): number[] {
  return [...gpr.keys()].filter((register) => gpr[register] !== registers.gpr[register]);
}

/** A MOV for each register that the draft wants to start with. */
function movesFor({ decoder }: Maker, draft: Draft, start: Start): Draft[] {
  return changedRegisters(draft, start).map((register, i) => {
    const bytes = new Uint8Array(MOVE_BYTES);
    bytes.set([0x48 | (register >> 3), 0xb8 | (register & 7)]);
    new DataView(bytes.buffer).setBigUint64(2, draft.gpr[register]!, true);
    const instruction = decoder.decode(bytes, 0, bytes.length);
    if (typeof instruction === 'string') throw new Error('MOV r64, imm64 does not decode');
    return { ...draft, form: instruction.form, bytes, instruction, codeOffset: start.codeOffset + MOVE_BYTES * i };
  });
}

/** What stores or loads where the last x87 instruction stood, which AMD processors forget without a pending exception. */
const STORES_POINTERS = /^(FNSAVE|FNSTENV|FX(SAVE|RSTOR)(64)?|X(SAVE|RSTOR)(OPT|C|S)?(64)?)$/;

/** Whether the image of a state has the last x87 instruction, or its operand. SDM Vol. 1 table 10-2. */
function hasPointers(x87: Uint8Array): boolean {
  return x87.subarray(6, 24).some((byte) => byte !== 0);
}

/** Runs an instruction in the evaluator; undefined if it cannot be a step. */
function runStep(maker: Maker, draft: Draft, start: Start, number: number): Step | undefined {
  const { form, instruction, bytes, codeOffset } = draft;
  if (STORES_POINTERS.test(form.row.mnemonic) && hasPointers(start.registers.x87)) return undefined;
  const ticks = form.repeat === 'none' ? 1 : MOST_TICKS;
  const windows = [...WINDOWS];
  const c: MeaningCase = {
    ...{ number, form, instruction, ticks, cold: false, contents: start.contents },
    oracle: {
      ...{ ...start.registers, bytes, codeOffset, maxSteps: runsFreely(form) ? FREE_RUN : ticks },
      memory: {
        seed: 0,
        windows,
        patches: windows.map(({ address }, i) => ({ address, bytes: start.contents[i]! })),
      },
    },
    address: form.operands.some(({ kind }) => kind === 'memory') ? linearAddress(draft) : undefined,
  };
  const after = maker.evaluator.step(c);
  const stray = maker.evaluator.takeStray();
  return stray === undefined && canBeStep(maker, c, after) ? { c, after } : undefined;
}

/** The oracle starts every step with null selectors, bases that it accepts, and flags that its host lets through. */
function canBeStep({ surroundings }: Maker, { form, oracle }: MeaningCase, after: GuestState): boolean {
  if (!['ticks', 'fault', 'trap'].includes(after.event)) return false;
  // REP that has not ended.
  if (after.event === 'ticks' && after.rip === CODE + BigInt(oracle.codeOffset)) return false;
  if (form.repeat !== 'none' && (oracle.rflags & (RFLAGS.NT | RFLAGS.ID)) !== 0) return false;
  if ((after.rflags & ~(RFLAGS_ALLOWED & surroundings.startFlags)) !== 0) return false;
  if (!surroundings.acceptsBase(after.fsBase) || !surroundings.acceptsBase(after.gsBase)) return false;
  return [0, 3, 4, 5].every((segment) => after.selectors[segment] === 0);
}
