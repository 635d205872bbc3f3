import { X87Context } from '../../evaluator/extended/context.js';
import { constantOf } from '../../evaluator/extended/operations.js';
import type { MmxOperand, StackOperand } from '../../meaning/form.js';
import { CONDITION_CODES } from '../../meaning/isa/x87-stack.js';
import { FCW, FDP, FIP } from '../../meaning/isa/x87-state.js';
import type {
  Extended,
  X87Binary,
  X87Constant,
  X87Function,
  X87MemoryFormat,
  X87Operations,
  X87Result,
  X87Source,
  X87Unary,
} from '../../meaning/x87-vocabulary.js';
import { SECOND_RESULT, X87 } from '../../state/layout.js';
import { IS_QUOTIENT, NEAREST } from '../functions/extended/exponents.js';
import type { ExtendedFunction } from '../functions/extended/functions.js';
import { EMPTY, FULL, HAS_DENORMAL, QUIET } from '../functions/extended/parts.js';
import { OUT_OF_RANGE } from '../functions/extended/trigonometric.js';
import { TRUNCATED } from '../functions/float-functions.js';
import { constantValue, type Emitter, type WasmValue } from '../encoding/value.js';
import type { FloatContext } from './attempts.js';

type V = WasmValue;

/** What x87 arithmetic needs from the compiler. */
export interface X87Compiling extends FloatContext {
  /** The address of the instruction; i64. */
  pushRip(): void;
  registerNumber(operand: StackOperand | MmxOperand): V;
}

/** A truth value, and the bit of the option that it sets. */
type Fault = readonly [isPresent: V, bit: number];

const NOTHING = constantValue('i64', 0n);
const NONE = constantValue('i32', 0n);
const STORES = constantValue('i32', 1n);
const RC_SHIFT = 10;

/**
 * Compiles the operations of the x87 FPU to calls of functions. What raises an unmasked exception, and a result of a transcendental
 * function whose rounding is in doubt, is left to the evaluator; it sets FIP and FDP once more.
 */
export class CompiledX87 implements X87Operations<V> {
  constructor(
    private readonly emitter: Emitter,
    private readonly context: X87Compiling,
  ) {}

