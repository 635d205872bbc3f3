import type { WasmVectorInstruction } from '../encoding/opcodes.js';

export type Shape = 'f32x4' | 'f64x2';

/** Vector instructions on values of one kind or another. */
export interface VectorInstructions<V> {
  constant(bits: bigint): V;
  unary(name: WasmVectorInstruction, x: V): V;
  apply(name: WasmVectorInstruction, x: V, y: V): V;
  /** The bits of `whenSet` where the mask has ones. */
  choose(mask: V, whenSet: V, otherwise: V): V;
  /** Bytes of x (0 to 15) and y (16 to 31). */
  shuffled(x: V, y: V, bytes: readonly number[]): V;
}

/** Largest finite and smallest normal numbers, in every lane. */
export const LARGEST = { f32x4: lanes32(0x7f7f_ffffn), f64x2: lanes64(0x7fef_ffff_ffff_ffffn) };
export const MIN_NORMAL = { f32x4: lanes32(0x0080_0000n), f64x2: lanes64(0x0010_0000_0000_0000n) };

/** The upper half of a vector, twice; the lower halves of two; the low words of the doubles of two. */
const UPPER_HALF = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15];
const LOWER_HALVES = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const LOW_WORDS = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27];

/**
 * 2^-450, the smallest factor of doubles: the error of a product, some 106 bits below its first, is then a double of full
 * precision, and so is every sum with the product that is not zero.
 */
const LEAST_FACTOR = lanes64(0x23d0_0000_0000_0000n);
/** The upper half of a double's significand, 26 bits, and half of its last one. */
const UPPER_BITS = lanes64(0xffff_ffff_f800_0000n);
const HALF_OF_UPPER = lanes64(1n << 26n);
const LAST_BIT = lanes64(1n);

/** The nearest numbers to x × y + z, in masks what is known of them. */
export interface Rounded<V> {
  readonly result: V;
  /** Lanes with the right result: normal, or exactly zero, and below the largest number. */
  readonly isRight: V;
  /** Lanes in which the exact sum is larger, and smaller, than the result. */
  isMore(): V;
  isLess(): V;
}

/**
 * x × y + z, rounded once to nearest, by vector instructions for usual terms. The product of doubles is the sum of two, which
 * Dekker's algorithm finds; with z there are three, of which the smaller two are added as if rounded to odd: the last bit is
 * set if anything is lost. So their sum with the largest is on the right side of every half, and its error has the right
 * sign (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd"). Products
 * of singles are exact as doubles, and the sum with z is rounded to odd before it becomes a single.
 */
export class FusedSums<V> {
  constructor(private readonly vectors: VectorInstructions<V>) {}

  /** Lanes whose terms are numbers for which `rounded` is made; it may be wrong for infinities too, and finds out. */
  areUsual(shape: Shape, [x, y, z]: readonly [V, V, V]): V {
    const least = shape === 'f64x2' ? LEAST_FACTOR : MIN_NORMAL.f32x4;
    const ofFactors = this.apply('v128.and', this.isZeroOrFrom(shape, x, least), this.isZeroOrFrom(shape, y, least));
    return this.apply('v128.and', ofFactors, this.isZeroOrFrom(shape, z, MIN_NORMAL[shape]));
  }

  rounded(shape: Shape, terms: readonly [V, V, V]): Rounded<V> {
    return shape === 'f64x2' ? this.doubles(terms) : this.singles(terms);
  }

  private doubles([x, y, z]: readonly [V, V, V]): Rounded<V> {
    const { vectors } = this;
    const product = this.apply('f64x2.mul', x, y);
    const below = this.productError(product, x, y);
    const sum = this.apply('f64x2.add', product, z);
    const beside = this.sumError(sum, product, z);
    const rest = this.apply('f64x2.add', beside, below);
    const small = this.roundedToOdd(rest, this.sumError(rest, beside, below));
    const total = this.apply('f64x2.add', sum, small);
    // A sum of zeros keeps the sign that an added zero would change.
    const result = vectors.choose(this.apply('f64x2.eq', small, this.zero), sum, total);
    const isRight = this.apply('f64x2.lt', this.magnitude('f64x2', result), vectors.constant(LARGEST.f64x2));
    const error = (): V => this.sumError(total, sum, small);
    return {
      ...{ result, isRight },
      isMore: () => this.apply('f64x2.gt', error(), this.zero),
      isLess: () => this.apply('f64x2.lt', error(), this.zero),
    };
  }

