/** Register values that individual instructions need so that more than their first check is tested. */
import type { Form } from '../../../src/cpu/meaning/form.js';
import { HIGH_BYTE, RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP } from '../../../src/cpu/state/layout.js';
import { ARENA_BYTES, CODE, CODE_BYTES, HIGH_ARENA } from '../../oracle/layout.js';
import type { Random } from '../../support/random.js';
import { segmentBase, type Draft } from './draft.js';
import { randomTarget, type Stretch } from './targets.js';

/** Selectors that Linux and bd0 agree on: null, the segments of user mode with any RPL, and beyond every table. */
const SELECTORS = [0, 3, 0x2b, 0x2b, 0x2b, 0x33, 0x33, 0x28, 0x30, 0x29, 0x31, 0x2a, 0x32, 0xfff8];

export function randomSelector(random: Random): number {
  const any = random.below(0x1_0000);
  return random.chance(16) && any >= LINUX_TABLE_BYTES ? any : random.pick(SELECTORS);
}

/** Linux has a descriptor table of 16 entries, some of which bd0 has not. */
const LINUX_TABLE_BYTES = 0x80;

/** An address to go to: in the code, anywhere canonical, or rarely not. */
export function randomDestination(random: Random): bigint {
  switch (random.below(8)) {
    case 0:
      return BigInt.asUintN(64, BigInt.asIntN(48, random.bits64()));
    case 1:
      return random.bits64();
    case 2:
      return HIGH_ARENA + BigInt(random.below(ARENA_BYTES));
    default:
      return CODE + BigInt(random.below(CODE_BYTES));
  }
}

const REGISTERS_THAT_COUNT = new Set(['LOOP', 'LOOPE', 'LOOPNE', 'JRCXZ']);

/** Sets what the instruction implies: counts, dividends, bit offsets, selectors, destinations in registers. */
export function prepareRegisters(draft: Draft, random: Random): void {
  const { form, gpr, instruction } = draft;
  const { mnemonic } = form.row;
  if (form.repeat !== 'none' || REGISTERS_THAT_COUNT.has(mnemonic)) setCount(draft, random);
  else if (/^X(SAVE|RSTOR)/.test(mnemonic)) setComponents(gpr, random);
  else if (mnemonic === 'XGETBV') gpr[RCX] = (gpr[RCX]! & ~0xffff_ffffn) | BigInt(random.pick([0, 0, 2]));
  else if (mnemonic === 'DIV' || mnemonic === 'IDIV') setDividend(draft, random);
  else if (mnemonic.startsWith('BT') && form.dest.kind === 'memory' && form.src.kind === 'gpr' && !random.chance(4))
    gpr[instruction.reg] = BigInt.asUintN(64, BigInt(random.below(1025) - 512));
  else if (form.dest.kind === 'gpr' && form.dest.field === 'rm' && takesDestination(form))
    gpr[instruction.rm] = randomDestination(random);
  else if (takesSelector(form)) setLow16(gpr, instruction.rm, randomSelector(random));
  else if (mnemonic.startsWith('CMPXCHG') && form.dest.kind === 'gpr' && random.chance(2)) {
    const { rm } = instruction;
    if (rm < HIGH_BYTE) gpr[RAX] = gpr[rm]!;
  }
}

/** State components that bd0 and every host with AVX have. */
function setComponents(gpr: BigUint64Array, random: Random): void {
  gpr[RAX] = BigInt(random.below(8));
  gpr[RDX] = 0n;
}

function setCount({ form, gpr }: Draft, random: Random): void {
  if (random.chance(12)) return;
  const upper = form.addressWidth === 32 && random.chance(2) ? BigInt(random.next()) << 32n : 0n;
  gpr[RCX] = upper | BigInt(random.below(7));
}

/** A high half that is zero, the sign of the low one, or small, so that most quotients fit. */
function setDividend({ form, gpr }: Draft, random: Random): void {
  const bits = random.below(8);
  if (bits > 4) return;
  const high = bits < 2 ? 0n : bits === 2 ? BigInt(random.below(100)) : signOf(form, gpr[RAX]!);
  if (form.width === 8) gpr[RAX] = (gpr[RAX]! & ~0xff00n) | ((high & 0xffn) << 8n);
  else gpr[RDX] = BigInt.asUintN(64, high);
}

function signOf(form: Form, value: bigint): bigint {
  return BigInt.asIntN(form.width, value) < 0n ? -1n : 0n;
}

/** Near indirect branches, and WRFSBASE and WRGSBASE, which want canonical addresses too. */
export function takesDestination({ row }: Form): boolean {
  return ['JMP', 'CALL', 'WRFSBASE', 'WRGSBASE'].includes(row.mnemonic);
}

