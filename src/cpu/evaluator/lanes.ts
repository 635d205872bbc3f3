import { truncate } from '../../bits.js';

/** Bits of the vectors of the vocabulary. */
export const VECTOR_BITS = 128;

/** The lanes of `x` as unsigned numbers, the least significant first. */
export function lanesOf(laneWidth: number, x: bigint): bigint[] {
  const lanes: bigint[] = [];
  for (let bit = 0; bit < VECTOR_BITS; bit += laneWidth) lanes.push(truncate(laneWidth, x >> BigInt(bit)));
  return lanes;
}

/** The vector made of these lanes, lane 0 first, each cut to its width; missing lanes are zero. */
export function vectorOf(laneWidth: number, lanes: readonly bigint[]): bigint {
  return lanes.reduceRight((vector, lane) => (vector << BigInt(laneWidth)) | truncate(laneWidth, lane), 0n);
}
