import { FSW, type X87Context } from './context.js';
import {
  encodeOperand,
  invalid,
  leadingExponent,
  noteDenormals,
  propagateNaN,
  zero,
  type F80,
  type Operand,
} from './operand.js';
import { roundFully } from './round.js';

/** A remainder, and C0 to C3 in their places in FSW; undefined where there is no quotient. */
export interface Remainder {
  readonly value: F80;
  readonly codes: number | undefined;
}

/** From this difference of the exponents on, FPREM only reduces the dividend. */
const COMPLETE_BELOW = 64;

/**
 * FPREM (quotient truncated) and FPREM1 (`nearest`): x - y × quotient, exact. C0 C3 C1 have the low bits of the quotient;
 * C2 is set if it is only a step, by between 32 and 63 bits. SDM Vol. 2A "FPREM", "FPREM1".
 */
export function remainder(context: X87Context, x: Operand, y: Operand, nearest: boolean): Remainder {
  const nan = propagateNaN(context, x, y);
  if (nan) return { value: nan, codes: undefined };
  if (x.class === 'infinity' || y.class === 'zero') return { value: invalid(context), codes: undefined };
  noteDenormals(context, x, y);
  if (x.class === 'zero') return { value: zero(x.negative), codes: 0 };
  if (y.class === 'infinity') return { value: exact(context, x), codes: 0 };
  const distance = leadingExponent(x) - leadingExponent(y);
  if (distance < -1) return { value: exact(context, x), codes: 0 };
  const skipped = distance < COMPLETE_BELOW ? 0 : distance - 32 - (distance & 31);
  const quantum = Math.min(x.quantum, y.quantum + skipped);
  const dividend = x.significand << BigInt(x.quantum - quantum);
  const divisor = y.significand << BigInt(y.quantum + skipped - quantum);
  let quotient = dividend / divisor;
  let rest = dividend - quotient * divisor;
  let negative = x.negative;
  if (nearest && skipped === 0 && (2n * rest > divisor || (2n * rest === divisor && (quotient & 1n) === 1n))) {
    quotient++;
    rest = divisor - rest;
    negative = !negative;
  }
  const codes = skipped === 0 ? quotientCodes(quotient) : FSW.C2;
  if (rest === 0n) return { value: zero(x.negative), codes };
  return { value: roundFully(context, negative, rest, quantum), codes };
}

/** The dividend itself; a denormal is tiny, though exact. */
function exact(context: X87Context, x: Operand): F80 {
  return x.class === 'denormal' ? roundFully(context, x.negative, x.significand, x.quantum) : encodeOperand(x);
}

function quotientCodes(quotient: bigint): number {
  const bit = (index: number, code: number): number => ((quotient >> BigInt(index)) & 1n ? code : 0);
  return bit(2, FSW.C0) | bit(1, FSW.C3) | bit(0, FSW.C1);
}