/** Instructions whose source or only operand is a selector. */
export function takesSelector({ row, dest }: Form): boolean {
  return dest.kind === 'segment' || ['LAR', 'LSL', 'VERR', 'VERW', 'LLDT', 'LTR'].includes(row.mnemonic);
}

function setLow16(gpr: BigUint64Array, register: number, value: number): void {
  if (register < HIGH_BYTE) gpr[register] = (gpr[register]! & ~0xffffn) | BigInt(value);
}

const WORD_BYTES = 8;
/** IRET pops five words, ENTER pushes up to 33. */
const STACK_WORDS = 40;

/** Chooses an address: see `randomTarget`. */
export type ChooseTarget = typeof randomTarget;

/** Aims the registers of implied accesses, the stack's always, and gives what they may touch. */
export function aimImplied(draft: Draft, random: Random, choose: ChooseTarget = randomTarget): () => Stretch[] {
  const { form, gpr } = draft;
  const { mnemonic, attributes } = form.row;
  const low = form.addressWidth === 32;
  const width = form.width / 8;
  if (!random.chance(8)) gpr[RSP] = choose(random, draft.codeOffset, WORD_BYTES, 1, false);
  if (mnemonic === 'LEAVE' || mnemonic === 'ENTER') {
    if (!random.chance(8)) gpr[RBP] = choose(random, draft.codeOffset, WORD_BYTES, 1, false);
  } else if (IS_MASKED_STORE.test(mnemonic))
    aimAt(draft, RDI, choose(random, draft.codeOffset, maskBytes(mnemonic), 1, low), random, true);
  else if (mnemonic === 'XLAT')
    aimAt(draft, RBX, choose(random, draft.codeOffset, 1, 1, low) - (gpr[RAX]! & 0xffn), random, true);
  else if (attributes.has('REP') || attributes.has('REPZ')) {
    aimAt(draft, RDI, choose(random, draft.codeOffset, width, 1, low), random, false);
    aimAt(draft, RSI, choose(random, draft.codeOffset, width, 1, low), random, true);
  }
  return () => stretchesOf(draft);
}

/** Makes a register address `target`; `segmented`: in the segment of the prefix, if there is one. */
function aimAt(draft: Draft, register: number, target: bigint, random: Random, segmented: boolean): void {
  const effective = segmented ? target - segmentBase(draft) : target;
  const upper = draft.form.addressWidth === 32 ? BigInt(random.next()) << 32n : 0n;
  draft.gpr[register] = upper === 0n ? BigInt.asUintN(64, effective) : upper | BigInt.asUintN(32, effective);
}

function stretchesOf(draft: Draft): Stretch[] {
  const { form, gpr } = draft;
  const { mnemonic, attributes } = form.row;
  const at = (register: number, segmented: boolean): bigint =>
    BigInt.asUintN(64, BigInt.asUintN(form.addressWidth, gpr[register]!) + (segmented ? segmentBase(draft) : 0n));
  const stretches: Stretch[] = [];
  const around = (address: bigint, before: number, after: number): void =>
    void stretches.push({ address, before, after });
  if (mnemonic === 'ENTER') around(gpr[RSP]!, STACK_WORDS * WORD_BYTES, WORD_BYTES);
  else if (USES_STACK.test(mnemonic)) around(gpr[RSP]!, 16, STACK_WORDS);
  if (mnemonic === 'ENTER') around(gpr[RBP]!, STACK_WORDS * WORD_BYTES, WORD_BYTES);
  if (mnemonic === 'LEAVE') around(gpr[RBP]!, 0, WORD_BYTES);
  if (IS_MASKED_STORE.test(mnemonic)) around(at(RDI, true), 0, maskBytes(mnemonic));
  if (mnemonic === 'XLAT')
    around(
      BigInt.asUintN(64, BigInt.asUintN(form.addressWidth, gpr[RBX]! + (gpr[RAX]! & 0xffn)) + segmentBase(draft)),
      0,
      1,
    );
  if (attributes.has('REP') || attributes.has('REPZ')) {
    around(at(RDI, false), 48, 48);
    around(at(RSI, true), 48, 48);
  }
  return stretches;
}

/** MASKMOVQ and MASKMOVDQU. */
function maskBytes(mnemonic: string): number {
  return mnemonic === 'MASKMOVQ' ? 8 : 16;
}

/** At RDI. */
const IS_MASKED_STORE = /^V?MASKMOV(Q|DQU)$/;

export const USES_STACK = /^(PUSH|POP|CALL|RET|IRET|LEAVE)/;
