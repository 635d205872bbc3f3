import type { PageFault } from '../../mmu/mmu.js';

/** Exception vectors. SDM Vol. 3A 6.15 "Exception and Interrupt Reference". */
export const Vector = {
  DE: 0,
  DB: 1,
  BP: 3,
  OF: 4,
  UD: 6,
  NM: 7,
  DF: 8,
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

/** `#PF` for 14, and so on. */
export function vectorName(vector: number): string {
  return names[vector] ?? `vector ${vector}`;
}

/** True for the exceptions that push an error code. SDM Vol. 3A table 6-1. */
export function hasErrorCode(vector: number): boolean {
  return vector === Vector.DF || (vector >= 10 && vector <= 14) || vector === Vector.AC;
}

/**
 * An exception of the guest, thrown by the evaluator and the slow paths before anything has changed. `trap` says that
 * rip is already past the instruction (#BP, #OF, #DB of INT1 and of TF). Not an Error: the stack trace of one costs more
 * than a page fault may.
 */
export class GuestException {
  constructor(
    readonly vector: number,
    readonly errorCode = 0,
    /** For #PF: bits 63 to 32 of the linear address that goes to CR2, and the others, of either sign. */
    readonly linearHigh = 0,
    readonly linearLow = 0,
  ) {}

  /** For #PF: the linear address that goes to CR2. */
  get linear(): bigint {
    return (BigInt(this.linearHigh >>> 0) << 32n) | BigInt(this.linearLow >>> 0);
  }

  get message(): string {
    return `${vectorName(this.vector)} error code ${this.errorCode}`;
  }
}

/** The #PF of a translation that has failed. */
export function pageFault({ errorCode, linearHigh, linearLow }: PageFault): GuestException {
  return new GuestException(Vector.PF, errorCode, linearHigh, linearLow);
}
