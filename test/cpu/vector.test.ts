import t from 'tap';
import { hex } from '../../src/bits.js';
import type { VectorOperation } from '../../src/cpu/meaning/vocabulary.js';
import { bigintVectors as vectors } from '../../src/cpu/evaluator/vector.js';
import fc from '../support/fast-check.js';

/*
 * The model is JavaScript's typed arrays: 16 bytes seen as lanes of one type, computed with in numbers, which a store
 * cuts to the lane. (Products of 32-bit lanes need Math.imul or bigint.)
 */
type Bytes = Uint8Array;
type Model = (x: Bytes, y: Bytes) => Bytes;

type Lanes = Int8Array | Uint8Array | Int16Array | Uint16Array | Int32Array | Uint32Array;
type LaneType = new (lanes: ArrayBufferLike | number) => Lanes;

function map(Type: LaneType, operation: (x: number, y: number) => number): Model {
  return (x, y) => {
    const [first, second, result] = [new Type(x.buffer), new Type(y.buffer), new Type(new ArrayBuffer(16))];
    first.forEach((lane, i) => (result[i] = operation(lane, second[i]!)));
    return new Uint8Array(result.buffer);
  };
}

function mapQuadwords(operation: (x: bigint, y: bigint) => bigint): Model {
  return (x, y) => {
    const second = new BigUint64Array(y.buffer);
    return new Uint8Array(new BigUint64Array(x.buffer).map((lane, i) => operation(lane, second[i]!)).buffer);
  };
}

const add = (x: number, y: number): number => x + y;
const sub = (x: number, y: number): number => x - y;
const equal = (x: number, y: number): number => (x === y ? -1 : 0);
const greater = (x: number, y: number): number => (x > y ? -1 : 0);
const average = (x: number, y: number): number => (x + y + 1) >>> 1;

function saturated(low: number, high: number, operation: (x: number, y: number) => number = add) {
  return (x: number, y: number): number => Math.min(high, Math.max(low, operation(x, y)));
}

/** PACKxxxx: the lanes of x, then those of y, saturated to lanes half as wide. */
function pack(From: LaneType, To: LaneType, low: number, high: number): Model {
  return (x, y) => {
    const result = new To(new ArrayBuffer(16));
    [...new From(x.buffer), ...new From(y.buffer)].forEach((lane, i) => (result[i] = saturated(low, high)(lane, 0)));
    return new Uint8Array(result.buffer);
  };
}

const multiplyAndAddWords: Model = (x, y) => {
  const [first, second] = [new Int16Array(x.buffer), new Int16Array(y.buffer)];
  const sums = Int32Array.from([0, 2, 4, 6], (i) => first[i]! * second[i]! + first[i + 1]! * second[i + 1]!);
  return new Uint8Array(sums.buffer);
};

const sumsOfDistances: Model = (x, y) => {
  const result = new Uint16Array(8);
  x.forEach((byte, i) => (result[i < 8 ? 0 : 4]! += Math.abs(byte - y[i]!)));
  return new Uint8Array(result.buffer);
};

