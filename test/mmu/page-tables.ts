/** Random page-table entries, linear addresses and accesses, and a comparison of two records. */
import type { Mmu } from '../../src/mmu/mmu.js';
import fc from '../support/fast-check.js';
import type { Access } from './model.js';

/** True once in `n` times; shrinks to false. (The bounds of a range are drawn more often than the rest.) */
export const oneIn = (n: number) => fc.integer({ min: 0, max: n - 1 }).map((drawn) => drawn === n >> 1);

/** An entry by its meaning; `entryOf` gives the 64 bits. Most draws allow everything, so that walks get far. */
export const anyEntry = fc.record({
  absent: oneIn(30),
  readOnly: oneIn(10),
  supervisor: oneIn(12),
  executeDisable: oneIn(12),
  large: oneIn(7),
  /** Bits 4:3, 6:5, 11:8 and 62:52: A, D and all that translation ignores. */
  free: fc.nat((1 << 19) - 1),
  pat: fc.boolean(),
  /** One more bit, of those that are an address or reserved. */
  stray: fc.oneof(
    { weight: 14, arbitrary: fc.constant(null) },
    { weight: 1, arbitrary: fc.integer({ min: 12, max: 51 }) },
  ),
  /** Chooses the frame that the entry names. */
  target: fc.nat((1 << 28) - 1),
  escapes: oneIn(8),
});
export type AnyEntry = typeof anyEntry extends fc.Arbitrary<infer T> ? T : never;

/** The entry's 64 bits, naming `frame`; where it maps a large page, a page of 2^`pageBits` bytes around that frame. */
export function entryOf(entry: AnyEntry, frame: number, pageBits: bigint): bigint {
  const free = BigInt(entry.free);
  let value = BigInt(frame) << 12n;
  if (entry.large) value = ((value >> pageBits) << pageBits) | (BigInt(entry.pat) << 12n) | (1n << 7n);
  value |= ((free & 0xfn) << 3n) | (((free >> 4n) & 0xfn) << 8n) | ((free >> 8n) << 52n);
  value |= BigInt(!entry.absent) | (BigInt(!entry.readOnly) << 1n) | (BigInt(!entry.supervisor) << 2n);
  value |= BigInt(entry.executeDisable) << 63n;
  if (entry.stray !== null) value |= 1n << BigInt(entry.stray);
  return value;
}

/** The canonical linear address that these indexes and this offset select. */
export function linearOf(pml4: number, pdpt: number, pd: number, pt: number, offset: number): bigint {
  const indexes = [pml4, pdpt, pd, pt].reduce((address, index) => (address << 9n) | BigInt(index), 0n);
  return BigInt.asUintN(64, BigInt.asIntN(48, (indexes << 12n) | BigInt(offset)));
}

const anyIndex = fc.oneof(fc.constantFrom(0, 1, 255, 256, 511), fc.nat(511));
export const anyLinear = fc.tuple(anyIndex, anyIndex, anyIndex, anyIndex, fc.nat(4095)).map((i) => linearOf(...i));

export const anyAccess: fc.Arbitrary<Access> = fc.constantFrom(
  ...(['read', 'write', 'fetch'] as const).flatMap((kind) => [
    { kind, mode: 'user' as const, implicit: false },
    { kind, mode: 'supervisor' as const, implicit: false },
    ...(kind === 'fetch' ? [] : [{ kind, mode: 'supervisor' as const, implicit: true }]),
  ]),
);

/** High and low half of a linear address, as the MMU takes it. */
export function halves(linear: bigint): [number, number] {
  return [Number(linear >> 32n) | 0, Number(linear & 0xffff_ffffn) | 0];
}

/** The page fault of the last translation that failed. */
export function faultOf({ fault }: Mmu): { cr2: bigint; errorCode: number } {
  const cr2 = (BigInt(fault.linearHigh >>> 0) << 32n) | BigInt(fault.linearLow >>> 0);
  return { cr2, errorCode: fault.errorCode };
}

/** Throws if two records differ, showing both with `*` at the differences. */
export function mustEqual(what: string, expected: Record<string, unknown>, actual: Record<string, unknown>): void {
  const show = (value: unknown) => {
    if (typeof value === 'bigint' || typeof value === 'number') return (value < 0 ? '-' : '') + '0x' + abs(value);
    return Array.isArray(value) ? value.map((item: bigint) => '0x' + item.toString(16)).join(' ') : String(value);
  };
  const names = [...new Set([...Object.keys(expected), ...Object.keys(actual)])];
  const differs = (name: string) => show(expected[name]) !== show(actual[name]);
  if (!names.some(differs)) return;
  const line = (name: string) =>
    `${differs(name) ? '*' : ' '} ${name.padEnd(12)} expected ${show(expected[name])}, got ${show(actual[name])}`;
  throw new Error([what, ...names.map(line)].join('\n'));
}

function abs(value: bigint | number): string {
  return (value < 0 ? -value : value).toString(16);
}
