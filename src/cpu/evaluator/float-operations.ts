import { Vector } from '../state/exceptions.js';
import { CF, PF, ZF } from '../meaning/flags.js';
import { add, div, mul, sqrt, sub } from './float/arithmetic.js';
import { cmp, compare, max, min, type Comparison } from './float/compare.js';
import { FloatContext } from './float/context.js';
import {
  convert,
  fromInteger,
  halfToSingle,
  roundToIntegral,
  singleToHalf,
  toInteger,
  truncateToInteger,
} from './float/convert.js';
import { F32, F64, type FloatFormat } from './float/format.js';
import { fused } from './float/fused.js';
import { MXCSR, MXCSR_DEFAULT, MXCSR_MASK } from './float/mxcsr.js';
import type { FloatOperation, Floats, FloatWidth, PackedConversion } from '../meaning/vocabulary.js';
import { lanesOf, vectorOf } from './lanes.js';

/** What the arithmetic needs from the CPU. */
export interface FloatEnvironment {
  readMxcsr(): number;
  writeMxcsr(value: number): void;
  /** Ends the instruction with an exception: #XM, or #GP(0) for a reserved bit of MXCSR. */
  raise(vector: number): never;
}

type Lane = (context: FloatContext, lane: bigint) => bigint;
type Binary = (context: FloatContext, format: FloatFormat, first: bigint, second: bigint) => bigint;

const binary: Record<FloatOperation, Binary> = { add, sub, mul, div, min, max };

/** ZF PF CF by the result of a comparison. SDM Vol. 2A "COMISD". */
const COMPARISON_FLAGS: Record<Comparison, number> = { unordered: ZF | PF | CF, less: CF, equal: ZF, greater: 0 };

interface Conversion {
  readonly from: number;
  readonly to: number;
  readonly lane: Lane;
}

const conversions: Record<PackedConversion, Conversion> = {
  'i32x2.f64x2': { from: 32, to: 64, lane: (context, x) => fromInteger(context, F64, 32, x) },
  'i32x4.f32x4': { from: 32, to: 32, lane: (context, x) => fromInteger(context, F32, 32, x) },
  'f64x2.i32x2': { from: 64, to: 32, lane: (context, x) => toInteger(context, F64, 32, x) },
  'f64x2.i32x2t': { from: 64, to: 32, lane: (context, x) => truncateToInteger(context, F64, 32, x) },
  'f32x4.i32x4': { from: 32, to: 32, lane: (context, x) => toInteger(context, F32, 32, x) },
  'f32x4.i32x4t': { from: 32, to: 32, lane: (context, x) => truncateToInteger(context, F32, 32, x) },
  'f64x2.f32x2': { from: 64, to: 32, lane: (context, x) => convert(context, F64, F32, x) },
  'f32x2.f64x2': { from: 32, to: 64, lane: (context, x) => convert(context, F32, F64, x) },
};

interface Computing {
  /** Computes all lanes of one instruction, which raise their exceptions together. */
  compute<T>(instruction: (context: FloatContext) => T): T;
  together<T>(body: () => T): T;
}

function computing(environment: FloatEnvironment): Computing {
  /** The context of `together`. */
  let shared: FloatContext | undefined;
  const compute = <T>(instruction: (context: FloatContext) => T): T => {
    if (shared) return instruction(shared);
    const context = new FloatContext(environment.readMxcsr());
    const result = instruction(context);
    environment.writeMxcsr(context.mxcsrAfter);
    if (context.faults) environment.raise(Vector.XM);
    return result;
  };
  const together = <T>(body: () => T): T => {
    if (shared) return body();
    try {
      return compute((context) => {
        shared = context;
        return body();
      });
    } finally {
      shared = undefined;
    }
  };
  return { compute, together };
}

/**
 * Floating-point operations of the vocabulary on bigints: applies the soft float of float/ to one lane or all lanes,
 * under the MXCSR of `environment`. Flags are sticky in MXCSR, even after a fault (SDM Vol. 1 11.5.3.2); #XM is raised
 * after all lanes have been computed.
 */