const models: Record<VectorOperation, Model> = {
  'i8x16.add': map(Int8Array, add),
  'i16x8.add': map(Int16Array, add),
  'i32x4.add': map(Int32Array, add),
  'i64x2.add': mapQuadwords((x, y) => x + y),
  'i8x16.sub': map(Int8Array, sub),
  'i16x8.sub': map(Int16Array, sub),
  'i32x4.sub': map(Int32Array, sub),
  'i64x2.sub': mapQuadwords((x, y) => x - y),
  'i8x16.eq': map(Int8Array, equal),
  'i16x8.eq': map(Int16Array, equal),
  'i32x4.eq': map(Int32Array, equal),
  'i8x16.add_sat_s': map(Int8Array, saturated(-0x80, 0x7f)),
  'i16x8.add_sat_s': map(Int16Array, saturated(-0x8000, 0x7fff)),
  'i8x16.add_sat_u': map(Uint8Array, saturated(0, 0xff)),
  'i16x8.add_sat_u': map(Uint16Array, saturated(0, 0xffff)),
  'i8x16.sub_sat_s': map(Int8Array, saturated(-0x80, 0x7f, sub)),
  'i16x8.sub_sat_s': map(Int16Array, saturated(-0x8000, 0x7fff, sub)),
  'i8x16.sub_sat_u': map(Uint8Array, saturated(0, 0xff, sub)),
  'i16x8.sub_sat_u': map(Uint16Array, saturated(0, 0xffff, sub)),
  'i8x16.gt_s': map(Int8Array, greater),
  'i16x8.gt_s': map(Int16Array, greater),
  'i32x4.gt_s': map(Int32Array, greater),
  'i64x2.eq': mapQuadwords((x, y) => (x === y ? -1n : 0n)),
  'i64x2.gt_s': mapQuadwords((x, y) => (BigInt.asIntN(64, x) > BigInt.asIntN(64, y) ? -1n : 0n)),
  'i16x8.mul': map(Int16Array, (x, y) => x * y),
  'i32x4.mul': map(Int32Array, Math.imul),
  'i16x8.mul_round_q15': map(Int16Array, (x, y) => (x * y + 0x4000) >> 15),
  'i16x8.mul_high_s': map(Int16Array, (x, y) => (x * y) >> 16),
  'i16x8.mul_high_u': map(Uint16Array, (x, y) => (x * y) / 0x1_0000),
  'i64x2.mul_even_u32': mapQuadwords((x, y) => (x & 0xffff_ffffn) * (y & 0xffff_ffffn)),
  'i64x2.mul_even_s32': mapQuadwords((x, y) => BigInt.asIntN(32, x) * BigInt.asIntN(32, y)),
  'i32x4.dot_i16x8_s': multiplyAndAddWords,
  'i8x16.avgr_u': map(Uint8Array, average),
  'i16x8.avgr_u': map(Uint16Array, average),
  'i8x16.min_u': map(Uint8Array, Math.min),
  'i8x16.max_u': map(Uint8Array, Math.max),
  'i8x16.min_s': map(Int8Array, Math.min),
  'i8x16.max_s': map(Int8Array, Math.max),
  'i16x8.min_u': map(Uint16Array, Math.min),
  'i16x8.max_u': map(Uint16Array, Math.max),
  'i32x4.min_s': map(Int32Array, Math.min),
  'i32x4.max_s': map(Int32Array, Math.max),
  'i32x4.min_u': map(Uint32Array, Math.min),
  'i32x4.max_u': map(Uint32Array, Math.max),
  'i16x8.min_s': map(Int16Array, Math.min),
  'i16x8.max_s': map(Int16Array, Math.max),
  'i8x16.narrow_i16x8_s': pack(Int16Array, Int8Array, -0x80, 0x7f),
  'i8x16.narrow_i16x8_u': pack(Int16Array, Uint8Array, 0, 0xff),
  'i16x8.narrow_i32x4_s': pack(Int32Array, Int16Array, -0x8000, 0x7fff),
  'i16x8.narrow_i32x4_u': pack(Int32Array, Uint16Array, 0, 0xffff),
  'i8x16.select_by': (x, y) => y.map((index) => (index & 0x80 ? 0 : x[index & 15]!)),
  'i8x16.sad': sumsOfDistances,
  and: map(Uint8Array, (x, y) => x & y),
  or: map(Uint8Array, (x, y) => x | y),
  xor: map(Uint8Array, (x, y) => x ^ y),
  andnot: map(Uint8Array, (x, y) => ~x & y),
};

function toVector(bytes: Bytes): bigint {
  const [low, high] = new BigUint64Array(bytes.buffer);
  return low! | (high! << 64n);
}

/** 16 bytes, rich in those where lanes of any width are at their least, at their greatest, or near zero. */
const vector = fc
  .array(fc.oneof(fc.nat(0xff), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)), { minLength: 16, maxLength: 16 })
  .map((bytes) => Uint8Array.from(bytes));

const show = (computed: bigint, expected: Bytes): boolean => {
  if (computed === toVector(expected)) return true;
  throw new Error(`computed ${hex(computed, 32)}\n expected ${hex(toVector(expected), 32)}`);
};

t.test('lane-wise operations match typed arrays', async (t) => {
  for (const [operation, model] of Object.entries(models) as [VectorOperation, Model][]) {
    const property = fc.property(vector, vector, (x, y) =>
      show(vectors.vector(operation, toVector(x), toVector(y)), model(x, y)),
    );
    fc.assert(property);
    t.pass(operation);
  }
});

