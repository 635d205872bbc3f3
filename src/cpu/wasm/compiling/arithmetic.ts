import { maskOf, type Width } from '../../../bits.js';
import { bigintArithmetic } from '../../meaning/bigint-arithmetic.js';
import type { Arithmetic } from '../../meaning/vocabulary.js';
import type { CompiledFunction } from '../functions/functions.js';
import type { WasmInstruction } from '../encoding/opcodes.js';
import { constantValue, localValue, typeOfWidth, type Emitter, type WasmValue } from '../encoding/value.js';

type V = WasmValue;
type Binary = 'add' | 'sub' | 'mul' | 'and' | 'or' | 'xor' | 'shl' | 'shr_u' | 'shr_s' | 'rotl' | 'rotr';

/** Compiles arithmetic of the vocabulary to Wasm; constants are folded. */
export class WasmArithmetic implements Arithmetic<V> {
  constructor(
    protected readonly emitter: Emitter,
    /** Calls one of the functions of wasm/functions. */
    private readonly callFunction: (name: CompiledFunction) => void,
  ) {}

  constant(width: Width, value: bigint | number): V {
    return constantValue(typeOfWidth(width), bigintArithmetic.constant(width, value));
  }
  zeroExtend(from: Width, to: Width, x: V): V {
    if (to !== 64 || from === 64) return x;
    if (x.constant !== undefined) return constantValue('i64', x.constant);
    this.emitter.push(x).code.op('i64.extend_i32_u');
    return this.emitter.pop('i64');
  }
  signExtend(from: Width, to: Width, x: V): V {
    if (from === to) return x;
    if (x.constant !== undefined) return this.constant(to, bigintArithmetic.signExtend(from, to, x.constant));
    this.pushSigned(from, x);
    if (to === 64) {
      this.emitter.code.op('i64.extend_i32_s');
      return this.emitter.pop('i64');
    }
    return this.masked(to);
  }
  truncate(from: Width, to: Width, x: V): V {
    if (from === to) return x;
    if (x.constant !== undefined) return this.constant(to, x.constant);
    this.emitter.push(x);
    if (from === 64) this.emitter.code.op('i32.wrap_i64');
    return this.masked(to);
  }

  add(width: Width, x: V, y: V): V {
    const sum = this.binary('add', width, x, y, bigintArithmetic.add);
    if (y.constant !== undefined) return movedFrom(x, y.constant, sum);
    return x.constant === undefined ? sum : movedFrom(y, x.constant, sum);
  }
  sub(width: Width, x: V, y: V): V {
    const difference = this.binary('sub', width, x, y, bigintArithmetic.sub);
    return y.constant === undefined ? difference : movedFrom(x, -y.constant, difference);
  }
  mul(width: Width, x: V, y: V): V {
    return this.binary('mul', width, x, y, bigintArithmetic.mul);
  }
  and(width: Width, x: V, y: V): V {
    return this.binary('and', width, x, y, bigintArithmetic.and);
  }
  or(width: Width, x: V, y: V): V {
    return this.binary('or', width, x, y, bigintArithmetic.or);
  }
  xor(width: Width, x: V, y: V): V {
    return this.binary('xor', width, x, y, bigintArithmetic.xor);
  }
  shl(width: Width, x: V, count: V): V {
    return this.binary('shl', width, x, count, bigintArithmetic.shl);
  }
  shr(width: Width, x: V, count: V): V {
    return this.binary('shr_u', width, x, count, bigintArithmetic.shr);
  }
  sar(width: Width, x: V, count: V): V {
    if (width >= 32) return this.binary('shr_s', width, x, count, bigintArithmetic.sar);
    this.pushSigned(width, x);
    this.emitter.push(count).code.op('i32.shr_s');
    return this.masked(width);
  }
  rotateLeft(width: Width, x: V, count: V): V {
    if (width >= 32) return this.binary('rotl', width, x, count, bigintArithmetic.rotateLeft);
    return this.rotateNarrow(width, x, count, 'i32.shl', 'i32.shr_u');
  }
  rotateRight(width: Width, x: V, count: V): V {
    if (width >= 32) return this.binary('rotr', width, x, count, bigintArithmetic.rotateRight);
    return this.rotateNarrow(width, x, count, 'i32.shr_u', 'i32.shl');
  }
  not(width: Width, x: V): V {
    return this.xor(width, x, this.constant(width, maskOf(width)));
  }
  neg(width: Width, x: V): V {
    return this.sub(width, this.constant(width, 0), x);
  }

