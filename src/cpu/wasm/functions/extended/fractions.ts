import { MASK64 } from '../../../../bits.js';
import { PLACES } from '../../../evaluator/extended/fixed-point.js';
import { Code } from '../../encoding/code.js';
import type { WasmModule } from '../../encoding/module.js';
import { Statements, constant, select, type Expression, type Operand, type Variable } from '../expression.js';
import type { ExtendedNeeds } from './arithmetic.js';
import { upperProduct } from '../wide-arithmetic.js';
import { INTEGER_BIT, finish, type Parts } from './parts.js';

/** A fraction: (high, low) × 2^-128. */
export interface Fraction {
  readonly high: Variable;
  readonly low: Variable;
}

/** How exact a result is. */
export interface Precision {
  /** Bits of the sum of a series that are right. */
  readonly bits: number;
  /** How far the last word of a result may be off, with much room to spare. */
  readonly doubt: bigint;
  /** Steps of Newton's iteration for reciprocals, of which one gives 102 bits. */
  readonly steps: number;
}

/** Leaves rounding open for 2^-26 of all numbers. */
export const USUAL: Precision = { bits: 104, doubt: 1n << 36n, steps: 1 };
/** Also for results that lie close to a number of few bits. */
export const FINE: Precision = { bits: 124, doubt: 1n << 26n, steps: 2 };

/** The bits of `roughProduct` that are right, and of one word. */
const ROUGH_BITS = 92;
const WORD_BITS = 62;

/** The first 128 bits of a number below 1 that has PLACES bits. */
export function fractionOf(value: bigint): bigint {
  return value >> BigInt(PLACES - 128);
}

/**
 * Arithmetic on fractions, with errors of a few units of the last place. The functions that end in it leave results so near to
 * a value between two numbers that rounding is in doubt to the evaluator, which has 512 bits: so both give the exact result, rounded.
 */
export class Fractions {
  private readonly multiply: number;

  constructor(
    module: WasmModule,
    private readonly needs: ExtendedNeeds,
  ) {
    this.multiply = addMultiply(module);
  }

  product(to: Statements, x: Fraction, y: Fraction): Fraction {
    const [high, low] = to.callMany(['i64', 'i64'], this.multiply, x.high, x.low, y.high, y.low);
    return { high: high!, low: low! };
  }

  /**
   * The sum of coefficients times powers of x, which is less than 2^-below, with alternating signs if `alternates` is set; they
   * become smaller. Partial sums have as many bits as are needed, since they are multiplied by a power of x: those of the first
   * terms two words, the others one.
   */
  series(
    to: Statements,
    coefficients: readonly bigint[],
    x: Fraction,
    { below, alternates }: { readonly below: number; readonly alternates: Expression },
    precision = USUAL,
  ): Fraction {
    const terms = coefficients.map((coefficient, n) => ({
      coefficient,
      needed: precision.bits - n * below,
      // A partial sum is less than twice its first term.
      zeros: Math.max(PLACES - coefficient.toString(2).length - 1, 0),
    }));
    const counted = terms.filter(({ needed, zeros }) => zeros <= needed);
    const flip = to.let(select(alternates, constant('i64', -1), constant('i64', 0)));
    let word: { readonly value: Variable; readonly zeros: number } | undefined;
    let sum: Fraction | undefined;
    for (const { coefficient, needed, zeros } of counted.reverse()) {
      if (!sum && needed <= zeros + WORD_BITS) {
        const first = constant('i64', coefficient >> BigInt(PLACES - 64 - zeros));
        const rest = word && upperProduct(to, word.value, x.high).shr(word.zeros - zeros);
        // The complement is one unit too small, which does not count.
        word = { value: to.let(rest ? first.add(rest.xor(flip)) : first), zeros };
        continue;
      }
      sum ??= word
        ? shiftedRight(to, { ...known(to, 0n), high: word.value }, constant('i32', word.zeros))
        : known(to, 0n);
      const product = needed <= ROUGH_BITS ? roughProduct(to, sum, x) : this.product(to, sum, x);
      const fraction = fractionOf(coefficient);
      const low = to.let(product.low.xor(flip));
      sum.low.set(low.add(fraction & MASK64));
      const carry = sum.low.below(low).wide();
      sum.high.set(
        product.high
          .xor(flip)
          .add(fraction >> 64n)
          .add(carry),
      );
    }
    return sum!;
  }

