import { F32, F64 } from '../../../evaluator/float/format.js';
import type { Code } from '../../encoding/code.js';
import type { WasmModule } from '../../encoding/module.js';
import type { LaneFunctions } from '../lanes/functions.js';
import { ExtendedArithmetic } from './arithmetic.js';
import { ofDecimal, toDecimal, toFloat, toInteger, toWhole, widen, widenInteger } from './conversions.js';
import { ExtendedExponents } from './exponents.js';
import { Fractions } from './fractions.js';
import { addExtendedPack } from './pack.js';
import { EXTENDED_TYPE, INDEFINITE, addNaN, begin, finish } from './parts.js';
import { ExtendedTranscendental } from './transcendental.js';
import { ExtendedTrigonometric } from './trigonometric.js';

/**
 * The arithmetic of the x87 FPU, as evaluator/extended does it with bigints. All functions have one type: two numbers, each a
 * significand (i64) and its sign and exponent (i32), and an option, to a result of two such parts and 1 if an unmasked exception
 * was raised; if not, FSW has the exceptions and C1. Functions of one number get it twice.
 *
 * The option has EMPTY if an operand is an empty register, and FULL if the register to push to is in use.
 */
export type ExtendedFunction =
  | `x87.${'add' | 'subtract' | 'multiply' | 'divide' | 'squareRoot'}`
  /** ZF PF CF as the first part; the option may have QUIET. */
  | 'x87.compare'
  /** Bits of the format as the first part. */
  | 'x87.toSingle'
  | 'x87.toDouble'
  /** The option is the width, plus TRUNCATED. */
  | 'x87.toInteger'
  /** Of the bits of a format; of integers, those of 64 bits. */
  | 'x87.loadSingle'
  | 'x87.loadDouble'
  | 'x87.loadInteger'
  /** The same without exceptions, for operands; the last result tells whether it was a denormal. */
  | 'x87.widenSingle'
  | 'x87.widenDouble'
  | 'x87.widenInteger'
  /** Rounded to an integer: FRNDINT. */
  | 'x87.round'
  | 'x87.scale'
  /** The last result is 1 if rounding is in doubt, too. */
  | 'x87.power'
  | 'x87.log'
  | 'x87.log1'
  | 'x87.arctangent'
  /** The last result may be OUT_OF_RANGE. */
  | 'x87.sine'
  | 'x87.cosine'
  | 'x87.tangent'
  /** The sine; the cosine is in SECOND_RESULT. */
  | 'x87.sineAndCosine'
  /** The two results of FXTRACT. */
  | 'x87.exponent'
  | 'x87.significand'
  /** The option is NEAREST for FPREM1; the last result has IS_QUOTIENT, and C0 to C3 in their places. */
  | 'x87.remainder'
  /** Packed BCD, the first sixteen digits as the first part. */
  | 'x87.toDecimal'
  | 'x87.ofDecimal'
  /** The indefinite, for the stack fault that the option tells of. */
  | 'x87.stackFault';

/** Indexes of functions of other files that these call. */
interface Others {
  readonly multiplyHigh: number;
  readonly divide: number;
  readonly f32: LaneFunctions;
  readonly f64: LaneFunctions;
}

export function addExtendedFunctions(module: WasmModule, others: Others): ReadonlyMap<ExtendedFunction, number> {
  const { multiplyHigh, divide } = others;
  const nan = addNaN(module);
  const needs = { nan, multiplyHigh, divide, pack: addExtendedPack(module), packFully: addExtendedPack(module, true) };
  const arithmetic = new ExtendedArithmetic(needs);
  const exponents = new ExtendedExponents(needs);
  const fractions = new Fractions(module, needs);
  const transcendental = new ExtendedTranscendental(needs, fractions);
  const trigonometric = new ExtendedTrigonometric(module, needs, fractions);
  const codes: Readonly<Record<Exclude<ExtendedFunction, 'x87.sineAndCosine'>, Code>> = {
    'x87.add': arithmetic.sum(false),
    'x87.subtract': arithmetic.sum(true),
    'x87.multiply': arithmetic.product(),
    'x87.divide': arithmetic.quotient(),
    'x87.squareRoot': arithmetic.squareRoot(),
    'x87.compare': arithmetic.comparison(),
    'x87.toSingle': toFloat(nan, F32, others.f32.pack),
    'x87.toDouble': toFloat(nan, F64, others.f64.pack),
    'x87.toInteger': toInteger(),
    'x87.loadSingle': widen(F32, true),
    'x87.loadDouble': widen(F64, true),
    'x87.widenSingle': widen(F32, false),
    'x87.widenDouble': widen(F64, false),
    'x87.loadInteger': widenInteger(true),
    'x87.widenInteger': widenInteger(false),
    'x87.round': toWhole(nan),
    'x87.scale': exponents.scale(),
    'x87.power': transcendental.power(),
    'x87.log': transcendental.log(),
    'x87.log1': transcendental.log1(),
    'x87.arctangent': trigonometric.arctangent(),
    'x87.sine': trigonometric.function('sine'),
    'x87.cosine': trigonometric.function('cosine'),
    'x87.tangent': trigonometric.function('tangent'),
    'x87.exponent': exponents.extract('exponent'),
    'x87.significand': exponents.extract('significand'),
    'x87.remainder': exponents.remainder(),
    'x87.toDecimal': toDecimal(),
    'x87.ofDecimal': ofDecimal(),
    'x87.stackFault': stackFault(),
  };
  const type = module.type(EXTENDED_TYPE.parameters, EXTENDED_TYPE.results);
  const functions = new Map(
    Object.entries(codes).map(([name, code]) => [name as ExtendedFunction, module.add(type, code, name)] as const),
  );
  const both = trigonometric.both({ sine: functions.get('x87.sine')!, cosine: functions.get('x87.cosine')! });
  return functions.set('x87.sineAndCosine', module.add(type, both, 'x87.sineAndCosine'));
}

function stackFault(): Code {
  const { code, to } = begin();
  finish(to, ...INDEFINITE);
  return code;
}
