/** What the probes and mappings of host differences are made of. */
import { makeCase, RFLAGS, RFLAGS_ALWAYS, type OracleCase, type OracleResult } from '../../../oracle/case.js';
import { ARENA_BYTES, CODE, HIGH_ARENA, contains } from '../../../oracle/layout.js';
import { Vector } from '../../../../src/cpu/state/exceptions.js';
import type { VendorDifference } from '../../../../src/cpu/decode/row.js';
import type { Answers, Expectation, HostDifference } from '../host-differences.js';
import type { MeaningCase } from '../generate.js';

export const MIDDLE = HIGH_ARENA + 0x1000n;
export const END = HIGH_ARENA + BigInt(ARENA_BYTES);
/** Two pages in a row that are not mapped start here. */
export const UNMAPPED = END;
/** Not canonical, with linear addresses of 48 bits or of 57. */
export const NON_CANONICAL = 0x0100_0000_0000_0000n;
/** Where an instruction with the alignment check on starts. */
export const CHECKED = RFLAGS_ALWAYS | RFLAGS.AC;

/** Registers by number, all others zero. */
export function registers(values: Readonly<Record<number, bigint>>): BigUint64Array {
  const gpr = new BigUint64Array(16);
  for (const [index, value] of Object.entries(values)) gpr[Number(index)] = value;
  return gpr;
}

export function words(...values: bigint[]): Uint8Array {
  return new Uint8Array(BigUint64Array.from(values).buffer);
}

/** Memory that starts with `bytes`, a multiple of 8, in a window of just that size. */
export function memoryAt(address: bigint, bytes: Uint8Array): Pick<OracleCase, 'memory'> {
  return { memory: { seed: 0, windows: [{ address, length: bytes.length }], patches: [{ address, bytes }] } };
}

/** A probe: an instruction with register values. */
export function probe(
  bytes: readonly number[],
  values: Readonly<Record<number, bigint>>,
  given: Partial<OracleCase> = {},
): OracleCase {
  return makeCase(bytes, { gpr: registers(values), ...given });
}

export function raises(...vectors: number[]): (result: OracleResult) => boolean {
  return ({ fault }) => fault !== undefined && vectors.includes(fault.vector);
}

export function completes({ fault }: OracleResult): boolean {
  return fault === undefined;
}

/** So many bytes of memory before the case; undefined where they do not lie in one window. */
export function memoryBefore({ oracle, contents }: MeaningCase, at: bigint, bytes: number): DataView | undefined {
  const { windows } = oracle.memory;
  const i = windows.findIndex((window) => contains(window, at, bytes));
  if (i < 0) return undefined;
  const { buffer, byteOffset } = contents[i]!;
  return new DataView(buffer, byteOffset + Number(at - windows[i]!.address), bytes);
}

/** True where the host raised one of `native` and bd0 one of `ours`. */
export function raised(answers: Answers, native: readonly number[], ours: readonly number[]): boolean {
  const [there, here] = [answers.native.fault?.vector, answers.ours.fault?.vector];
  return there !== undefined && here !== undefined && native.includes(there) && ours.includes(here);
}

export function bothFault({ native, ours }: Answers): boolean {
  return native.fault !== undefined && ours.fault !== undefined;
}

export function hasMnemonic({ c }: Answers, ...mnemonics: readonly string[]): boolean {
  const { mnemonic, pattern } = c.form.row;
  return mnemonics.includes(pattern.vex ? mnemonic.replace(/^V/, '') : mnemonic);
}

/** The case is not compared: the host's whole answer is expected. */
export function leftOut({ native }: Answers): Partial<Expectation> {
  return { ...native, stray: native.stray };
}

/** The exception of the host is expected, with bd0's state. */
export function itsFault({ native }: Answers): Partial<Expectation> {
  return { fault: native.fault };
}

/** #UD at the instruction, with the state that the case starts from. */
export function undefinedOpcode(c: MeaningCase): Partial<Expectation> {
  const { codeOffset } = c.oracle;
  return { rip: CODE + BigInt(codeOffset), fault: { vector: Vector.UD, errorCode: 0, cr2: 0n } };
}

/** True if `address` is one of `bytes` bytes from `start`; the addresses wrap. */
export function within(address: bigint, start: bigint, bytes: number): boolean {
  return BigInt.asUintN(64, address - start) < BigInt(bytes);
}

export function usesMemory({ form }: MeaningCase): boolean {
  return form.operands.some((operand) => operand.kind === 'memory');
}

export function isRepeated({ oracle }: MeaningCase): boolean {
  return oracle.bytes.some((byte) => byte === 0xf2 || byte === 0xf3);
}

/** The words of a difference between vendors, from the opcode table. Its alternatives are named as there. */
export function ofVendors(vendors: VendorDifference): Pick<HostDifference, 'instructions' | 'why' | 'vendors'> {
  const { instructions, AMD, Intel, source } = vendors;
  return { instructions, why: `${source}; AMD: ${AMD}; Intel: ${Intel}`, vendors };
}
