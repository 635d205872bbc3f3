import { Code } from '../encoding/code.js';
import type { WasmModule } from '../encoding/module.js';
import { Statements, constant, type Expression } from './expression.js';

const LOW = 0xffff_ffffn;

/** Adds (x, y) → the upper half of the product of two unsigned i64. */
export function addMultiplyHigh(module: WasmModule): number {
  const code = new Code(['i64', 'i64']);
  const to = new Statements(code);
  upperProduct(to, to.parameter('i64', 0), to.parameter('i64', 1)).push(code);
  return module.add(module.type(['i64', 'i64'], ['i64']), code);
}

/** The same in line: V8 calls such a small function in its unoptimised form for long. */
export function upperProduct(to: Statements, x: Expression, y: Expression): Expression {
  const [xLow, xHigh] = [to.let(x.and(LOW)), to.let(x.shr(32))];
  const [yLow, yHigh] = [to.let(y.and(LOW)), to.let(y.shr(32))];
  const middle = to.let(xHigh.mul(yLow).add(xLow.mul(yLow).shr(32)));
  const rest = to.let(xLow.mul(yHigh).add(middle.and(LOW)));
  return xHigh.mul(yHigh).add(middle.shr(32)).add(rest.shr(32));
}

/** Adds (high, low, count) → high and low shifted right, the last bit set if bits were lost that are not zero. */
export function addShiftRightWide(module: WasmModule): number {
  const code = new Code(['i64', 'i64', 'i32']);
  const to = new Statements(code);
  const [high, low, count] = [to.parameter('i64', 0), to.parameter('i64', 1), to.parameter('i32', 2)];
  to.if(count.atLeast(128), () => to.return(constant('i64', 0), high.or(low).isSet().wide()));
  to.if(count.atLeast(64), () => {
    low.set(high.or(low.isSet().wide()));
    high.set(0);
    count.set(count.sub(64));
  });
  to.if(count.isSet(), () => {
    const places = to.let(count.wide());
    const rest = to.let(constant('i64', 64).sub(places));
    const lost = to.let(low.shl(rest).isSet().wide());
    low.set(low.shr(places).or(high.shl(rest)).or(lost));
    high.set(high.shr(places));
  });
  to.return(high, low);
  code.op('unreachable');
  return module.add(module.type(['i64', 'i64', 'i32'], ['i64', 'i64']), code);
}

/**
 * Adds (high, low, divisor) → quotient and remainder, for high < divisor: long division by digits of 32 bits, of which the
 * estimates are at most two too large if the divisor's leading bit is set (Knuth, The Art of Computer Programming, 4.3.1).
 */
export function addDivide(module: WasmModule, exportName: string): number {
  const code = new Code(['i64', 'i64', 'i64']);
  const to = new Statements(code);
  const [high, low, divisor] = [to.parameter('i64', 0), to.parameter('i64', 1), to.parameter('i64', 2)];
  to.if(high.isZero(), () => to.return(low.dividedBy(divisor), low.remainderBy(divisor)));
  const shift = to.let(divisor.clz());
  divisor.set(divisor.shl(shift));
  high.set(high.shl(shift).or(low.shr(1).shr(constant('i64', 63).sub(shift))));
  low.set(low.shl(shift));
  const first = digit(to, high, low.shr(32), divisor);
  const second = digit(to, first.rest, low.and(LOW), divisor);
  to.return(first.quotient.shl(32).or(second.quotient), second.rest.shr(shift));
  code.op('unreachable');
  return module.add(module.type(['i64', 'i64', 'i64'], ['i64', 'i64']), code, exportName);
}

/** One digit of the quotient of `high` and a further digit by the divisor, and what is left. */
function digit(
  to: Statements,
  high: Expression,
  next: Expression,
  divisor: Expression,
): { quotient: Expression; rest: Expression } {
  const [top, bottom] = [to.let(divisor.shr(32)), to.let(divisor.and(LOW))];
  const quotient = to.let(high.dividedBy(top));
  const rest = to.let(high.sub(quotient.mul(top)));
  const correct = (): void => {
    const isTooLarge = quotient.above(LOW).or(quotient.mul(bottom).above(rest.shl(32).or(next)));
    to.if(isTooLarge.and(rest.below(LOW + 1n)), () => {
      quotient.set(quotient.sub(1));
      rest.set(rest.add(top));
    });
  };
  correct();
  correct();
  return { quotient, rest: to.let(high.shl(32).add(next).sub(quotient.mul(divisor))) };
}