export function floatOperations(environment: FloatEnvironment): Floats<bigint> {
  const { compute, together } = computing(environment);
  const pairwise = (width: FloatWidth, operation: Binary, x: bigint, y: bigint): bigint =>
    compute((context) =>
      laneByLane(width, [x, y], ([first, second]) => operation(context, formatOf(width), first!, second!)),
    );

  return {
    together,
    floatRound: (width, x, control) => compute((context) => roundToIntegral(context, formatOf(width), x, control)),
    floatRoundPacked: (width, x, control) =>
      pairwise(width, (context, format, lane) => roundToIntegral(context, format, lane, control), x, x),
    float: (operation, width, x, y) => compute((context) => binary[operation](context, formatOf(width), x, y)),
    floatPacked: (operation, width, x, y) => pairwise(width, binary[operation], x, y),
    floatFused: (operation, width, x, y, z) =>
      compute((context) => fused(context, formatOf(width), { operation, lane: 0 }, [x, y], z)),
    floatFusedPacked: (operation, width, x, y, z) =>
      compute((context) =>
        laneByLane(width, [x, y, z], ([first, second, addend], lane) =>
          fused(context, formatOf(width), { operation, lane }, [first!, second!], addend!),
        ),
      ),
    floatSqrt: (width, x) => compute((context) => sqrt(context, formatOf(width), x)),
    floatSqrtPacked: (width, x) =>
      compute((context) => laneByLane(width, [x], ([lane]) => sqrt(context, formatOf(width), lane!))),
    floatCompare: (width, x, y, quiet) =>
      compute((context) => {
        const rule = quiet ? 'SNaN is invalid' : 'every NaN is invalid';
        return BigInt(COMPARISON_FLAGS[compare(context, formatOf(width), x, y, rule)]);
      }),
    floatPredicate: (width, x, y, predicate) =>
      compute((context) => cmp(context, formatOf(width), Number(predicate & 31n), x, y)),
    floatPredicatePacked: (width, x, y, predicate) =>
      pairwise(width, (context, format, a, b) => cmp(context, format, Number(predicate & 31n), a, b), x, y),
    floatToFloat: (from, to, x) => compute((context) => convert(context, formatOf(from), formatOf(to), x)),
    intToFloat: (from, to, x) => compute((context) => fromInteger(context, formatOf(to), from, x)),
    floatToInt: (from, to, x, truncated) =>
      compute((context) => (truncated ? truncateToInteger : toInteger)(context, formatOf(from), to, x)),
    convertPacked(conversion, x) {
      const { from, to, lane } = conversions[conversion];
      const count = 128 / Math.max(from, to);
      return compute((context) =>
        vectorOf(
          to,
          lanesOf(from, x)
            .slice(0, count)
            .map((value) => lane(context, value)),
        ),
      );
    },
    ...halfConversions(compute),
    floatEstimate: (operation, x) => vectorOf(32, lanesOf(32, x).map(estimates[operation])),
    mxcsr: () => BigInt(environment.readMxcsr()),
    setMxcsr(value) {
      if (value & ~BigInt(MXCSR_MASK)) environment.raise(Vector.GP);
      environment.writeMxcsr(Number(value));
    },
  };
}

function halfConversions(compute: Computing['compute']): Pick<Floats<bigint>, 'floatFromHalves' | 'floatToHalves'> {
  return {
    floatFromHalves: (x) =>
      compute((context) => {
        const halves = lanesOf(16, x).slice(0, 4);
        return vectorOf(
          32,
          halves.map((half) => halfToSingle(context, half)),
        );
      }),
    floatToHalves: (x, control) =>
      compute((context) =>
        vectorOf(
          16,
          lanesOf(32, x).map((single) => singleToHalf(context, single, control)),
        ),
      ),
  };
}

/** The vector of what `operation` gives for each lane of the operands. */
function laneByLane(
  width: FloatWidth,
  operands: readonly bigint[],
  operation: (lanes: readonly bigint[], index: number) => bigint,
): bigint {
  const vectors = operands.map((operand) => lanesOf(width, operand));
  return vectorOf(
    width,
    vectors[0]!.map((_, i) =>
      operation(
        vectors.map((lanes) => lanes[i]!),
        i,
      ),
    ),
  );
}

function formatOf(width: FloatWidth): FloatFormat {
  return width === 32 ? F32 : F64;
}

const ESTIMATE_MXCSR = MXCSR_DEFAULT | MXCSR.DAZ | MXCSR.FTZ;
/** Mask of the fraction bits below the twelve that an estimate has. */
const ESTIMATE_CUT = (1n << 11n) - 1n;

/**
 * RCPPS and RSQRTPS of one single: MXCSR is neither used nor changed, denormals are treated as zeros, and tiny results
 * are zero. The manual bounds the relative error by 1.5 × 2^-12 and leaves the rest to each CPU model. Here 1/x is
 * rounded to a single, 1/√x to a double at each step and then to a single, and the fraction is cut after 12 bits. SDM
 * Vol. 2B "RCPPS" and "RSQRTPS".
 */
const estimates: Record<'rcp' | 'rsqrt', (lane: bigint) => bigint> = {
  rcp(x) {
    const context = new FloatContext(ESTIMATE_MXCSR);
    return cut(div(context, F32, ONE_SINGLE, x));
  },
  rsqrt(x) {
    const context = new FloatContext(ESTIMATE_MXCSR);
    const root = sqrt(context, F64, convert(context, F32, F64, x));
    return cut(convert(context, F64, F32, div(context, F64, ONE_DOUBLE, root)));
  },
};

const ONE_SINGLE = 0x3f80_0000n;
const ONE_DOUBLE = 0x3ff0_0000_0000_0000n;

/** The encoding with the fraction cut after 12 bits; NaNs keep the operand's payload. */
function cut(single: bigint): bigint {
  const isNaN = (single & ~F32.signMask) > F32.infinity;
  return isNaN ? single : single & ~ESTIMATE_CUT;
}