  private singles(terms: readonly [V, V, V]): Rounded<V> {
    const { vectors } = this;
    const halves = [0, 1].map((half) => {
      const [x, y, z] = terms.map((term) => {
        const lower = half === 0 ? term : vectors.shuffled(term, term, UPPER_HALF);
        return vectors.unary('f64x2.promote_low_f32x4', lower);
      }) as [V, V, V];
      const product = this.apply('f64x2.mul', x, y);
      const sum = this.apply('f64x2.add', product, z);
      const exact = this.roundedToOdd(sum, this.sumError(sum, product, z));
      return { sum, exact, single: vectors.unary('f32x4.demote_f64x2_zero', exact) };
    });
    const inOne = (compare: (half: (typeof halves)[number]) => V): V =>
      vectors.shuffled(compare(halves[0]!), compare(halves[1]!), LOW_WORDS);
    const result = vectors.shuffled(halves[0]!.single, halves[1]!.single, LOWER_HALVES);
    const magnitude = this.magnitude('f32x4', result);
    // The smallest normal number may be the result of rounding up.
    const isNormal = this.apply('f32x4.gt', magnitude, vectors.constant(MIN_NORMAL.f32x4));
    const isSmall = this.apply('f32x4.lt', magnitude, vectors.constant(LARGEST.f32x4));
    const isZero = inOne(({ sum }) => this.apply('f64x2.eq', sum, this.zero));
    const rounded = (single: V): V => vectors.unary('f64x2.promote_low_f32x4', single);
    return {
      result,
      isRight: this.apply('v128.or', this.apply('v128.and', isNormal, isSmall), isZero),
      isMore: () => inOne(({ exact, single }) => this.apply('f64x2.gt', exact, rounded(single))),
      isLess: () => inOne(({ exact, single }) => this.apply('f64x2.lt', exact, rounded(single))),
    };
  }

  /** No NaN, and zero or not closer to it than `least`. */
  private isZeroOrFrom(shape: Shape, x: V, least: bigint): V {
    const isLarge = this.apply(`${shape}.ge`, this.magnitude(shape, x), this.vectors.constant(least));
    return this.apply('v128.or', isLarge, this.apply(`${shape}.eq`, x, this.zero));
  }

  /** x × y - product, exactly: Dekker. */
  private productError(product: V, x: V, y: V): V {
    const { vectors } = this;
    const split = (value: V): readonly [high: V, low: V] => {
      const rounded = this.apply('i64x2.add', value, vectors.constant(HALF_OF_UPPER));
      const high = this.apply('v128.and', rounded, vectors.constant(UPPER_BITS));
      return [high, this.apply('f64x2.sub', value, high)];
    };
    const [[xHigh, xLow], [yHigh, yLow]] = [split(x), split(y)];
    const times = (a: V, b: V): V => this.apply('f64x2.mul', a, b);
    const plus = (a: V, b: V): V => this.apply('f64x2.add', a, b);
    const highest = this.apply('f64x2.sub', times(xHigh, yHigh), product);
    return plus(plus(plus(highest, times(xHigh, yLow)), times(xLow, yHigh)), times(xLow, yLow));
  }

  /** a + b - sum, exactly: Knuth. */
  private sumError(sum: V, a: V, b: V): V {
    const part = this.apply('f64x2.sub', sum, a);
    const ofA = this.apply('f64x2.sub', a, this.apply('f64x2.sub', sum, part));
    return this.apply('f64x2.add', ofA, this.apply('f64x2.sub', b, part));
  }

  /** `value` + `rest`, of which `value` is the nearest double: cut, with the last bit set if there is a rest. */
  private roundedToOdd(value: V, rest: V): V {
    const isInexact = this.apply('f64x2.ne', rest, this.zero);
    const isOpposed = this.apply('i64x2.gt_s', this.zero, this.apply('v128.xor', value, rest));
    const cut = this.apply('i64x2.add', value, this.apply('v128.and', isOpposed, isInexact));
    return this.apply('v128.or', cut, this.apply('v128.and', isInexact, this.vectors.constant(LAST_BIT)));
  }

  private get zero(): V {
    return this.vectors.constant(0n);
  }
  private magnitude(shape: Shape, x: V): V {
    return this.vectors.unary(`${shape}.abs`, x);
  }
  private apply(name: WasmVectorInstruction, x: V, y: V): V {
    return this.vectors.apply(name, x, y);
  }
}

export function lanes64(value: bigint): bigint {
  return value | (value << 64n);
}

export function lanes32(value: bigint): bigint {
  return lanes64(value | (value << 32n));
}