  /** 1 / (1 + rest), by Newton's iteration from the reciprocal of a double. */
  reciprocal(to: Statements, rest: Fraction, { steps } = USUAL): Fraction {
    const one = constant('i64', 1023n << 52n).asDouble();
    const double = rest.high
      .shr(12)
      .or(1023n << 52n)
      .asDouble();
    const bits = to.let(one.binary('div', double).asBits());
    // Between a half and 1; the first bit of the double's significand is not stored.
    const high = to.let(bits.shl(11).or(INTEGER_BIT));
    const shift = constant('i64', 1022).sub(bits.shr(52));
    high.set(select(bits.shr(52).equals(1023n), constant('i64', -1), high.shr(shift)));
    const result = { high, low: to.let(constant('i64', 0)) };
    for (let i = 0; i < steps; i++) {
      const sum = this.product(to, result, rest);
      // What result × (1 + rest) lacks to 1, which may be negative.
      add(sum, result);
      const negative = to.let(constant('i64', 0).sub(sum.high.binary('shr_s', 63n).isZero().wide()));
      const error = { high: to.let(sum.high.xor(-1).xor(negative)), low: to.let(sum.low.xor(-1).xor(negative)) };
      const step = this.product(to, result, error);
      step.low.set(step.low.xor(negative));
      step.high.set(step.high.xor(negative));
      add(result, step);
    }
    return result;
  }

  /** ±significand × factor × 2^(exponent - 63), rounded, where both have their first bit set. */
  finishProduct(
    to: Statements,
    sign: Expression,
    exponent: Expression,
    significand: Expression,
    factor: Fraction,
  ): void {
    const high = to.let(upperProduct(to, significand, factor.high));
    const part = to.let(upperProduct(to, significand, factor.low));
    const low = to.let(significand.mul(factor.high).add(part));
    this.finish(to, sign, exponent.add(1), { high: to.let(high.add(low.below(part).wide())), low });
  }

  /** ±x × 2^exponent, rounded. */
  finish(to: Statements, sign: Expression, exponent: Expression, x: Fraction, { doubt } = USUAL): void {
    const zeros = normalize(to, x);
    leaveUnless(to, isSure(x, doubt));
    this.finishWords(to, sign, exponent.sub(zeros), x.high, x.low);
  }

  /** The same, but goes on where rounding is in doubt. */
  finishIfSure(to: Statements, sign: Expression, exponent: Expression, x: Fraction, doubt: bigint): void {
    const zeros = normalize(to, x);
    to.if(isSure(x, doubt), () => this.finishWords(to, sign, exponent.sub(zeros), x.high, x.low));
  }

  /** ±(high, low) × 2^(exponent - 128), rounded: not 0, and the last bit is set if what follows is not 0. */
  finishWords(to: Statements, sign: Expression, exponent: Expression, high: Expression, low: Expression): void {
    const { significand, signExponent } = this.rounded(to, sign, exponent, { high, low });
    finish(to, significand, signExponent);
  }

  /** The same, as the parts of a number. */
  rounded(
    to: Statements,
    sign: Expression,
    exponent: Expression,
    { high, low }: { readonly high: Expression; readonly low: Expression },
  ): Parts {
    const last = exponent.sub(1);
    const [significand, signExponent] = to.callMany(['i64', 'i32'], this.needs.packFully, sign, last, high, low);
    return { significand: significand as Variable, signExponent: signExponent as Variable };
  }

  /** A number that is known, ±value × 2^-PLACES and more, rounded. */
  finishKnown(to: Statements, sign: Expression, value: bigint): void {
    const length = value.toString(2).length;
    const bits = length < 128 ? value << BigInt(128 - length) : value >> BigInt(length - 128);
    const exponent = constant('i32', length - PLACES);
    this.finishWords(to, sign, exponent, constant('i64', bits >> 64n), constant('i64', (bits & MASK64) | 1n));
  }

  /** A little less than ±significand × 2^(exponent - 64), rounded. */
  finishBelow(to: Statements, sign: Expression, exponent: Expression, significand: Expression): void {
    const isPowerOfTwo = to.let(significand.equals(INTEGER_BIT));
    const high = select(isPowerOfTwo, constant('i64', -1), significand.sub(1));
    this.finishWords(to, sign, exponent.sub(isPowerOfTwo), to.let(high), constant('i64', -1));
  }

  /** A little more than ±significand × 2^(exponent - 64), rounded. */
  finishAbove(to: Statements, sign: Expression, exponent: Expression, significand: Expression): void {
    this.finishWords(to, sign, exponent, significand, constant('i64', 1));
  }
}

/** Whether the last word is that far from where rounding changes: a number of 64 bits, or half way between two. */
export function isSure(x: Fraction, doubt: bigint): Expression {
  return x.low
    .add(doubt)
    .and(INTEGER_BIT - 1n)
    .atLeast(2n * doubt);
}

