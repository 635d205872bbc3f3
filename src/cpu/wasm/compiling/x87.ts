import { X87Context } from '../../evaluator/extended/context.js';
import { constantOf } from '../../evaluator/extended/operations.js';
import type { StackOperand } from '../../meaning/form.js';
import { FCW, FDP, FIP } from '../../meaning/isa/x87-state.js';
import type {
  Extended,
  X87Binary,
  X87Constant,
  X87Operations,
  X87Result,
  X87Source,
} from '../../meaning/x87-vocabulary.js';
import { X87 } from '../../state/layout.js';
import { QUIET, type ExtendedFunction } from '../functions/extended-functions.js';
import { TRUNCATED } from '../functions/float-functions.js';
import { constantValue, type Emitter, type WasmValue } from '../encoding/value.js';
import type { FloatContext } from './attempts.js';
import { NotCompiled } from './not-compiled.js';

type V = WasmValue;

/** What x87 arithmetic needs from the compiler. */
export interface X87Compiling extends FloatContext {
  /** Exits to the evaluator. */
  sideExit(): void;
  /** The address of the instruction; i64. */
  pushRip(): void;
  stackIndex(operand: StackOperand): V;
  clearC1(): void;
}

const NOTHING = constantValue('i64', 0n);
const NONE = constantValue('i32', 0n);
const STORES = constantValue('i32', 1n);
const RC_SHIFT = 10;

/**
 * Compiles the common operations of the x87 FPU to calls of functions. Stack faults, and what raises an unmasked exception,
 * are left to the evaluator; it sets FIP and FDP once more.
 */
export class CompiledX87 implements X87Operations<V> {
  constructor(
    private readonly emitter: Emitter,
    private readonly context: X87Compiling,
  ) {}

  stackIndex(operand: StackOperand): V {
    return this.context.stackIndex(operand);
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
    switch (operation) {
      case 'add':
      case 'subtract':
      case 'multiply':
      case 'divide':
        return this.ofTwo(`x87.${operation}`, x, y);
      default:
        return notCompiled();
    }
  }
  compare(x: X87Source<V>, y: X87Source<V>, quiet: boolean): X87Result<V, V> {
    const { value, stores } = this.ofTwo('x87.compare', x, y, quiet ? QUIET : 0);
    this.emitter.push(value.significand).code.op('i32.wrap_i64');
    return { value: this.emitter.pop('i32'), stores };
  }
  load(x: X87Source<V>): X87Result<V> {
    if (x.format === 'single' || x.format === 'double') return this.ofOne(loadOf(x.format), this.bitsOf(x));
    const { value } = this.widened(x);
    this.context.clearC1();
    return { value, stores: STORES };
  }
  toFloat(width: 32 | 64, x: X87Source<V>): X87Result<V, V> {
    const { value, stores } = this.ofOne(width === 32 ? 'x87.toSingle' : 'x87.toDouble', this.widened(x).value);
    return { value: this.cut(width, value.significand), stores };
  }
  toInteger(width: 16 | 32 | 64, x: X87Source<V>, truncated: boolean): X87Result<V, V> {
    const option = truncated ? width | TRUNCATED : width;
    const { value, stores } = this.ofOne('x87.toInteger', this.widened(x).value, option);
    return { value: this.cut(width, value.significand), stores };
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
  stackFault(): X87Result<V> {
    this.context.sideExit();
    return { value: { significand: NOTHING, signExponent: NONE }, stores: NONE };
  }

  unary = notCompiled;
  trigonometric = notCompiled;
  remainder = notCompiled;
  extract = notCompiled;
  toDecimal = notCompiled;
  fromDecimal = notCompiled;
  examine = notCompiled;

  private ofTwo(name: ExtendedFunction, x: X87Source<V>, y: X87Source<V>, option = 0): X87Result<V> {
    const [first, second] = [this.widened(x), this.widened(y)];
    const isDenormal = first.isDenormal ?? second.isDenormal;
    const push = (): void => {
      this.pushParts(first.value);
      this.pushParts(second.value);
      this.emitter.code.i32(option);
      if (isDenormal) this.emitter.push(isDenormal).code.op('i32.or');
    };
    return this.call(name, push);
  }
  private ofOne(name: ExtendedFunction, x: Extended<V>, option = 0): X87Result<V> {
    return this.call(name, () => {
      this.pushParts(x);
      this.emitter.code.i64(0n).i32(0).i32(option);
    });
  }
  private call(name: ExtendedFunction, push: () => void): X87Result<V> {
    const { value, last } = this.results(name, push);
    this.emitter.push(last);
    this.context.sideExitIf();
    return { value, stores: STORES };
  }
  private results(name: ExtendedFunction, push: () => void): { value: Extended<V>; last: V } {
    const { emitter } = this;
    push();
    this.context.callFunction(name);
    const last = emitter.pop('i32');
    const signExponent = emitter.pop('i32');
    return { value: { significand: emitter.pop('i64'), signExponent }, last };
  }

  /** An operand as an extended number, and whether it is a denormal in memory. */
  private widened(x: X87Source<V>): { readonly value: Extended<V>; readonly isDenormal?: V } {
    if (x.format === 'extended') return { value: x };
    const bits = this.bitsOf(x);
    const { value, last } = this.results(widenOf(x.format), () => {
      this.pushParts(bits);
      this.emitter.code.i64(0n).i32(0).i32(0);
    });
    const isFloat = x.format === 'single' || x.format === 'double';
    return isFloat ? { value, isDenormal: last } : { value };
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

function loadOf(format: 'single' | 'double'): ExtendedFunction {
  return format === 'single' ? 'x87.loadSingle' : 'x87.loadDouble';
}

function widenOf(format: string): ExtendedFunction {
  if (format === 'single') return 'x87.widenSingle';
  return format === 'double' ? 'x87.widenDouble' : 'x87.widenInteger';
}

function notCompiled(): never {
  throw new NotCompiled('the evaluator alone does this operation of the x87 FPU');
}