  registerNumber(operand: StackOperand | MmxOperand): V {
    return this.context.registerNumber(operand);
  }
  noteInstruction(address?: V): void {
    const { code } = this.emitter;
    code.i32(0);
    this.context.pushRip();
    code.memory('i64.store', X87 + FIP);
    if (!address) return;
    code.i32(0);
    this.emitter.push(address).code.memory('i64.store', X87 + FDP);
  }
  binary(operation: X87Binary, x: X87Source<V>, y: X87Source<V>): X87Result<V> {
    return this.ofTwo(`x87.${operation}`, x, y);
  }
  unary(operation: X87Unary, x: X87Source<V>): X87Result<V> {
    return this.ofTwo(`x87.${operation}`, x, x);
  }
  compare(x: X87Source<V>, y: X87Source<V>, quiet: boolean): X87Result<V, V> {
    const { value, stores } = this.ofTwo('x87.compare', x, y, quiet ? QUIET : 0);
    this.emitter.push(value.significand).code.op('i32.wrap_i64');
    return { value: this.emitter.pop('i32'), stores };
  }
  load(x: X87Source<V>, isFull: V): X87Result<V> {
    if (x.format === 'extended') throw new Error('registers are loaded as they are');
    return this.call(loadOf(x.format), () => this.pushOne(this.bitsOf(x), 0, [isFull, FULL]));
  }
  extract(
    x: X87Source<V>,
    isFull: V,
  ): X87Result<V, { readonly exponent: Extended<V>; readonly significand: Extended<V> }> {
    const part = (name: 'exponent' | 'significand'): Extended<V> =>
      this.call(`x87.${name}`, () => this.pushTwo(x, x, 0, [isFull, FULL])).value;
    const [exponent, significand] = [part('exponent'), part('significand')];
    return { value: { exponent, significand }, stores: STORES };
  }
  trigonometric(operation: X87Function, x: X87Source<V>): X87Result<V> & { readonly outOfRange: V } {
    return this.withRange(`x87.${operation}`, x);
  }
  sineAndCosine(x: X87Source<V>): X87Result<V> & { readonly pushed: Extended<V>; readonly outOfRange: V } {
    const { emitter } = this;
    const result = this.withRange('x87.sineAndCosine', x);
    emitter.code.i32(0).memory('i64.load', SECOND_RESULT);
    const significand = emitter.pop('i64');
    emitter.code.i32(0).memory('i32.load', SECOND_RESULT + 8);
    return { ...result, pushed: { significand, signExponent: emitter.pop('i32') } };
  }
  remainder(
    x: X87Source<V>,
    y: X87Source<V>,
    nearest: boolean,
  ): X87Result<V> & { readonly codes: V; readonly isQuotient: V } {
    const { emitter } = this;
    const { value, last } = this.results('x87.remainder', () => this.pushTwo(x, y, nearest ? NEAREST : 0));
    emitter.push(last).code.i32(1).op('i32.and');
    this.context.sideExitIf();
    emitter.push(last).code.i32(CONDITION_CODES).op('i32.and');
    const codes = emitter.pop('i32');
    emitter.push(last).code.i32(IS_QUOTIENT).op('i32.and').i32(0).op('i32.ne');
    return { value, stores: STORES, codes, isQuotient: emitter.pop('i32') };
  }
  toFloat(width: 32 | 64, x: X87Source<V>): X87Result<V, V> {
    const { value, stores } = this.ofTwo(width === 32 ? 'x87.toSingle' : 'x87.toDouble', x, x);
    return { value: this.cut(width, value.significand), stores };
  }
  toInteger(width: 16 | 32 | 64, x: X87Source<V>, truncated: boolean): X87Result<V, V> {
    const { value, stores } = this.ofTwo('x87.toInteger', x, x, truncated ? width | TRUNCATED : width);
    return { value: this.cut(width, value.significand), stores };
  }
  toDecimal(x: X87Source<V>): X87Result<V> {
    return this.ofTwo('x87.toDecimal', x, x);
  }
  fromDecimal(x: Extended<V>): Extended<V> {
    return this.results('x87.ofDecimal', () => this.pushOne(x)).value;
  }
  constant(constant: X87Constant): Extended<V> {
    const { emitter } = this;
    const byMode = [0, 1, 2, 3].map((mode) => constantOf(new X87Context(mode << RC_SHIFT), constant));
    const signExponent = constantValue('i32', BigInt(byMode[0]!.signExponent));
    let significand = constantValue('i64', byMode[0]!.significand);
    for (const mode of [1, 2, 3]) {
      const other = byMode[mode]!;
      if (other.significand === byMode[0]!.significand) continue;
      emitter.push(constantValue('i64', other.significand)).push(significand).code.i32(0);
      emitter.code
        .memory('i32.load16_u', X87 + FCW)
        .i32(RC_SHIFT)
        .op('i32.shr_u')
        .i32(3)
        .op('i32.and')
        .i32(mode)
        .op('i32.eq')
        .op('select');
      significand = emitter.pop('i64');
    }
    return { significand, signExponent };
  }
  stackFault(overflow: boolean): X87Result<V> {
    return this.call('x87.stackFault', () => {
      this.pushOne({ significand: NOTHING, signExponent: NONE }, overflow ? FULL : EMPTY);
    });
  }