/** Leaves the instruction to the evaluator. */
export function leaveUnless(to: Statements, condition: Expression): void {
  to.if(condition.isZero(), () => to.return(constant('i64', 0), constant('i32', 0), constant('i32', 1)));
}

export function known(to: Statements, value: bigint): Fraction {
  return { high: to.let(constant('i64', value >> 64n)), low: to.let(constant('i64', value & MASK64)) };
}

/** Adds y to x, modulo 1. */
export function add(x: Fraction, y: { readonly high: Expression; readonly low: Expression }): void {
  x.low.set(x.low.add(y.low));
  x.high.set(x.high.add(y.high).add(x.low.below(y.low).wide()));
}

/** Negates x, modulo 1, if the condition (i32) is 1. */
export function negateIf(to: Statements, x: Fraction, condition: Expression): void {
  const flip = to.let(constant('i64', 0).sub(condition.wide()));
  x.low.set(x.low.xor(flip).sub(flip));
  x.high.set(x.high.xor(flip).add(x.low.isZero().and(condition).wide()));
}

/** x - y for words that may be constants. */
export function difference(
  to: Statements,
  x: Fraction,
  y: { readonly high: Operand; readonly low: Operand },
): Fraction {
  const low = to.let(x.low.sub(y.low));
  return { high: to.let(x.high.sub(y.high).sub(x.low.below(y.low).wide())), low };
}

/** By fewer than 64 bits. */
export function shiftLeft(to: Statements, { high, low }: Fraction, by: Expression): void {
  const carried = to.let(low.shr(1).shr(constant('i64', 63).sub(by)));
  high.set(high.shl(by).or(carried));
  low.set(low.shl(by));
}

/** Shifts a fraction that is not 0 to the left until its first bit is set; returns by how much (i32). */
export function normalize(to: Statements, x: Fraction): Variable {
  const zeros = to.let(constant('i32', 0));
  to.if(x.high.isZero(), () => {
    x.high.set(x.low);
    x.low.set(0);
    zeros.set(64);
  });
  const lead = to.let(x.high.clz());
  shiftLeft(to, x, lead);
  zeros.set(zeros.add(lead.low()));
  return zeros;
}

/** By any number of bits (i32), not negative. */
export function shiftedRight(to: Statements, { high, low }: Fraction, by: Expression): Fraction {
  const count = to.let(by);
  const places = to.let(count.wide());
  const isLong = to.let(count.atLeast(64));
  const isBeyond = count.atLeast(128);
  const kept = low.shr(places).or(high.shl(1).shl(constant('i64', 63).sub(places)));
  return {
    high: to.let(select(isLong, constant('i64', 0), high.shr(places))),
    low: to.let(select(isLong, select(isBeyond, constant('i64', 0), high.shr(places)), kept)),
  };
}

/** A product of which the last word is off by some 2^33. */
export function roughProduct(
  to: Statements,
  x: Fraction,
  y: { readonly high: Expression; readonly low?: Expression },
): Fraction {
  const high = to.let(upperProduct(to, x.high, y.high));
  const low = to.let(x.high.mul(y.high));
  const upper = (word: Expression): Expression => word.shr(32);
  let crossed = upper(x.low).mul(upper(y.high));
  // Each is below 2^64, and so is the sum of their halves.
  if (y.low) crossed = crossed.shr(1).add(upper(x.high).mul(upper(y.low)).shr(1));
  const part = to.let(crossed);
  if (!y.low) {
    low.set(low.add(part));
    high.set(high.add(low.below(part).wide()));
    return { high, low };
  }
  const doubled = to.let(part.shl(1));
  low.set(low.add(doubled));
  high.set(high.add(part.shr(63)).add(low.below(doubled).wide()));
  return { high, low };
}

/** Adds the product of two fractions, a few units of the last place too small at most. */
function addMultiply(module: WasmModule): number {
  const code = new Code(['i64', 'i64', 'i64', 'i64']);
  const to = new Statements(code);
  const [xHigh, xLow, yHigh, yLow] = [0, 1, 2, 3].map((i) => to.parameter('i64', i)) as [
    Variable,
    Variable,
    Variable,
    Variable,
  ];
  const high = to.let(upperProduct(to, xHigh, yHigh));
  const low = to.let(xHigh.mul(yHigh));
  for (const part of [to.let(upperProduct(to, xHigh, yLow)), to.let(upperProduct(to, xLow, yHigh))]) {
    low.set(low.add(part));
    high.set(high.add(low.below(part).wide()));
  }
  to.return(high, low);
  code.op('unreachable');
  return module.add(module.type(['i64', 'i64', 'i64', 'i64'], ['i64', 'i64']), code);
}
