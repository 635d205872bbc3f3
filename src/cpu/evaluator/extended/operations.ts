import { signed } from '../../../bits.js';
import type { MmxOperand, StackOperand } from '../../meaning/form.js';
import type {
  Extended,
  X87Binary,
  X87Constant,
  X87Operations,
  X87Result,
  X87Source,
  X87Unary,
} from '../../meaning/x87-vocabulary.js';
import { F32, F64 } from '../float/format.js';
import { add, divide, multiply, squareRoot, subtract } from './arithmetic.js';
import { UNORDERED, compare } from './compare.js';
import { FSW, X87Context } from './context.js';
import {
  DECIMAL_INDEFINITE,
  extract,
  fromDecimal,
  roundToInteger,
  scale,
  toDecimal,
  toExtended,
  toFloat,
  toInteger,
} from './convert.js';
import { INDEFINITE, decode, decodeFloat, decodeInteger, zero, type F80, type Operand } from './operand.js';
import { remainder } from './remainder.js';
import { CONSTANTS } from './constants.js';
import { roundFully } from './round.js';
import { arctangent, log, log1, power, trigonometric } from './transcendental.js';

/** What the arithmetic needs from the CPU. */
export interface X87Environment {
  readControl(): number;
  readStatus(): number;
  writeStatus(status: number): void;
  registerNumber(operand: StackOperand | MmxOperand): number;
  noteInstruction(address: bigint | undefined): void;
}

const BINARY: Readonly<Record<X87Binary, (context: X87Context, x: Operand, y: Operand) => F80>> = {
  ...{ add, subtract, multiply, divide, scale, log, log1, arctangent },
};

const UNARY: Readonly<Record<X87Unary, (context: X87Context, x: Operand) => F80>> = {
  ...{ squareRoot, round: roundToInteger, power },
};

/** x87 arithmetic of the vocabulary on bigints. */
export function x87Operations(environment: X87Environment): X87Operations<bigint> {
  const runner = new X87Runner(environment);
  return {
    registerNumber: (operand) => BigInt(environment.registerNumber(operand)),
    noteInstruction: (address) => environment.noteInstruction(address),
    ...arithmeticOperations(runner),
    ...conversions(runner),
    stackFault: (overflow) => runner.extended(() => INDEFINITE, overflow ? FULL : EMPTY),
  };
}

/** Runs operations under FCW, and brings FSW up to date. */
class X87Runner {
  constructor(private readonly environment: X87Environment) {}

  context(): X87Context {
    return new X87Context(this.environment.readControl());
  }

  /**
   * Unless there is a stack fault: `operation`, which may return undefined for a result that is not stored. `otherwise` is the
   * masked response to a stack fault.
   */
  run<T>(
    operation: (context: X87Context) => T | undefined,
    otherwise: T,
    fault: StackFault | undefined,
    prevents: (context: X87Context) => boolean = (context) => context.stopsEarly,
  ): X87Result<bigint, T> {
    const context = this.context();
    if (fault) context.raise(FSW.IE | FSW.SF);
    context.c1 = fault === FULL;
    const value = fault ? otherwise : operation(context);
    this.environment.writeStatus(context.statusAfter(this.environment.readStatus()));
    return { value: value ?? otherwise, stores: value === undefined || prevents(context) ? 0n : 1n };
  }

  extended(
    operation: (context: X87Context) => F80,
    fault: StackFault | undefined,
    prevents?: (context: X87Context) => boolean,
  ): X87Result<bigint> {
    const { value, stores } = this.run(operation, INDEFINITE, fault, prevents);
    return { value: parts(value), stores };
  }
}

/** An empty source, or a destination that is in use. */
type StackFault = 'empty' | 'full';
const EMPTY = 'empty';
const FULL = 'full';

function faultOf(...sources: readonly X87Source<bigint>[]): StackFault | undefined {
  return sources.some((x) => x.format === 'extended' && x.isEmpty !== 0n) ? EMPTY : undefined;
}

function faultOfPush(x: X87Source<bigint>, isFull: bigint): StackFault | undefined {
  return faultOf(x) ?? (isFull === 0n ? undefined : FULL);
}

type Arithmetic = Pick<
  X87Operations<bigint>,
  'binary' | 'unary' | 'trigonometric' | 'sineAndCosine' | 'remainder' | 'compare'
>;