  private ofTwo(name: ExtendedFunction, x: X87Source<V>, y: X87Source<V>, option = 0): X87Result<V> {
    return this.call(name, () => this.pushTwo(x, y, option));
  }
  /** Parameters for two operands, of which one may be given twice, and an option with what is wrong with them. */
  private pushTwo(x: X87Source<V>, y: X87Source<V>, option: number, other?: Fault): void {
    const operands = x === y ? [x] : [x, y];
    const widened = operands.map((operand) => this.widened(operand));
    const faults = widened.map(({ fault }) => fault);
    this.pushParts(widened[0]!.value);
    this.pushParts(widened.at(-1)!.value);
    this.pushOption(option, ...faults, other);
  }
  private pushOne(x: Extended<V>, option = 0, fault?: Fault): void {
    this.pushParts(x);
    this.emitter.code.i64(0n).i32(0);
    this.pushOption(option, fault);
  }
  private pushOption(option: number, ...faults: readonly (Fault | undefined)[]): void {
    const { emitter } = this;
    emitter.code.i32(option);
    for (const fault of faults) {
      if (!fault) continue;
      const [isPresent, bit] = fault;
      emitter.push(isPresent);
      if (bit > 1) emitter.code.i32(Math.log2(bit)).op('i32.shl');
      emitter.code.op('i32.or');
    }
  }
  private call(name: ExtendedFunction, push: () => void): X87Result<V> {
    const { value, last } = this.results(name, push);
    this.emitter.push(last);
    this.context.sideExitIf();
    return { value, stores: STORES };
  }
  /** A function of one number, whose last result may be OUT_OF_RANGE. */
  private withRange(name: ExtendedFunction, x: X87Source<V>): X87Result<V> & { readonly outOfRange: V } {
    const { emitter } = this;
    const { value, last } = this.results(name, () => this.pushTwo(x, x, 0));
    emitter.push(last).code.i32(1).op('i32.and');
    this.context.sideExitIf();
    emitter.push(last).code.i32(OUT_OF_RANGE).op('i32.eq');
    return { value, stores: STORES, outOfRange: emitter.pop('i32') };
  }
  private results(name: ExtendedFunction, push: () => void): { value: Extended<V>; last: V } {
    const { emitter } = this;
    push();
    this.context.callFunction(name);
    const last = emitter.pop('i32');
    const signExponent = emitter.pop('i32');
    return { value: { significand: emitter.pop('i64'), signExponent }, last };
  }

  /** An operand as an extended number, and what may be wrong with it. */
  private widened(x: X87Source<V>): { readonly value: Extended<V>; readonly fault?: Fault } {
    if (x.format === 'extended') return { value: x, fault: [x.isEmpty, EMPTY] };
    const bits = this.bitsOf(x);
    const { value, last } = this.results(widenOf(x.format), () => this.pushOne(bits));
    const isFloat = x.format === 'single' || x.format === 'double';
    return isFloat ? { value, fault: [last, HAS_DENORMAL] } : { value };
  }
  /** The bits of a number in memory as the first part of an operand: integers with their sign. */
  private bitsOf({ format, bits }: Exclude<X87Source<V>, { format: 'extended' }>): Extended<V> {
    const { emitter } = this;
    if (format === 'double' || format === 'int64') return { significand: bits, signExponent: NONE };
    emitter.push(bits);
    if (format === 'int16') emitter.code.op('i32.extend16_s');
    emitter.code.op(format === 'single' ? 'i64.extend_i32_u' : 'i64.extend_i32_s');
    return { significand: emitter.pop('i64'), signExponent: NONE };
  }
  private pushParts({ significand, signExponent }: Extended<V>): void {
    this.emitter.push(significand).push(signExponent);
  }
  private cut(width: 16 | 32 | 64, value: V): V {
    if (width === 64) return value;
    this.emitter.push(value).code.op('i32.wrap_i64');
    if (width === 16) this.emitter.code.i32(0xffff).op('i32.and');
    return this.emitter.pop('i32');
  }
}

const NAMES = { single: 'Single', double: 'Double', int16: 'Integer', int32: 'Integer', int64: 'Integer' } as const;

function loadOf(format: X87MemoryFormat): ExtendedFunction {
  return `x87.load${NAMES[format]}`;
}

function widenOf(format: X87MemoryFormat): ExtendedFunction {
  return `x87.widen${NAMES[format]}`;
}
