import { Statements, constant, type Variable } from '../expression.js';

/** A number whose significand has 128 bits. */
export interface Wide {
  readonly high: Variable;
  readonly low: Variable;
  readonly exponent: Variable;
  readonly sign: Variable;
}

/** Shifts the significand, which is not zero, until its leading bit is set. */
export function normalize(to: Statements, { high, low, exponent }: Wide): void {
  to.if(high.isZero(), () => {
    high.set(low);
    low.set(0);
    exponent.set(exponent.sub(64));
  });
  const zeros = to.let(high.clz());
  to.if(zeros.isSet(), () => {
    high.set(high.shl(zeros).or(low.shr(constant('i64', 64).sub(zeros))));
    low.set(low.shl(zeros));
    exponent.set(exponent.sub(zeros.low()));
  });
}

/** The significand shifted right by one bit, which is 0. */
export function halve({ high, low }: Wide): void {
  low.set(low.shr(1).or(high.shl(63)));
  high.set(high.shr(1));
}

export function exchange(to: Statements, x: Wide, y: Wide): void {
  for (const part of ['high', 'low', 'exponent', 'sign'] as const) {
    const other = to.let(x[part]);
    x[part].set(y[part]);
    y[part].set(other);
  }
}
