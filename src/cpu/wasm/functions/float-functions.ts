import type { FloatWidth, PackedConversion } from '../../meaning/vocabulary.js';
import { F32, F64 } from '../../evaluator/float/format.js';
import { MXCSR, MXCSR_FLAGS, MXCSR_RC_SHIFT } from '../../evaluator/float/mxcsr.js';
import { NEGATES } from '../../meaning/fused.js';
import { FLOAT_FLAGS, MXCSR as MXCSR_ADDRESS } from '../../state/layout.js';
import { Code, type ValueTypeName } from '../encoding/code.js';
import type { WasmModule } from '../encoding/module.js';
import { Expression, Statements, constant, load, select, type Variable } from './expression.js';
import type { FloatLanes, LaneFunctions } from './lanes/functions.js';
import { emitFusedAtOnce } from './fused-at-once.js';
import type { Shape } from './fused-sums.js';
import { PackedLanes, type PackedOperation } from './packed-lanes.js';
import { vector } from './vector-statements.js';

/**
 * Functions for what compiled code does not do in line: floating point with any operands and in every mode of MXCSR. Each
 * takes two operands and an option, and returns the result and whether an unmasked exception was raised; if not, its flags
 * have been added to MXCSR.
 */

const BINARY = ['add', 'sub', 'mul', 'div', 'min', 'max'] as const;
type Format = 'f32' | 'f64';

/** Of scalars: (i64, i64, i32) → (i64, i32). Singles and integers of 32 bits are zero-extended. */
export type ScalarFunction = `${Format}.${
  | (typeof BINARY)[number]
  | 'sqrt'
  /** The option is the control of ROUNDSS. */
  | 'round'
  /** The option says whether every NaN is invalid. */
  | 'compare'
  /** The option is the predicate. */
  | 'predicate'
  /** Of a signed integer of 64 bits. */
  | 'fromInteger'
  /** The option is the width, plus TRUNCATED. */
  | 'toInteger'
  | 'toOther'}`;
/** (x, y, z, option) → (result, i32), of i64 or v128: the option says what is negated (meaning/fused.ts). */
export type FusedFunction = `${Format | 'f32x4' | 'f64x2'}.fused`;
/** Of vectors: (v128, v128, i32) → (v128, i32). */
export type VectorFunction =
  | `${'f32x4' | 'f64x2'}.${(typeof BINARY)[number] | 'sqrt' | 'round' | 'predicate'}`
  | Exclude<PackedConversion, 'i32x2.f64x2'>
  | HalfConversion;
/** VCVTPH2PS and VCVTPS2PH, the option of which is the control. */
type HalfConversion = 'f16x4.f32x4' | 'f32x4.f16x4';
export type FloatFunction = ScalarFunction | VectorFunction | FusedFunction;

export const TRUNCATED = 1 << 8;

const SCALAR_TYPE = { parameters: ['i64', 'i64', 'i32'], results: ['i64', 'i32'] } as const;
const VECTOR_TYPE = { parameters: ['v128', 'v128', 'i32'], results: ['v128', 'i32'] } as const;

export function typeOfFloatFunction(name: FloatFunction): {
  readonly parameters: readonly ValueTypeName[];
  readonly results: readonly ValueTypeName[];
} {
  const { parameters, results } = /x[24]/.test(name) ? VECTOR_TYPE : SCALAR_TYPE;
  if (!name.endsWith('.fused')) return { parameters, results };
  return { parameters: [parameters[0], ...parameters], results };
}

/** Adds the functions, exported under their names; returns their indexes. */
export function addFloatFunctions(module: WasmModule, lanes: FloatLanes): ReadonlyMap<string, number> {
  const indexes = new Map<string, number>();
  const add = (name: FloatFunction, code: Code): void => {
    const { parameters, results } = typeOfFloatFunction(name);
    indexes.set(name, module.add(module.type(parameters, results), code, name));
  };
  for (const format of ['f32', 'f64'] as const) {
    for (const [operation, emit] of Object.entries(scalarOperations(lanes[format])))
      add(`${format}.${operation}` as ScalarFunction, scalarEntry(emit));
    const width = format === 'f32' ? 32 : 64;
    add(`${format}.fused`, scalarFusedEntry(lanes[format], width));
    add(`${shapeOf(width)}.fused`, vectorFusedEntry(lanes[format], width));
    for (const [operation, emit] of Object.entries(vectorOperations(lanes[format], width)))
      add(
        `${format === 'f32' ? 'f32x4' : 'f64x2'}.${operation}` as VectorFunction,
        vectorEntry(width, width, emit, packedAtOnce(operation, width)),
      );
  }
  for (const { name, from, to, emit } of conversions(lanes)) add(name, vectorEntry(from, to, emit));
  return indexes;
}

/** What computes a lane: parameters, and the result in i64. */
type LaneEmitter = (
  to: Statements,
  x: Expression,
  y: Expression,
  option: Expression,
  control: Expression,
) => Expression;

