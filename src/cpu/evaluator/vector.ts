import { MASK128, maskOf, signed, truncate } from '../../bits.js';
import type { VectorOperation, Vectors } from '../meaning/vocabulary.js';
import { VECTOR_BITS, lanesOf, vectorOf } from './lanes.js';
import { carrylessProduct, substituteBytes } from './cryptography.js';
import { compareStrings } from './string-comparison.js';

type Binary = (x: bigint, y: bigint) => bigint;

const VECTOR_BYTES = 16;

/** Applies `operation` to each pair of lanes, as unsigned numbers; the results are cut to the lane width. */
function lanewise(laneWidth: number, operation: Binary): Binary {
  return (x, y) => {
    const others = lanesOf(laneWidth, y);
    return vectorOf(
      laneWidth,
      lanesOf(laneWidth, x).map((lane, i) => operation(lane, others[i]!)),
    );
  };
}

/** Applies `operation` to each pair of lanes, as signed numbers; the results are cut to the lane width. */
function lanewiseSigned(laneWidth: number, operation: Binary): Binary {
  return lanewise(laneWidth, (x, y) => operation(signed(laneWidth, x), signed(laneWidth, y)));
}

const add: Binary = (x, y) => x + y;
const sub: Binary = (x, y) => x - y;
const mul: Binary = (x, y) => x * y;
const min: Binary = (x, y) => (x < y ? x : y);
const max: Binary = (x, y) => (x > y ? x : y);
/** All ones or zeros. */
const equal: Binary = (x, y) => (x === y ? MASK128 : 0n);
const greater: Binary = (x, y) => (x > y ? MASK128 : 0n);
const average: Binary = (x, y) => (x + y + 1n) >> 1n;
const distance: Binary = (x, y) => (x > y ? x - y : y - x);

function saturateSigned(width: number, x: bigint): bigint {
  const largest = maskOf(width - 1);
  return max(min(x, largest), -largest - 1n);
}

function saturateUnsigned(width: number, x: bigint): bigint {
  return max(min(x, maskOf(width)), 0n);
}

function saturatingSigned(laneWidth: number, operation: Binary): Binary {
  return lanewiseSigned(laneWidth, (x, y) => saturateSigned(laneWidth, operation(x, y)));
}

function saturatingUnsigned(laneWidth: number, operation: Binary): Binary {
  return lanewise(laneWidth, (x, y) => saturateUnsigned(laneWidth, operation(x, y)));
}

/** The signed lanes of x, then those of y, each made half as wide. */
function narrow(from: 16 | 32, saturate: (width: number, x: bigint) => bigint): Binary {
  return (x, y) =>
    vectorOf(
      from / 2,
      [...lanesOf(from, x), ...lanesOf(from, y)].map((lane) => saturate(from / 2, signed(from, lane))),
    );
}

/** Products of signed words, added in pairs: PMADDWD. */
const dotWords: Binary = (x, y) => {
  const words = lanesOf(16, y);
  const products = lanesOf(16, x).map((word, i) => signed(16, word) * signed(16, words[i]!));
  return vectorOf(
    32,
    [0, 2, 4, 6].map((i) => products[i]! + products[i + 1]!),
  );
};

/** The sum of the distances of unsigned bytes, one for each half: PSADBW. */
const sumOfDistances: Binary = (x, y) => {
  const distances = lanesOf(8, lanewise(8, distance)(x, y));
  return vectorOf(64, [distances.slice(0, 8).reduce(add), distances.slice(8).reduce(add)]);
};

/** The bytes of x that the low four bits of those of y name; zero where the top bit is set: PSHUFB. */
const selectBytes: Binary = (x, y) => {
  const bytes = lanesOf(8, x);
  return vectorOf(
    8,
    lanesOf(8, y).map((index) => (index >= 0x80n ? 0n : bytes[Number(index & 15n)]!)),
  );
};