t.test('shifts use one count for all lanes; a count beyond the lane width leaves zeros or signs', async (t) => {
  const count = fc.oneof(fc.bigInt(0n, 70n), fc.bigInt(0n, (1n << 64n) - 1n));
  for (const laneWidth of [16, 32, 64] as const) {
    for (const operation of ['shl', 'shr', 'sar'] as const) {
      const property = fc.property(vector, count, (x, count) => {
        const bits = Number(count < 64n ? count : 64n);
        // Bit i of a lane comes from bit i + bits or i - bits of it, from its sign, or from nowhere.
        const expected = new Uint8Array(16);
        for (let bit = 0; bit < 128; bit++) {
          const lane = bit - (bit % laneWidth);
          let from = operation === 'shl' ? bit - bits : bit + bits;
          if (operation === 'sar') from = Math.min(from, lane + laneWidth - 1);
          if (from < lane || from >= lane + laneWidth) continue;
          expected[bit >> 3]! |= ((x[from >> 3]! >> (from & 7)) & 1) << (bit & 7);
        }
        return show(vectors.vectorShift(operation, laneWidth, toVector(x), count), expected);
      });
      fc.assert(property);
      t.pass(`${operation} ${laneWidth}`);
    }
  }
});

t.test('a shift by bytes moves the whole vector', async (t) => {
  const property = fc.property(vector, fc.oneof(fc.nat(17), fc.nat(0xff)), (x, count) => {
    const [left, right] = [new Uint8Array(16), new Uint8Array(16)];
    left.set(x.subarray(0, Math.max(0, 16 - count)), Math.min(16, count));
    right.set(x.subarray(Math.min(16, count)));
    return (
      show(vectors.vectorShiftBytes('shl', toVector(x), BigInt(count)), left) &&
      show(vectors.vectorShiftBytes('shr', toVector(x), BigInt(count)), right)
    );
  });
  fc.assert(property);
  t.pass('shl and shr');
});

t.test('a shuffle picks bytes from both vectors', async (t) => {
  const order = fc.array(fc.nat(31), { minLength: 16, maxLength: 16 });
  const property = fc.property(vector, vector, order, (x, y, order) => {
    const both = [...x, ...y];
    const expected = Uint8Array.from(order, (from) => both[from]!);
    return show(vectors.shuffle(toVector(x), toVector(y), order), expected);
  });
  fc.assert(property);
  t.throws(() => vectors.shuffle(0n, 0n, [0, 1, 2]), { message: /3 bytes, not 16/ });
});

t.test('lanes are read and written by index modulo their number', async (t) => {
  const index = fc.oneof(fc.nat(15), fc.nat(0xff), fc.constant(0xffff_ffff));
  const types = { 8: Uint8Array, 16: Uint16Array, 32: Uint32Array };
  for (const laneWidth of [8, 16, 32] as const) {
    const Type = types[laneWidth];
    const value = fc.nat(2 ** Math.min(laneWidth, 31) - 1);
    const property = fc.property(vector, index, value, (x, index, value) => {
      const lanes = new Type(x.slice().buffer);
      const lane = index % lanes.length;
      const read = vectors.lane(laneWidth, toVector(x), BigInt(index)) === BigInt(lanes[lane]!);
      const written = vectors.withLane(laneWidth, toVector(x), BigInt(index), BigInt(value));
      lanes[lane] = value;
      return read && show(written, new Uint8Array(lanes.buffer));
    });
    fc.assert(property);
    t.pass(`${laneWidth} bits`);
  }
  const quadwords = fc.property(vector, fc.nat(0xff), fc.bigInt(0n, (1n << 64n) - 1n), (x, index, value) => {
    const lanes = new BigUint64Array(x.slice().buffer);
    const read = vectors.lane(64, toVector(x), BigInt(index)) === lanes[index % 2];
    lanes[index % 2] = value;
    return read && show(vectors.withLane(64, toVector(x), BigInt(index), value), new Uint8Array(lanes.buffer));
  });
  fc.assert(quadwords);
});

t.test('lanes form a vector, and its sign bits a mask', async (t) => {
  const property = fc.property(vector, (x) => {
    const masks = { 8: Int8Array, 32: Int32Array, 64: BigInt64Array };
    for (const laneWidth of [8, 32, 64] as const) {
      const lanes = [...new masks[laneWidth](x.buffer)];
      const expected = lanes.reduce((mask: number, lane, i) => mask | (lane < 0 ? 1 << i : 0), 0);
      if (vectors.signMask(laneWidth, toVector(x)) !== BigInt(expected)) return false;
    }
    const doublewords = Array.from(new Uint32Array(x.buffer), BigInt);
    return (
      show(vectors.fromLanes(32, doublewords), x) && show(vectors.fromLanes(64, [...new BigUint64Array(x.buffer)]), x)
    );
  });
  fc.assert(property);
  t.equal(vectors.vectorConstant(-1n), (1n << 128n) - 1n, 'constants are cut to 128 bits');
  t.throws(() => vectors.fromLanes(32, [1n]), { message: /1 lanes of 32 bits are not 128 bits/ });
});