function scalarOperations(lanes: LaneFunctions): Record<string, LaneEmitter> {
  const { fromInteger, toOther, compare, predicate, toInteger } = lanes;
  return {
    ...vectorOperations(lanes, 64),
    compare: (to, x, y, option, control) => to.call('i64', compare, x, y, option, control),
    predicate: (to, x, y, option, control) => to.call('i64', predicate, x, y, option, control),
    fromInteger: (to, x, _y, _option, control) => to.call('i64', fromInteger, x, control),
    toInteger: (to, x, _y, option, control) =>
      to.call('i64', toInteger, x, option.and(0xff), truncating(option, control)),
    toOther: (to, x, _y, _option, control) => to.call('i64', toOther, x, control),
  };
}

function vectorOperations(lanes: LaneFunctions, _width: FloatWidth): Record<string, LaneEmitter> {
  const emitters: Record<string, LaneEmitter> = {
    sqrt: (to, x, _y, _option, control) => to.call('i64', lanes.sqrt, x, control),
    round: (to, x, _y, option, control) => to.call('i64', lanes.round, x, option, control),
    predicate: (to, x, y, option, control) => to.call('i64', lanes.predicate, x, y, option, control),
  };
  for (const operation of BINARY)
    emitters[operation] = (to, x, y, _option, control) => to.call('i64', lanes[operation], x, y, control);
  return emitters;
}

interface Conversion {
  readonly name: Exclude<PackedConversion, 'i32x2.f64x2'> | HalfConversion;
  readonly from: LaneWidth;
  readonly to: LaneWidth;
  readonly emit: LaneEmitter;
}

function conversions({ f32, f64, halves }: FloatLanes): readonly Conversion[] {
  const toInteger =
    (lanes: LaneFunctions, option: number): LaneEmitter =>
    (to, x, _y, _option, control) =>
      to.call('i64', lanes.toInteger, x, constant('i32', 32), truncating(constant('i32', option), control));
  const toOther =
    (lanes: LaneFunctions): LaneEmitter =>
    (to, x, _y, _option, control) =>
      to.call('i64', lanes.toOther, x, control);
  return [
    {
      ...{ name: 'i32x4.f32x4', from: 32, to: 32 },
      emit: (to, x, _y, _option, control) => to.call('i64', f32.fromInteger, x.low().wideSigned(), control),
    },
    { name: 'f64x2.i32x2', from: 64, to: 32, emit: toInteger(f64, 0) },
    { name: 'f64x2.i32x2t', from: 64, to: 32, emit: toInteger(f64, TRUNCATED) },
    { name: 'f32x4.i32x4', from: 32, to: 32, emit: toInteger(f32, 0) },
    { name: 'f32x4.i32x4t', from: 32, to: 32, emit: toInteger(f32, TRUNCATED) },
    { name: 'f64x2.f32x2', from: 64, to: 32, emit: toOther(f64) },
    { name: 'f32x2.f64x2', from: 32, to: 64, emit: toOther(f32) },
    {
      ...{ name: 'f16x4.f32x4', from: 16, to: 32 },
      emit: (to, x, _y, _option, control) => to.call('i64', halves.toSingle, x, control),
    },
    {
      ...{ name: 'f32x4.f16x4', from: 32, to: 16 },
      emit: (to, x, _y, option, control) => to.call('i64', halves.ofSingle, x, ofHalves(option, control)),
    },
  ];
}

/** The control word for VCVTPS2PH: without FTZ, and with the rounding mode of the option unless its bit 2 is set. */
function ofHalves(option: Expression, control: Expression): Expression {
  const kept = control.and(~MXCSR.FTZ);
  const chosen = kept.and(~MXCSR.RC).or(option.and(3).shl(MXCSR_RC_SHIFT));
  return select(option.and(4), kept, chosen);
}

/** The control word, with the rounding mode that truncates if the option says so. */
function truncating(option: Expression, control: Expression): Expression {
  return select(option.and(TRUNCATED), control.or(MXCSR.RC), control);
}

function scalarEntry(emit: LaneEmitter): Code {
  return entry(SCALAR_TYPE.parameters, (to, control) => {
    const [x, y, option] = [to.parameter('i64', 0), to.parameter('i64', 1), to.parameter('i32', 2)];
    return emit(to, x, y, option, control);
  });
}

const Z = 2;
const FUSED_OPTION = 3;

function scalarFusedEntry({ fused }: LaneFunctions, width: FloatWidth): Code {
  return entry(typeOfFloatFunction('f64.fused').parameters, (to, control, finish) => {
    const [x, y, z] = [to.parameter('i64', 0), to.parameter('i64', 1), to.parameter('i64', Z)];
    const option = to.parameter('i32', FUSED_OPTION);
    const terms = [inEveryLane(width, x), inEveryLane(width, y), inEveryLane(width, z)] as const;
    emitFusedAtOnce(to, shapeOf(width), { terms, option, control }, (result) => finish(firstLane(width, result)));
    return to.call('i64', fused, x, y, z, option, control);
  });
}