  mulHighUnsigned(width: Width, x: V, y: V): V {
    if (width === 64) return this.mulHigh64('shr', x, y);
    return this.highHalf(width, this.zeroExtend(width, 64, x), this.zeroExtend(width, 64, y));
  }
  mulHighSigned(width: Width, x: V, y: V): V {
    if (width < 64) return this.highHalf(width, this.signExtend(width, 64, x), this.signExtend(width, 64, y));
    return this.mulHigh64('sar', x, y);
  }
  divideUnsigned(width: Width, high: V, low: V, divisor: V): { quotient: V; remainder: V } {
    const { emitter } = this;
    if (width === 64) return this.divide128(high, low, divisor);
    const wide = (v: V): V => this.zeroExtend(width, 64, v);
    const dividend = this.or(64, this.shl(64, wide(high), this.constant(64, width)), wide(low));
    const by = wide(divisor);
    emitter.push(dividend).push(by).code.op('i64.div_u');
    const quotient = emitter.pop('i64');
    emitter.push(dividend).push(by).code.op('i64.rem_u');
    const remainder = emitter.pop('i64');
    return { quotient: this.truncate(64, width, quotient), remainder: this.truncate(64, width, remainder) };
  }
  private divide128(high: V, low: V, divisor: V): { quotient: V; remainder: V } {
    const { emitter } = this;
    const [quotient, remainder] = [emitter.local('i64'), emitter.local('i64')];
    emitter.push(high).code.op('i64.eqz').if();
    emitter.push(low).push(divisor).code.op('i64.div_u').set(quotient);
    emitter.push(low).push(divisor).code.op('i64.rem_u').set(remainder).else();
    emitter.push(high).push(low).push(divisor);
    this.callFunction('divide128');
    emitter.code.set(remainder).set(quotient).end();
    return { quotient: localValue('i64', quotient), remainder: localValue('i64', remainder) };
  }

  equal(width: Width, x: V, y: V): V {
    return this.compare('eq', width, x, y, bigintArithmetic.equal);
  }
  lessUnsigned(width: Width, x: V, y: V): V {
    return this.compare('lt_u', width, x, y, bigintArithmetic.lessUnsigned);
  }
  lessSigned(width: Width, x: V, y: V): V {
    if (width >= 32 || (x.constant !== undefined && y.constant !== undefined))
      return this.compare('lt_s', width, x, y, bigintArithmetic.lessSigned);
    this.pushSigned(width, x);
    this.pushSigned(width, y);
    this.emitter.code.op('i32.lt_s');
    return this.emitter.pop('i32');
  }
  isZero(width: Width, x: V): V {
    if (x.constant !== undefined) return this.constant(8, x.constant === 0n ? 1 : 0);
    this.emitter.push(x).code.op(width === 64 ? 'i64.eqz' : 'i32.eqz');
    return this.emitter.pop('i32');
  }
  isFalse(x: V): V {
    return this.isZero(8, x);
  }
  select(width: Width | 128, condition: V, whenTrue: V, whenFalse: V): V {
    if (condition.constant !== undefined) return condition.constant ? whenTrue : whenFalse;
    this.emitter.push(whenTrue).push(whenFalse).push(condition).code.op('select');
    return this.emitter.pop(typeOfWidth(width));
  }

  countLeadingZeros(width: Width, x: V): V {
    const { emitter } = this;
    emitter.push(x).code.op(width === 64 ? 'i64.clz' : 'i32.clz');
    if (width < 32) emitter.code.i32(32 - width).op('i32.sub');
    return emitter.pop(typeOfWidth(width));
  }
  countTrailingZeros(width: Width, x: V): V {
    const { emitter } = this;
    emitter.push(x);
    if (width < 32) emitter.code.i32(1 << width).op('i32.or');
    emitter.code.op(width === 64 ? 'i64.ctz' : 'i32.ctz');
    return emitter.pop(typeOfWidth(width));
  }
  populationCount(width: Width, x: V): V {
    this.emitter.push(x).code.op(width === 64 ? 'i64.popcnt' : 'i32.popcnt');
    return this.emitter.pop(typeOfWidth(width));
  }
  byteSwap(width: Width, x: V): V {
    if (width === 8) return x;
    if (width === 16) return this.rotateLeft(16, x, this.constant(16, 8));
    // Swap neighbours of 8 bits, then of 16, then of 32.
    const swapped = this.swapNeighbours(width, x, 8, 0x00ff_00ff_00ff_00ffn);
    if (width === 32) return this.rotateLeft(32, swapped, this.constant(32, 16));
    const words = this.swapNeighbours(64, swapped, 16, 0x0000_ffff_0000_ffffn);
    return this.rotateLeft(64, words, this.constant(64, 32));
  }

