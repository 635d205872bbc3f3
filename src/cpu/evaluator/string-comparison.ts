import { signed } from '../../bits.js';
import { lanesOf } from './lanes.js';

/** Bits of the control byte of PCMPxSTRx. SDM Vol. 2 4.1 table 4-1 to 4-4. */
const WORDS = 1;
const SIGNED = 2;
const AGGREGATION_SHIFT = 2;
const NEGATED = 1 << 4;
const MASKED = 1 << 5;

/** Whether elements i of x and j of y match, for the four kinds of aggregation. */
type Compare = (i: number, j: number) => boolean;

/**
 * IntRes2 of PCMPxSTRx, bit j for element j of y: equal to any element of x, within any range of x, equal to the same element, or
 * the start of the substring x. SDM Vol. 2 4.1.2 to 4.1.6.
 */
export function compareStrings(x: bigint, lengthX: bigint, y: bigint, lengthY: bigint, control: bigint): bigint {
  const bits = Number(control);
  const width = bits & WORDS ? 16 : 8;
  const count = 128 / width;
  const element = (value: bigint): bigint => (bits & SIGNED ? signed(width, value) : value);
  const [first, second] = [lanesOf(width, x).map(element), lanesOf(width, y).map(element)];
  const [endX, endY] = [Number(lengthX), Number(lengthY)];
  const equals: Compare = (i, j) => first[i] === second[j];
  const all = Array.from({ length: count }, (_, i) => i);
  const holds = [
    (j: number) => j < endY && all.some((i) => i < endX && equals(i, j)),
    (j: number) =>
      j < endY &&
      all.some((i) => i % 2 === 0 && i + 1 < endX && first[i]! <= second[j]! && second[j]! <= first[i + 1]!),
    (j: number) => (j < endX && j < endY ? equals(j, j) : j >= endX && j >= endY),
    (j: number) => all.every((i) => i >= endX || i + j >= count || (i + j < endY && equals(i, i + j))),
  ][(bits >> AGGREGATION_SHIFT) & 3]!;
  return all.reduce((result, j) => {
    const negated = (bits & NEGATED) !== 0 && ((bits & MASKED) === 0 || j < endY);
    return result | (BigInt(holds(j) !== negated) << BigInt(j));
  }, 0n);
}
