/** A set of interrupt vectors, as IRR, ISR and TMR hold them: a bit each, in eight words of 32 bits. */
export type VectorSet = Uint32Array;

const WORDS = 8;

export function vectorSet(): VectorSet {
  return new Uint32Array(WORDS);
}

export function hasVector(set: VectorSet, vector: number): boolean {
  return ((set[vector >> 5]! >>> (vector & 31)) & 1) !== 0;
}

export function putVector(set: VectorSet, vector: number, isThere: boolean): void {
  const bit = 1 << (vector & 31);
  set[vector >> 5] = isThere ? set[vector >> 5]! | bit : set[vector >> 5]! & ~bit;
}

/** The highest vector of a set, or -1. */
export function highestVector(set: VectorSet): number {
  for (let word = WORDS - 1; word >= 0; word--) if (set[word]) return 32 * word + 31 - Math.clz32(set[word]!);
  return -1;
}