function vectorFusedEntry({ fused }: LaneFunctions, width: FloatWidth): Code {
  return entry(typeOfFloatFunction('f64x2.fused').parameters, (to, control, finish) => {
    const option = to.parameter('i32', FUSED_OPTION);
    const terms = [to.parameter('v128', 0), to.parameter('v128', 1), to.parameter('v128', Z)] as const;
    emitFusedAtOnce(to, shapeOf(width), { terms, option, control }, finish);
    const ofOdd = to.let(option.and(NEGATES.product).or(option.and(NEGATES.odd).shr(1)));
    return collected(to, width, 128 / width, (i) => {
      const [x, y, z] = [laneOf(0, width, i), laneOf(1, width, i), laneOf(Z, width, i)];
      return to.call('i64', fused, x, y, z, i % 2 === 0 ? option : ofOdd, control);
    });
  });
}

function shapeOf(width: FloatWidth): Shape {
  return width === 32 ? 'f32x4' : 'f64x2';
}

/** A scalar, in i64, in every lane of a vector. */
function inEveryLane(width: FloatWidth, scalar: Expression): Expression {
  return vector(width === 32 ? 'i32x4.splat' : 'i64x2.splat', width === 32 ? scalar.low() : scalar);
}

/** The lowest lane, in i64. */
function firstLane(width: FloatWidth, result: Expression): Expression {
  const lane = new Expression(width === 32 ? 'i32' : 'i64', (code) => {
    result.push(code);
    code.laneOp(width === 32 ? 'i32x4.extract_lane' : 'i64x2.extract_lane', 0);
  });
  return width === 32 ? lane.wide() : lane;
}

/** A vector of `count` lanes, and zeros above. */
function collected(to: Statements, width: LaneWidth, count: number, lane: (index: number) => Expression): Expression {
  const { code } = to;
  const result = code.newLocal('v128');
  for (let i = 0; i < count; i++) {
    const value = lane(i);
    code.get(result);
    if (width === 64) value.push(code);
    else value.low().push(code);
    code.laneOp(REPLACES[width], i).set(result);
  }
  return new Expression('v128', (into) => into.get(result));
}

/** Emits code that finishes with all lanes at once, or goes on. */
type PackedEmitter = (to: Statements, control: Variable, finish: (result: Expression) => void) => void;

function packedAtOnce(operation: string, width: FloatWidth): PackedEmitter {
  if (!isPacked(operation)) return () => {};
  return (to, control, finish) =>
    new PackedLanes(to, width === 32 ? F32 : F64, finish).emit(operation, to.parameter('i32', 2), control);
}

function isPacked(operation: string): operation is PackedOperation {
  return operation === 'predicate' || BINARY.some((name) => name === operation);
}

/** Computes as many lanes as fit from the lanes of the same numbers; the others are 0. */
function vectorEntry(from: LaneWidth, target: LaneWidth, emit: LaneEmitter, atOnce: PackedEmitter = () => {}): Code {
  return entry(VECTOR_TYPE.parameters, (to, control, finish) => {
    atOnce(to, control, finish);
    return collected(to, target, 128 / Math.max(from, target), (i) =>
      emit(to, laneOf(0, from, i), laneOf(1, from, i), to.parameter('i32', 2), control),
    );
  });
}

/** Widths of lanes: halves, singles or integers, doubles. */
type LaneWidth = FloatWidth | 16;
const REPLACES = { 16: 'i16x8.replace_lane', 32: 'i32x4.replace_lane', 64: 'i64x2.replace_lane' } as const;
const EXTRACTS = { 16: 'i16x8.extract_lane_u', 32: 'i32x4.extract_lane', 64: 'i64x2.extract_lane' } as const;

function laneOf(parameter: number, width: LaneWidth, lane: number): Expression {
  const value = new Expression(width === 64 ? 'i64' : 'i32', (code) =>
    code.get(parameter).laneOp(EXTRACTS[width], lane),
  );
  return width === 64 ? value : value.wide();
}

/** Collects the exceptions of all lanes, and adds them to MXCSR unless one of them is unmasked. */
function entry(
  parameters: readonly ValueTypeName[],
  compute: (to: Statements, control: Variable, finish: (result: Expression) => void) => Expression,
): Code {
  const code = new Code(parameters);
  const to = new Statements(code);
  const control = to.let(load('i32.load', MXCSR_ADDRESS));
  to.store('i32.store', FLOAT_FLAGS, constant('i32', 0));
  const finish = (result: Expression): void => {
    const flags = to.let(load('i32.load', FLOAT_FLAGS).and(MXCSR_FLAGS));
    to.if(flags.and(control.shr(7).xor(-1)), () => to.return(result, constant('i32', 1)));
    // A store that the next load has to wait for costs as much as the arithmetic.
    to.if(flags.and(control.xor(-1)), () => to.store('i32.store', MXCSR_ADDRESS, control.or(flags)));
    to.return(result, constant('i32', 0));
  };
  finish(compute(to, control, finish));
  return code.op('unreachable');
}
