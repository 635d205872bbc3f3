/** A case under construction: an instruction whose registers are still being chosen, and the choice of its address. */
import { MASK64, isCanonical, truncate } from '../../../src/bits.js';
import type { Decoder } from '../../../src/cpu/decode/decoder.js';
import type { Form } from '../../../src/cpu/meaning/form.js';
import type { Instruction } from '../../../src/cpu/decode/instruction.js';
import { FS, GS } from '../../../src/cpu/state/layout.js';
import { CODE } from '../../oracle/layout.js';
import type { Random } from '../../support/random.js';

export interface Draft {
  readonly form: Form;
  bytes: Uint8Array;
  instruction: Instruction;
  readonly codeOffset: number;
  readonly gpr: BigUint64Array;
  fsBase: bigint;
  gsBase: bigint;
  /** False for a base that the host refuses. */
  readonly acceptsBase: (base: bigint) => boolean;
}

/** Inverses of 3, 5 and 9 modulo 2^64: base and index are one register, which counts 1 + 2^scale times. */
const INVERSE: readonly bigint[] = [0n, 0xaaaa_aaaa_aaaa_aaabn, 0xcccc_cccc_cccc_cccdn, 0x8e38_e38e_38e3_8e39n];
const MASK32 = 0xffff_ffffn;

/** The segment's base as the draft has it. */
export function segmentBase(draft: Draft): bigint {
  const { segment } = draft.instruction;
  return segment === FS ? draft.fsBase : segment === GS ? draft.gsBase : 0n;
}

/** Address of the next instruction. */
export function nextRip({ codeOffset, bytes }: Draft): bigint {
  return CODE + BigInt(codeOffset + bytes.length);
}

/** The linear address of the memory operand. */
export function linearAddress(draft: Draft): bigint {
  const { base, index, scale, displacement, ripRelative } = draft.instruction;
  let address = displacement;
  if (ripRelative) address += nextRip(draft);
  if (base >= 0) address += draft.gpr[base]!;
  if (index >= 0) address += draft.gpr[index]! << BigInt(scale);
  return (truncate(draft.form.addressWidth, address) + segmentBase(draft)) & MASK64;
}

/** Chooses registers, displacement and segment base such that the memory operand lies at `target`, or near it. */
export function solveAddress(draft: Draft, decoder: Decoder, random: Random, target: bigint): void {
  const { instruction, form } = draft;
  const { base, index, segment } = instruction;
  const width = form.addressWidth;
  const fixed = base < 0 && index < 0;
  let effective = chooseSegmentBase(draft, random, target);
  if (fixed && !patchDisplacement(draft, decoder, effective) && segment >= FS) {
    // The displacement cannot be chosen, so the segment's base is.
    setSegmentBase(draft, target - (linearAddress(draft) - segmentBase(draft)));
  }
  if (fixed) return;
  effective -= instruction.displacement;
  const scale = BigInt(instruction.scale);
  if (base === index) {
    const value = scale === 0n ? truncate(width, effective) >> 1n : effective * INVERSE[instruction.scale]!;
    setAddressRegister(draft, base, value, random);
  } else if (base >= 0) {
    if (index >= 0) effective -= draft.gpr[index]! << scale;
    setAddressRegister(draft, base, effective, random);
  } else {
    setAddressRegister(draft, index, truncate(width, effective) >> scale, random);
  }
}

/** A base for FS or GS, where the operand lies in one of them. Gives the effective address that `target` then has. */
function chooseSegmentBase(draft: Draft, random: Random, target: bigint): bigint {
  const { segment } = draft.instruction;
  if (segment >= FS) {
    const wide = draft.form.addressWidth === 64;
    const distance = random.chance(4) ? BigInt(random.next()) : BigInt(random.below(256));
    // A base that is left as it is makes the effective address large, or wraps around.
    if (!wide || !random.chance(4)) setSegmentBase(draft, wide && random.chance(3) ? 0n : target - distance);
  }
  return (target - segmentBase(draft)) & MASK64;
}

function setSegmentBase(draft: Draft, base: bigint): void {
  const wrapped = base & MASK64;
  const possible = isCanonical(wrapped) && draft.acceptsBase(wrapped) ? wrapped : 0n;
  if (draft.instruction.segment === FS) draft.fsBase = possible;
  else draft.gsBase = possible;
}

/** With 32-bit addresses the upper half of a register means nothing. */
function setAddressRegister(draft: Draft, register: number, value: bigint, random: Random): void {
  const upper = draft.form.addressWidth === 32 ? BigInt(random.next()) << 32n : 0n;
  draft.gpr[register] = upper === 0n ? value & MASK64 : upper | (value & MASK32);
}

/** Writes the displacement of an address without registers into the bytes; false if it does not fit. */
function patchDisplacement(draft: Draft, decoder: Decoder, effective: bigint): boolean {
  const { instruction, form } = draft;
  const moffs = form.row.operands.some((operand) => operand.where === 'O');
  const bits = moffs ? form.addressWidth : 32;
  const wanted = instruction.ripRelative ? effective - nextRip(draft) : effective;
  const displacement = moffs ? truncate(bits, wanted) : BigInt.asIntN(32, wanted);
  if (truncate(form.addressWidth, displacement) !== truncate(form.addressWidth, wanted)) return false;
  for (let at = draft.bytes.length - bits / 8; at > 0; at--) {
    const bytes = draft.bytes.slice();
    for (let i = 0; i < bits / 8; i++) bytes[at + i] = Number((displacement >> BigInt(8 * i)) & 0xffn);
    const decoded = decoder.decode(bytes, 0, bytes.length);
    if (typeof decoded === 'string' || decoded.form !== form || decoded.length !== bytes.length) continue;
    if (decoded.displacement !== displacement || decoded.immediate !== instruction.immediate) continue;
    if (decoded.reg !== instruction.reg || decoded.ripRelative !== instruction.ripRelative) continue;
    draft.bytes = bytes;
    draft.instruction = decoded;
    return true;
  }
  return false;
}