function arithmeticOperations(runner: X87Runner): Arithmetic {
  const trigonometricOperation: Arithmetic['trigonometric'] = (operation, x) => {
    let outOfRange = false;
    const result = runner.extended((context) => {
      const value = trigonometric(context, operation, operandOf(x));
      outOfRange = value === undefined;
      return value ?? INDEFINITE;
    }, faultOf(x));
    return { ...result, outOfRange: outOfRange ? 1n : 0n };
  };
  return {
    binary: (operation, x, y) =>
      runner.extended((context) => BINARY[operation](context, operandOf(x), operandOf(y)), faultOf(x, y)),
    unary: (operation, x) => runner.extended((context) => UNARY[operation](context, operandOf(x)), faultOf(x)),
    trigonometric: trigonometricOperation,
    sineAndCosine(x) {
      const sine = trigonometricOperation('sine', x);
      return { ...sine, pushed: trigonometricOperation('cosine', x).value };
    },
    remainder(x, y, nearest) {
      let codes: number | undefined;
      const result = runner.extended(
        (context) => {
          const found = remainder(context, operandOf(x), operandOf(y), nearest);
          codes = found.codes;
          return found.value;
        },
        faultOf(x, y),
      );
      return { ...result, codes: BigInt(codes ?? 0), isQuotient: codes === undefined ? 0n : 1n };
    },
    compare(x, y, quiet) {
      const operation = (context: X87Context): number => compare(context, operandOf(x), operandOf(y), quiet);
      const { value, stores } = runner.run(operation, UNORDERED as number, faultOf(x, y));
      return { value: BigInt(value), stores };
    },
  };
}

type Conversions = Pick<
  X87Operations<bigint>,
  'load' | 'extract' | 'toFloat' | 'toInteger' | 'toDecimal' | 'fromDecimal' | 'constant'
>;

function conversions(runner: X87Runner): Conversions {
  return {
    load: (x, isFull) =>
      runner.extended(
        (context) => toExtended(context, operandOf(x)),
        faultOfPush(x, isFull),
        (context) => context.isPending(FSW.IE),
      ),
    extract(x, isFull) {
      const none = { exponent: INDEFINITE, significand: INDEFINITE };
      const fault = faultOfPush(x, isFull);
      const { value, stores } = runner.run((context) => extract(context, operandOf(x)), none, fault);
      return { value: { exponent: parts(value.exponent), significand: parts(value.significand) }, stores };
    },
    toFloat(width, x) {
      const { indefinite } = width === 32 ? F32 : F64;
      return runner.run((context) => toFloat(context, width, operandOf(x)), indefinite, faultOf(x));
    },
    toInteger(width, x, truncated) {
      const operation = (context: X87Context): bigint => toInteger(context, width, operandOf(x), truncated);
      return runner.run(operation, 1n << BigInt(width - 1), faultOf(x));
    },
    toDecimal(x) {
      const operation = (context: X87Context): bigint => toDecimal(context, operandOf(x));
      const { value, stores } = runner.run(operation, DECIMAL_INDEFINITE, faultOf(x));
      return { value: { significand: BigInt.asUintN(64, value), signExponent: value >> 64n }, stores };
    },
    fromDecimal: ({ significand, signExponent }) => parts(fromDecimal(significand | (signExponent << 64n))),
    constant: (constant) => parts(constantOf(runner.context(), constant)),
  };
}

function parts({ significand, signExponent }: F80): Extended<bigint> {
  return { significand, signExponent: BigInt(signExponent) };
}

function numbersOf({ significand, signExponent }: Extended<bigint>): F80 {
  return { significand, signExponent: Number(signExponent) };
}

function operandOf(x: X87Source<bigint>): Operand {
  switch (x.format) {
    case 'extended':
      return decode(numbersOf(x));
    case 'single':
      return decodeFloat(32, x.bits);
    case 'double':
      return decodeFloat(64, x.bits);
    case 'int16':
      return decodeInteger(signed(16, x.bits));
    case 'int32':
      return decodeInteger(signed(32, x.bits));
    case 'int64':
      return decodeInteger(signed(64, x.bits));
  }
}

/** Rounded by FCW.RC, without an exception. SDM Vol. 2A "FLD1/...". */
export function constantOf(context: X87Context, constant: X87Constant): F80 {
  const known = CONSTANTS[constant];
  return known.significand === 0n ? zero(false) : roundFully(context, false, known.significand, known.quantum);
}
