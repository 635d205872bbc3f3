import { MASK64 } from '../../../../bits.js';
import { ONE, factorial, sineAndCosine } from '../../../evaluator/extended/fixed-point.js';
import { Code } from '../../encoding/code.js';
import type { WasmModule } from '../../encoding/module.js';
import { upperProduct } from '../wide-arithmetic.js';
import { Statements, constant, select, type Expression, type Variable } from '../expression.js';
import {
  FINE,
  add,
  difference,
  fractionOf,
  roughProduct,
  shiftedRight,
  type Fraction,
  type Fractions,
} from './fractions.js';

/*
 * Sine and cosine of 0 < r ≤ π/4. For nearly all numbers, 73 bits tell how to round to 64. So they are first made of products of
 * 64 bits, from the sine and cosine of the nearest multiple a of 1/32: of t = r - a, |t| ≤ 1/64,
 *
 *     P = 1 - cos t = t²/2 - ...   sin r = sin a + cos a × t - sin a × P - cos a × Q
 *     Q = t - sin t = t³/6 - ...   cos r = cos a - sin a × t - cos a × P + sin a × Q
 */

/** What the results of these functions are off by in the last of their two words, after normalization, is a quarter of this at most. */
export const DOUBT_OF_SINES = 1n << 55n;
/** Below 2^SMALLEST, a is 0. */
const SMALLEST = -6;

/** t × 2^T_SHIFT and t² × 2^SQUARE_SHIFT have 64 bits behind the point. */
const T_SHIFT = 6;
const SQUARE_SHIFT = 2 * T_SHIFT;
/** t² × 2^SQUARE_SHIFT is multiplied by four times Q / t³. */
const Q_SHIFT = T_SHIFT + SQUARE_SHIFT + 2;
/** The last word of r / 32 begins here. */
const STEP_BITS = 59;
/** As many as π/4 needs. */
const STEPS = 26;

/** Half of sine and cosine of a. */
const HALVES = Array.from({ length: STEPS }, (_, i) => {
  const { sine, cosine } = sineAndCosine((BigInt(i) * ONE) / 32n);
  return [sine / 2n, cosine / 2n] as const;
});

/** (fraction, exponent, cosine) → one of them as the fraction that `exponentOfSine` scales, by series of 128 bits. */
export function addSlowSine(module: WasmModule, fractions: Fractions): number {
  const code = new Code(['i64', 'i64', 'i32', 'i32']);
  const to = new Statements(code);
  const fraction = { high: to.parameter('i64', 0), low: to.parameter('i64', 1) };
  const [exponent, isCosine] = [to.parameter('i32', 2), to.parameter('i32', 3)];
  const product = fractions.product(to, fraction, fraction);
  const square = shiftedRight(to, product, constant('i32', 0).sub(exponent.shl(1)));
  const alternates = constant('i32', 1);
  to.if(isCosine, () => {
    const { high, low } = fractions.series(to, COSINE, square, { below: 0.69, alternates }, FINE);
    to.return(high, low);
  });
  const { high, low } = fractions.product(
    to,
    fraction,
    fractions.series(to, SINE, square, { below: 0.69, alternates }, FINE),
  );
  to.return(high, low);
  code.op('unreachable');
  return module.add(module.type(['i64', 'i64', 'i32', 'i32'], ['i64', 'i64']), code);
}

/** Half of the coefficients of sin r / r and cos r in r², whose signs alternate. */
const TERMS = Array.from({ length: 18 }, (_, n) => n);
const SINE = TERMS.map((n) => ONE / (2n * factorial(2 * n + 1)));
const COSINE = TERMS.map((n) => ONE / (2n * factorial(2 * n)));