  /** Masks the i32 on the stack to `width` bits and pops it. */
  protected masked(width: Width): V {
    if (width < 32) this.emitter.code.i32(Number(maskOf(width))).op('i32.and');
    return this.emitter.pop('i32');
  }

  private swapNeighbours(width: Width, x: V, distance: number, mask: bigint): V {
    const by = this.constant(width, distance);
    const low = this.constant(width, mask);
    const up = this.shl(width, this.and(width, x, low), by);
    return this.or(width, up, this.and(width, this.shr(width, x, by), low));
  }
  private binary(name: Binary, width: Width, x: V, y: V, fold: Arithmetic<bigint>['add']): V {
    if (x.constant !== undefined && y.constant !== undefined)
      return this.constant(width, fold(width, x.constant, y.constant));
    const { emitter } = this;
    const type = typeOfWidth(width);
    emitter
      .push(x)
      .push(y)
      .code.op(`${type}.${name}` as WasmInstruction);
    const growsBeyond = name === 'add' || name === 'sub' || name === 'mul' || name === 'shl';
    return growsBeyond && type === 'i32' ? this.masked(width) : emitter.pop(type);
  }
  private compare(name: 'eq' | 'lt_u' | 'lt_s', width: Width, x: V, y: V, fold: Arithmetic<bigint>['equal']): V {
    if (x.constant !== undefined && y.constant !== undefined)
      return this.constant(8, fold(width, x.constant, y.constant));
    this.emitter
      .push(x)
      .push(y)
      .code.op(`${typeOfWidth(width) as 'i32' | 'i64'}.${name}`);
    return this.emitter.pop('i32');
  }
  private pushSigned(width: Width, x: V): void {
    this.emitter.push(x);
    if (width === 8) this.emitter.code.op('i32.extend8_s');
    if (width === 16) this.emitter.code.op('i32.extend16_s');
  }
  private rotateNarrow(width: Width, x: V, count: V, there: WasmInstruction, back: WasmInstruction): V {
    const { emitter } = this;
    emitter.push(x).push(count).code.op(there);
    emitter.push(x).push(this.constant(32, width)).push(count).code.op('i32.sub').op(back).op('i32.or');
    return this.masked(width);
  }
  private highHalf(width: Width, x: V, y: V): V {
    return this.truncate(64, width, this.shr(64, this.mul(64, x, y), this.constant(64, width)));
  }
  /** The upper half of a 64 by 64 bit product, from four products of halves. */
  /** From products of halves, of which the upper ones are signed with `sar`; no sum leaves 64 bits. */
  private mulHigh64(shift: 'shr' | 'sar', x: V, y: V): V {
    const by32 = this.constant(64, 32);
    const low = (v: V): V => this.and(64, v, this.constant(64, 0xffff_ffffn));
    const high = (v: V): V => this[shift](64, v, by32);
    const [xLow, xHigh, yLow, yHigh] = [low(x), high(x), low(y), high(y)];
    const lowest = this.shr(64, this.mul(64, xLow, yLow), by32);
    const middle = this.add(64, this.mul(64, xHigh, yLow), lowest);
    const middle2 = this.add(64, this.mul(64, xLow, yHigh), low(middle));
    return this.add(64, this.mul(64, xHigh, yHigh), this.add(64, high(middle), high(middle2)));
  }
}

/** `value`, known to be another value plus `distance`. */
function movedFrom({ origin }: V, distance: bigint, value: V): V {
  if (!origin || value.constant !== undefined) return value;
  const moved = { root: origin.root, offset: BigInt.asIntN(64, origin.offset + distance) };
  return localValue(value.type, value.local, moved, value.float);
}
