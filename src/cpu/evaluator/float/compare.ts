import { maskOf } from '../../../bits.js';
import type { FloatContext } from './context.js';
import type { FloatFormat } from './format.js';
import { OUTCOMES, isSignaling, outcomesOf } from '../../meaning/predicates.js';
import { MXCSR } from './mxcsr.js';
import { isNaN, noteDenormals, operand, type Operand } from './operand.js';

/** Result of a comparison: "less" means first < second; "unordered" means that one of them is a NaN. */
export type Comparison = 'unordered' | 'less' | 'equal' | 'greater';

/** Which NaNs are invalid operands of a comparison: every NaN, or only SNaNs. */
export type NaNRule = 'every NaN is invalid' | 'SNaN is invalid';

/**
 * COMISS and COMISD ("every NaN is invalid"), UCOMISS and UCOMISD ("SNaN is invalid"). Raises IE and DE.
 * SDM Vol. 2A "COMISD", Vol. 2B "UCOMISD".
 */
export function compare(
  context: FloatContext,
  format: FloatFormat,
  first: bigint,
  second: bigint,
  rule: NaNRule,
): Comparison {
  return relation(context, format, operand(context, format, first), operand(context, format, second), rule);
}

/** CMPSS, CMPSD, CMPPS, CMPPD: all ones where `predicate` (0 to 31) holds between first and second, else zero. */
export function cmp(
  context: FloatContext,
  format: FloatFormat,
  predicate: number,
  first: bigint,
  second: bigint,
): bigint {
  const outcome = compare(
    context,
    format,
    first,
    second,
    isSignaling(predicate) ? 'every NaN is invalid' : 'SNaN is invalid',
  );
  return (outcomesOf(predicate) & OUTCOMES[outcome]) !== 0 ? maskOf(format.width) : 0n;
}

/** MINSS, MINSD, MINPS, MINPD: first if it is less, else second; therefore second if both are zeros or one is a NaN. */
export function min(context: FloatContext, format: FloatFormat, first: bigint, second: bigint): bigint {
  return selectIf('less', context, format, first, second);
}

/**
 * MAXSS, MAXSD, MAXPS, MAXPD: first if it is greater, else second; therefore second if both are zeros or one is a NaN.
 */
export function max(context: FloatContext, format: FloatFormat, first: bigint, second: bigint): bigint {
  return selectIf('greater', context, format, first, second);
}

/** An SNaN is passed through unchanged; with DAZ, a denormal becomes zero. SDM Vol. 2B "MINPS". */
function selectIf(
  wanted: Comparison,
  context: FloatContext,
  format: FloatFormat,
  first: bigint,
  second: bigint,
): bigint {
  const x = operand(context, format, first);
  const y = operand(context, format, second);
  return relation(context, format, x, y, 'every NaN is invalid') === wanted ? x.bits : y.bits;
}

function relation(context: FloatContext, format: FloatFormat, x: Operand, y: Operand, rule: NaNRule): Comparison {
  if (isNaN(x) || isNaN(y)) {
    const hasSNaN = x.class === 'SNaN' || y.class === 'SNaN';
    if (hasSNaN || rule === 'every NaN is invalid') context.raise(MXCSR.IE);
    return 'unordered';
  }
  noteDenormals(context, x, y);
  const difference = rank(format, x) - rank(format, y);
  if (difference === 0n) return 'equal';
  return difference < 0n ? 'less' : 'greater';
}

/** An integer that orders like the number: encodings of one sign order by magnitude, and both zeros are 0. */
function rank(format: FloatFormat, x: Operand): bigint {
  return x.negative ? format.signMask - x.bits : x.bits;
}