/** Adds (fraction, exponent) of r, exponent between -32 and 0 → sine, as `exponentOfSine` says, and half the cosine. */
export function addSines(module: WasmModule): number {
  const halves = addHalves(module);
  const code = new Code(['i64', 'i64', 'i32']);
  const to = new Statements(code);
  const fraction = { high: to.parameter('i64', 0), low: to.parameter('i64', 1) };
  const exponent = to.parameter('i32', 2);
  const r = shiftedRight(to, fraction, constant('i32', 0).sub(exponent));
  const step = to.let(r.high.add(1n << BigInt(STEP_BITS - 1)).shr(STEP_BITS));
  // The complement of t is one unit too small, which does not count.
  const high = to.let(r.high.sub(step.shl(STEP_BITS)));
  const flip = to.let(high.binary('shr_s', 63n));
  high.set(high.xor(flip));
  const low = to.let(r.low.xor(flip));
  const t = { high: to.let(high.shl(T_SHIFT).or(low.shr(64 - T_SHIFT))), low: to.let(low.shl(T_SHIFT)) };
  const square = to.let(upperProduct(to, t.high, t.high));
  const p = to.let(upperProduct(to, square, series(to, square, [2, 24, 720, 40320], 1n)));
  const third = to.let(upperProduct(to, square, series(to, square, [6, 120, 5040, 362880], 4n)));
  const q = to.let(upperProduct(to, t.high, third));
  const parts = to.callMany(['i64', 'i64', 'i64', 'i64'], halves, step.low()) as [
    Variable,
    Variable,
    Variable,
    Variable,
  ];
  const [sineOfStep, cosineOfStep] = [
    { high: parts[0], low: parts[1] },
    { high: parts[2], low: parts[3] },
  ];
  const sine = ofSum(to, sineOfStep, cosineOfStep, { t, p, q, flip });
  const cosine = ofSum(to, cosineOfStep, sineOfStep, { t, p, q, flip: flip.xor(-1) });
  to.if(step.isZero(), () => {
    const less = to.let(upperProduct(to, fraction.high, third));
    const shift = SQUARE_SHIFT + 2;
    const small = difference(to, fraction, { high: less.shr(shift), low: less.shl(64 - shift) });
    to.return(small.high, small.low, cosine.high, cosine.low);
  });
  to.return(sine.high, sine.low, cosine.high, cosine.low);
  code.op('unreachable');
  return module.add(module.type(['i64', 'i64', 'i32'], ['i64', 'i64', 'i64', 'i64']), code);
}

/** The exponent of the sine's fraction, of r with an exponent. */
export function exponentOfSine(exponent: Expression): Expression {
  return select(exponent.greater(SMALLEST), constant('i32', 1), exponent);
}

/** first - first × P ± (second × t - second × Q), the lower sign where `flip` is set. */
function ofSum(
  to: Statements,
  first: Fraction,
  second: Fraction,
  { t, p, q, flip }: { readonly t: Fraction; readonly p: Variable; readonly q: Variable; readonly flip: Expression },
): Fraction {
  const less = roughProduct(to, first, { high: p });
  const more = roughProduct(to, second, t);
  const curve = to.let(upperProduct(to, second.high, q));
  const step = difference(to, shifted(to, more, T_SHIFT), { high: curve.shr(Q_SHIFT), low: curve.shl(64 - Q_SHIFT) });
  const sign = to.let(flip);
  const result = difference(to, first, shifted(to, less, SQUARE_SHIFT));
  add(result, { high: to.let(step.high.xor(sign)), low: to.let(step.low.xor(sign)) });
  return result;
}

function shifted(to: Statements, { high, low }: Fraction, by: number): Fraction {
  return { high: to.let(high.shr(by)), low: to.let(low.shr(by).or(high.shl(64 - by))) };
}

/** scale × (1/n - x × (1/n' - x × ...)) for x = square × 2^-SQUARE_SHIFT; the last product needs the upper halves only. */
function series(to: Statements, square: Expression, divisors: readonly number[], scale: bigint): Variable {
  const [last, ...others] = divisors.map((divisor) => (scale << 64n) / BigInt(divisor)).reverse();
  let sum: Variable | undefined;
  for (const coefficient of others) {
    const product = sum ? upperProduct(to, square, sum) : square.shr(32).mul(last! >> 32n);
    sum = to.let(constant('i64', coefficient).sub(product.shr(SQUARE_SHIFT)));
  }
  return sum!;
}

/** Adds (step) → half the sine and half the cosine of so many 32nds, in two words each. */
function addHalves(module: WasmModule): number {
  const code = new Code(['i32']);
  const outermost = code.block();
  const labels = HALVES.map(() => code.block()).reverse();
  code.get(0).brTable(labels, outermost);
  for (const [sine, cosine] of HALVES) {
    code.end();
    for (const value of [sine, cosine]) {
      const bits = fractionOf(value);
      code.i64(bits >> 64n).i64(bits & MASK64);
    }
    code.op('return');
  }
  code.end().op('unreachable');
  return module.add(module.type(['i32'], ['i64', 'i64', 'i64', 'i64']), code);
}