const OPERATIONS: Record<VectorOperation, Binary> = {
  'i8x16.add': lanewise(8, add),
  'i16x8.add': lanewise(16, add),
  'i32x4.add': lanewise(32, add),
  'i64x2.add': lanewise(64, add),
  'i8x16.sub': lanewise(8, sub),
  'i16x8.sub': lanewise(16, sub),
  'i32x4.sub': lanewise(32, sub),
  'i64x2.sub': lanewise(64, sub),
  'i8x16.eq': lanewise(8, equal),
  'i16x8.eq': lanewise(16, equal),
  'i32x4.eq': lanewise(32, equal),
  'i8x16.add_sat_s': saturatingSigned(8, add),
  'i16x8.add_sat_s': saturatingSigned(16, add),
  'i8x16.add_sat_u': saturatingUnsigned(8, add),
  'i16x8.add_sat_u': saturatingUnsigned(16, add),
  'i8x16.sub_sat_s': saturatingSigned(8, sub),
  'i16x8.sub_sat_s': saturatingSigned(16, sub),
  'i8x16.sub_sat_u': saturatingUnsigned(8, sub),
  'i16x8.sub_sat_u': saturatingUnsigned(16, sub),
  'i64x2.eq': lanewise(64, equal),
  'i64x2.gt_s': lanewiseSigned(64, greater),
  'i8x16.gt_s': lanewiseSigned(8, greater),
  'i16x8.gt_s': lanewiseSigned(16, greater),
  'i32x4.gt_s': lanewiseSigned(32, greater),
  'i16x8.mul': lanewise(16, mul),
  'i32x4.mul': lanewise(32, mul),
  'i16x8.mul_round_q15': lanewiseSigned(16, (x, y) => (((x * y) >> 14n) + 1n) >> 1n),
  'i16x8.mul_high_s': lanewiseSigned(16, (x, y) => (x * y) >> 16n),
  'i16x8.mul_high_u': lanewise(16, (x, y) => (x * y) >> 16n),
  'i64x2.mul_even_u32': lanewise(64, (x, y) => truncate(32, x) * truncate(32, y)),
  'i64x2.mul_even_s32': lanewise(64, (x, y) => signed(32, truncate(32, x)) * signed(32, truncate(32, y))),
  'i32x4.dot_i16x8_s': dotWords,
  'i8x16.avgr_u': lanewise(8, average),
  'i16x8.avgr_u': lanewise(16, average),
  'i8x16.min_u': lanewise(8, min),
  'i8x16.max_u': lanewise(8, max),
  'i8x16.min_s': lanewiseSigned(8, min),
  'i8x16.max_s': lanewiseSigned(8, max),
  'i16x8.min_u': lanewise(16, min),
  'i16x8.max_u': lanewise(16, max),
  'i16x8.min_s': lanewiseSigned(16, min),
  'i16x8.max_s': lanewiseSigned(16, max),
  'i32x4.min_u': lanewise(32, min),
  'i32x4.max_u': lanewise(32, max),
  'i32x4.min_s': lanewiseSigned(32, min),
  'i32x4.max_s': lanewiseSigned(32, max),
  'i8x16.narrow_i16x8_s': narrow(16, saturateSigned),
  'i8x16.narrow_i16x8_u': narrow(16, saturateUnsigned),
  'i16x8.narrow_i32x4_s': narrow(32, saturateSigned),
  'i16x8.narrow_i32x4_u': narrow(32, saturateUnsigned),
  'i8x16.sad': sumOfDistances,
  'i8x16.select_by': selectBytes,
  and: (x, y) => x & y,
  or: (x, y) => x | y,
  xor: (x, y) => x ^ y,
  andnot: (x, y) => (x ^ MASK128) & y,
};

/**
 * Vector operations of the vocabulary on bigints: used by the evaluator, and the reference for the compiled engines.
 */
export const bigintVectors: Vectors<bigint> = {
  vectorConstant: (value) => truncate(VECTOR_BITS, value),
  vector: (operation, x, y) => OPERATIONS[operation](x, y),
  vectorShift(operation, laneWidth, x, count) {
    // A larger count shifts every bit out, as this one does; the bound keeps the shifted number small.
    const bits = min(count, BigInt(laneWidth));
    const shift = (lane: bigint): bigint => {
      if (operation === 'shl') return lane << bits;
      return (operation === 'sar' ? signed(laneWidth, lane) : lane) >> bits;
    };
    return vectorOf(laneWidth, lanesOf(laneWidth, x).map(shift));
  },
  vectorShiftBytes(operation, x, count) {
    const bits = 8n * min(count, BigInt(VECTOR_BYTES));
    return operation === 'shl' ? truncate(VECTOR_BITS, x << bits) : x >> bits;
  },
  shuffle(x, y, lanes) {
    if (lanes.length !== VECTOR_BYTES) throw new RangeError(`a shuffle of ${lanes.length} bytes, not ${VECTOR_BYTES}`);
    const bytes = [...lanesOf(8, x), ...lanesOf(8, y)];
    return vectorOf(
      8,
      lanes.map((lane) => bytes[lane]!),
    );
  },
  lane: (laneWidth, x, index) => truncate(laneWidth, x >> laneOffset(laneWidth, index)),
  withLane(laneWidth, x, index, value) {
    const offset = laneOffset(laneWidth, index);
    return x ^ ((truncate(laneWidth, x >> offset) ^ value) << offset);
  },
  fromLanes(laneWidth, lanes) {
    if (lanes.length * laneWidth !== VECTOR_BITS)
      throw new RangeError(`${lanes.length} lanes of ${laneWidth} bits are not ${VECTOR_BITS} bits`);
    return vectorOf(laneWidth, lanes);
  },
  permute: (laneWidth, sources, indexes) =>
    vectorOf(
      laneWidth,
      sources.map((source, i) => truncate(laneWidth, source >> laneOffset(laneWidth, indexes[i]!))),
    ),
  laneMask: (laneWidth, bits) =>
    vectorOf(
      laneWidth,
      Array.from({ length: VECTOR_BITS / laneWidth }, (_, i) => ((bits >> BigInt(i)) & 1n ? MASK128 : 0n)),
    ),
  blend: (mask, whenSet, otherwise) => (mask & whenSet) | (otherwise & ~mask),
  vectorIsZero: (x) => (x === 0n ? 1n : 0n),
  compareStrings,
  substituteBytes,
  carrylessProduct,
  signMask: (laneWidth, x) =>
    vectorOf(
      1,
      lanesOf(laneWidth, x).map((lane) => lane >> BigInt(laneWidth - 1)),
    ),
};

/** Bits below the lane `index`, which wraps around. */
function laneOffset(laneWidth: number, index: bigint): bigint {
  return (index * BigInt(laneWidth)) % BigInt(VECTOR_BITS);
}
