/**
 * The binary interchange formats of IEEE 754 that SSE computes in. SDM Vol. 1 4.2.2 "Floating-Point Data Types" and
 * 4.8 "Real Numbers and Floating-Point Formats".
 *
 *     | sign | biased exponent        | fraction                                |
 *            | all ones: infinity,NaN | most significant bit of a NaN: quiet    |
 *            | zero: zero, denormal   |                                         |
 */
export interface FloatFormat {
  /** Width of the encoding in bits. */
  readonly width: 16 | 32 | 64;
  /** Bits of the significand, including the integer bit, which is not stored. */
  readonly precision: number;
  readonly fractionBits: number;
  /** Exponent of the leading bit of the largest finite numbers. */
  readonly exponentMax: number;
  /** Exponent of the leading bit of the smallest normal number. */
  readonly exponentMin: number;
  /** Exponent of the last bit of denormals: every finite number is a multiple of 2^quantumMin. */
  readonly quantumMin: number;
  readonly signMask: bigint;
  readonly fractionMask: bigint;
  /** Set in quiet NaNs, clear in signaling ones. */
  readonly quietBit: bigint;
  /** Positive infinity. */
  readonly infinity: bigint;
  /** Largest finite number. */
  readonly largest: bigint;
  /** The QNaN floating-point indefinite: negative, quiet, no payload. SDM Vol. 1 4.8.3.7. */
  readonly indefinite: bigint;
}

function formatOf(width: 16 | 32 | 64, precision: number): FloatFormat {
  const fractionBits = precision - 1;
  const exponentBits = width - precision;
  const exponentMax = 2 ** (exponentBits - 1) - 1;
  const exponentMin = 1 - exponentMax;
  const signMask = 1n << BigInt(width - 1);
  const quietBit = 1n << BigInt(fractionBits - 1);
  const infinity = ((1n << BigInt(exponentBits)) - 1n) << BigInt(fractionBits);
  return {
    width,
    precision,
    fractionBits,
    exponentMax,
    exponentMin,
    quantumMin: exponentMin - fractionBits,
    signMask,
    fractionMask: (1n << BigInt(fractionBits)) - 1n,
    quietBit,
    infinity,
    largest: infinity - 1n,
    indefinite: signMask | infinity | quietBit,
  };
}

/** Half precision, binary16. */
export const F16 = formatOf(16, 11);
/** Single precision, binary32. */
export const F32 = formatOf(32, 24);
/** Double precision, binary64. */
export const F64 = formatOf(64, 53);

/** `magnitude` (an encoding with its sign bit clear) with the given sign. */
export function withSign(format: FloatFormat, negative: boolean, magnitude: bigint): bigint {
  return negative ? format.signMask | magnitude : magnitude;
}

/**
 * The encoding of ±significand × 2^quantum, which must be representable; significand ≤ 2^precision, and less than
 * 2^(precision - 1) only if quantum is quantumMin. The integer bit is not masked away but added to the exponent field,
 * whose value is one less than that of a normal number: so neither denormals nor a significand that rounding carried to
 * 2^precision need special treatment.
 */
export function encode(format: FloatFormat, negative: boolean, significand: bigint, quantum: number): bigint {
  const exponentField = BigInt(quantum - format.quantumMin) << BigInt(format.fractionBits);
  return withSign(format, negative, exponentField + significand);
}
