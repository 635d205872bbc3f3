import type { PageFault } from '../../mmu/mmu.js';

/** Exception vectors. SDM Vol. 3A 6.15 "Exception and Interrupt Reference". */
export const Vector = {
  DE: 0,
  DB: 1,
  NMI: 2,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  DF: 8,
  TS: 10,
  NP: 11,
  SS: 12,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
  XM: 19,
} as const;

const names: Record<number, string> = Object.fromEntries(
  Object.entries(Vector).map(([name, vector]) => [vector, '#' + name]),
);

/** The name of a vector: `#PF` for 14, and so on. */
export function vectorName(vector: number): string {
  return names[vector] ?? `vector ${vector}`;
}

/** The bit of DR6 for #DB by TF: BS. */
export const DR6_SINGLE_STEP = 1 << 14;

/** Whether an exception pushes an error code. SDM Vol. 3A table 6-1. */
export function hasErrorCode(vector: number): boolean {
  return vector === Vector.DF || (vector >= 10 && vector <= 14) || vector === Vector.AC;
}

/**
 * A guest exception, thrown by the evaluator and the slow paths before anything has changed, except for the elements of a
 * gather that come before the one that faults. If `trap`, rip is already past the instruction (#BP, #OF, #DB of INT1 and of
 * TF). It is not an Error, since capturing a stack trace would be too slow for page faults.
 */
export class GuestException {
  constructor(
    readonly vector: number,
    readonly errorCode = 0,
    /** For #PF: bits 63 to 32 of the linear address that goes to CR2, and the low 32 bits (signed or unsigned). */
    readonly linearHigh = 0,
    readonly linearLow = 0,
    /** For #DB of a processor that is not bare: the bits of DR6 that it sets, 0 for INT1. */
    readonly causes = 0,
  ) {}

  /** For #PF: the linear address that goes to CR2. */
  get linear(): bigint {
    return (BigInt(this.linearHigh >>> 0) << 32n) | BigInt(this.linearLow >>> 0);
  }

  get message(): string {
    return `${vectorName(this.vector)} error code ${this.errorCode}`;
  }
}

/** The #DB with some bits of DR6. */
export function debugException(causes: number): GuestException {
  return new GuestException(Vector.DB, 0, 0, 0, causes);
}

/** The #PF for a failed translation. */
export function pageFault({ errorCode, linearHigh, linearLow }: PageFault): GuestException {
  return new GuestException(Vector.PF, errorCode, linearHigh, linearLow);
}
