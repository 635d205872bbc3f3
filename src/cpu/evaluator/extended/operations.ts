import { signed } from '../../../bits.js';
import type { StackOperand } from '../../meaning/form.js';
import type {
  Extended,
  X87Binary,
  X87Constant,
  X87Operations,
  X87Result,
  X87Source,
  X87Unary,
} from '../../meaning/x87-vocabulary.js';
import { add, divide, multiply, squareRoot, subtract } from './arithmetic.js';
import { UNORDERED, compare } from './compare.js';
import { FSW, X87Context } from './context.js';
import { extract, fromDecimal, roundToInteger, scale, toDecimal, toExtended, toFloat, toInteger } from './convert.js';
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
  stackIndex(operand: StackOperand): number;
  noteInstruction(address: bigint | undefined): void;
}

const BINARY: Readonly<Record<X87Binary, (context: X87Context, x: Operand, y: Operand) => F80>> = {
  ...{ add, subtract, multiply, divide, scale, log, log1, arctangent },
};

const UNARY: Readonly<Record<X87Unary, (context: X87Context, x: Operand) => F80>> = {
  ...{ squareRoot, round: roundToInteger, power },
};

/** FXAM's C3 C2 C0 by class. SDM Vol. 2A table 3-42. */
const EXAMINED: Readonly<Record<Operand['class'], number>> = {
  unsupported: 0,
  QNaN: FSW.C0,
  SNaN: FSW.C0,
  normal: FSW.C2,
  infinity: FSW.C2 | FSW.C0,
  zero: FSW.C3,
  denormal: FSW.C3 | FSW.C2,
};

/** x87 arithmetic of the vocabulary on bigints. */
export function x87Operations(environment: X87Environment): X87Operations<bigint> {
  const runner = new X87Runner(environment);
  return {
    stackIndex: (operand) => BigInt(environment.stackIndex(operand)),
    noteInstruction: (address) => environment.noteInstruction(address),
    ...arithmeticOperations(runner),
    ...conversions(runner),
    examine: (x) => {
      const { class: kind, negative } = decode(numbersOf(x));
      return BigInt(EXAMINED[kind] | (negative ? FSW.C1 : 0));
    },
    stackFault: (overflow) =>
      runner.extended((context) => {
        context.raise(FSW.IE | FSW.SF);
        context.c1 = overflow;
        return INDEFINITE;
      }),
  };
}

/** Runs operations under FCW, and brings FSW up to date. */
class X87Runner {
  constructor(private readonly environment: X87Environment) {}

  context(): X87Context {
    return new X87Context(this.environment.readControl());
  }

  /** `operation` may return undefined for a result that is not stored. */
  run<T>(
    operation: (context: X87Context) => T | undefined,
    instead: T,
    prevents: (context: X87Context) => boolean = (context) => context.stopsEarly,
  ): X87Result<bigint, T> {
    const context = this.context();
    const value = operation(context);
    this.environment.writeStatus(context.statusAfter(this.environment.readStatus()));
    return { value: value ?? instead, stores: value === undefined || prevents(context) ? 0n : 1n };
  }

  extended(operation: (context: X87Context) => F80, prevents?: (context: X87Context) => boolean): X87Result<bigint> {
    const { value, stores } = this.run(operation, INDEFINITE, prevents);
    return { value: parts(value), stores };
  }
}

type Arithmetic = Pick<X87Operations<bigint>, 'binary' | 'unary' | 'trigonometric' | 'remainder' | 'compare'>;

function arithmeticOperations(runner: X87Runner): Arithmetic {
  return {
    binary: (operation, x, y) => runner.extended((context) => BINARY[operation](context, operandOf(x), operandOf(y))),
    unary: (operation, x) => runner.extended((context) => UNARY[operation](context, operandOf(x))),
    trigonometric(operation, x) {
      let outOfRange = false;
      const result = runner.extended((context) => {
        const value = trigonometric(context, operation, operandOf(x));
        outOfRange = value === undefined;
        return value ?? INDEFINITE;
      });
      return { ...result, outOfRange: outOfRange ? 1n : 0n };
    },
    remainder(x, y, nearest) {
      let codes: number | undefined;
      const result = runner.extended((context) => {
        const found = remainder(context, operandOf(x), operandOf(y), nearest);
        codes = found.codes;
        return found.value;
      });
      return { ...result, codes: BigInt(codes ?? 0), isQuotient: codes === undefined ? 0n : 1n };
    },
    compare(x, y, quiet) {
      const operation = (context: X87Context): number => compare(context, operandOf(x), operandOf(y), quiet);
      const { value, stores } = runner.run(operation, UNORDERED as number);
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
    load: (x) =>
      runner.extended(
        (context) => toExtended(context, operandOf(x)),
        (context) => context.isPending(FSW.IE),
      ),
    extract(x) {
      const none = { exponent: INDEFINITE, significand: INDEFINITE };
      const { value, stores } = runner.run((context) => extract(context, operandOf(x)), none);
      return { value: { exponent: parts(value.exponent), significand: parts(value.significand) }, stores };
    },
    toFloat: (width, x) => runner.run((context) => toFloat(context, width, operandOf(x)), 0n),
    toInteger: (width, x, truncated) => runner.run((context) => toInteger(context, width, operandOf(x), truncated), 0n),
    toDecimal(x) {
      const { value, stores } = runner.run((context) => toDecimal(context, operandOf(x)), 0n);
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
