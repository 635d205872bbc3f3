import { RPL_MASK } from '../state/descriptors.js';

/**
 * Segment descriptors and gates as they lie in the GDT, an LDT and the IDT. SDM Vol. 3A 3.4.5 "Segment Descriptors". The
 * access rights are those bits of the second doubleword that LAR returns:
 *
 *      23 | 22  | 21 | 20  | 15 | 14:13 | 12 | 11:8
 *       G | D/B |  L | AVL |  P |  DPL  |  S | type
 */
export const RIGHTS_MASK = 0x00f0_ff00;
export const RIGHTS_ACCESSED = 1 << 8;
/** Writable for data, readable for code. */
export const RIGHTS_READ_WRITE = 1 << 9;
/** Conforming code; data that expands down. */
export const RIGHTS_CONFORMING = 1 << 10;
export const RIGHTS_CODE = 1 << 11;
/** S: code or data, and no system segment or gate. */
export const RIGHTS_SEGMENT = 1 << 12;
export const RIGHTS_PRESENT = 1 << 15;
/** L: 64-bit code. */
export const RIGHTS_LONG = 1 << 21;
/** D of code, B of data: 32 bits rather than 16. */
export const RIGHTS_BIG = 1 << 22;
const RIGHTS_GRANULAR = 1 << 23;

/**
 * Types of system descriptors, S = 0; in long mode, those of 32 bits stand for 64. Those of 16 bits are less by IS_32, and long mode
 * does not have them, nor task gates. SDM Vol. 3A table 3-2.
 */
export const SYSTEM_TYPE = {
  ldt: 2,
  taskGate: 5,
  availableTask: 9,
  busyTask: 11,
  callGate: 12,
  interruptGate: 14,
  trapGate: 15,
} as const;
/** The bit that tells descriptors of 32 bits from those of 16. */
export const IS_32 = 8;

export interface Descriptor {
  /** Linear address of its eight or sixteen bytes. */
  readonly address: bigint;
  readonly base: bigint;
  /** In bytes, the last one included. */
  readonly limit: number;
  readonly rights: number;
  readonly raw: bigint;
}

/** What the limit of a segment depends on. */
export type SegmentExtent = Pick<Descriptor, 'limit' | 'rights'>;

/**
 * Whether bytes at an offset lie within a segment; one that expands down begins above its limit. SDM Vol. 3A 5.3 "Limit
 * Checking".
 */
export function isWithin({ limit, rights }: SegmentExtent, offset: number, bytes: number): boolean {
  const last = offset + bytes - 1;
  const expandsDown = (rights & (RIGHTS_CODE | RIGHTS_CONFORMING)) === RIGHTS_CONFORMING;
  if (expandsDown) return offset > limit && last <= (rights & RIGHTS_BIG ? 0xffff_ffff : 0xffff);
  return last <= limit;
}

export function descriptorOf(address: bigint, raw: bigint): Descriptor {
  const low = Number(raw & 0xffff_ffffn);
  const high = Number(raw >> 32n);
  const base = ((high & 0xff00_0000) | ((high & 0xff) << 16) | (low >>> 16)) >>> 0;
  const pages = (high & 0x000f_0000) | (low & 0xffff);
  const limit = high & RIGHTS_GRANULAR ? ((pages << 12) | 0xfff) >>> 0 : pages;
  return { address, base: BigInt(base), limit, rights: high & RIGHTS_MASK, raw };
}

export const dplOf = (rights: number): number => (rights >> 13) & 3;
export const systemTypeOf = (rights: number): number => (rights >> 8) & 0xf;
export const isSegment = (rights: number): boolean => (rights & RIGHTS_SEGMENT) !== 0;
export const isCodeSegment = (rights: number): boolean => isSegment(rights) && (rights & RIGHTS_CODE) !== 0;
export const isConforming = (rights: number): boolean => isCodeSegment(rights) && (rights & RIGHTS_CONFORMING) !== 0;
export const isWritableData = (rights: number): boolean =>
  isSegment(rights) && !(rights & RIGHTS_CODE) && (rights & RIGHTS_READ_WRITE) !== 0;
/** Data, or code that may be read. */
export const isReadableSegment = (rights: number): boolean =>
  isSegment(rights) && (!(rights & RIGHTS_CODE) || (rights & RIGHTS_READ_WRITE) !== 0);
export const isPresent = (rights: number): boolean => (rights & RIGHTS_PRESENT) !== 0;

/** Whether RETF and IRET may go to a code segment at privilege level `cpl`. SDM Vol. 3A 5.8.6. */
export const allowsReturn = (rights: number, cpl: number): boolean =>
  isConforming(rights) ? dplOf(rights) <= cpl : dplOf(rights) === cpl;

/** The bit of a selector that is set for a segment of the LDT. */
export const TABLE_INDICATOR = 4;
export const rplOf = (selector: number): number => selector & RPL_MASK;
export const isNullSelector = (selector: number): boolean => (selector & ~RPL_MASK) === 0;
/** A selector as an error code: without its RPL. SDM Vol. 3A 6.13 "Error Code". */
export const errorOf = (selector: number): number => selector & ~RPL_MASK;
