/**
 * Elementary functions on fixed-point numbers: bigints that count units of 2^-PLACES. Their errors are some hundred units,
 * far below what rounding to 64 bits can tell.
 */
export const PLACES = 512;
export const ONE = 1n << BigInt(PLACES);
/** Arguments are made so small, by a power of two, before a series is summed. */
const REDUCTIONS = 12;

export function product(x: bigint, y: bigint): bigint {
  return (x * y) >> BigInt(PLACES);
}

export function quotient(x: bigint, y: bigint): bigint {
  return (x << BigInt(PLACES)) / y;
}

/** Inverse hyperbolic tangent of a small number, by its series. */
function areaTangent(x: bigint): bigint {
  return oddSeries(x, product(x, x));
}

/** x + x³/3 + x⁵/5 + ..., where `square` is x², or with alternating signs, where it is -x². */
function oddSeries(x: bigint, square: bigint): bigint {
  let [sum, power] = [0n, x];
  for (let n = 1n; power !== 0n && power !== -1n; n += 2n) {
    sum += power / n;
    power = product(power, square);
  }
  return sum;
}

/** Natural logarithm of a number between 1/2 and 2. */
export function logarithm(x: bigint): bigint {
  return 2n * areaTangent(quotient(x - ONE, x + ONE));
}

/** e^x - 1 for |x| < 1. */
export function exponentialLess1(x: bigint): bigint {
  const reduced = x >> BigInt(REDUCTIONS);
  let [sum, term] = [0n, reduced];
  for (let n = 2n; term !== 0n && term !== -1n; n++) {
    sum += term;
    term = product(term, reduced) / n;
  }
  // (1 + s)² - 1 = 2s + s²
  for (let i = 0; i < REDUCTIONS; i++) sum = 2n * sum + product(sum, sum);
  return sum;
}

/** Arc tangent of a number between 0 and 1. */
export function arcTangent(x: bigint): bigint {
  let reduced = x;
  for (let i = 0; i < REDUCTIONS; i++) reduced = quotient(reduced, ONE + squareRoot(ONE + product(reduced, reduced)));
  return oddSeries(reduced, -product(reduced, reduced)) << BigInt(REDUCTIONS);
}

function squareRoot(x: bigint): bigint {
  const value = x << BigInt(PLACES);
  let root = 2n * ONE;
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** Sine and cosine for |x| < 1. */
export function sineAndCosine(x: bigint): { sine: bigint; cosine: bigint } {
  const square = product(x, x);
  const series = (first: bigint, start: bigint): bigint => {
    let [sum, term] = [0n, first];
    for (let n = start; term !== 0n && term !== -1n; n += 2n) {
      sum += term;
      term = -product(term, square) / (n * (n + 1n));
    }
    return sum;
  };
  return { sine: series(x, 2n), cosine: series(ONE, 1n) };
}

export const LN_2 = logarithm(2n * ONE);
/** ln 10 = 3 ln 2 + ln 5/4. */
export const LN_10 = 3n * LN_2 + logarithm((5n * ONE) / 4n);
export const PI = 4n * arcTangent(ONE);

/**
 * What processors have for π/2 when they reduce an argument: its first 66 bits, a number × 2^-HALF_PI_PLACES. SDM Vol. 1 8.3.8
 * "Approximation of Pi".
 */
export const REDUCING_HALF_PI = 0x3243f_6a88_85a3_08d3n;
export const HALF_PI_PLACES = 65;

export function factorial(n: number): bigint {
  return n < 2 ? 1n : BigInt(n) * factorial(n - 1);
}
