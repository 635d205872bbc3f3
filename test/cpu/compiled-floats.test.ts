/** The floating point that compiled code calls equals the evaluator's, for all kinds of operands and every MXCSR. */
import t, { type Test } from 'tap';
import { hex } from '../../src/bits.js';
import { GuestMemory } from '../../src/memory.js';
import { floatOperations } from '../../src/cpu/evaluator/float-operations.js';
import { lanesOf, vectorOf } from '../../src/cpu/evaluator/lanes.js';
import { Interpreter } from '../../src/cpu/interpreter/interpreter.js';
import { NEGATED, type FusedOperation } from '../../src/cpu/meaning/fused.js';
import type { Floats, FloatWidth, PackedConversion } from '../../src/cpu/meaning/vocabulary.js';
import { MXCSR, SCRATCH } from '../../src/cpu/state/layout.js';
import { MXCSR as MXCSR_BITS, MXCSR_DEFAULT } from '../../src/cpu/evaluator/float/mxcsr.js';
import { WasmFloats } from '../../src/cpu/wasm/compiling/floats.js';
import { Code } from '../../src/cpu/wasm/encoding/code.js';
import { WasmModule } from '../../src/cpu/wasm/encoding/module.js';
import { Emitter, type WasmValue } from '../../src/cpu/wasm/encoding/value.js';
import {
  TRUNCATED,
  type FusedFunction,
  type ScalarFunction,
  type VectorFunction,
} from '../../src/cpu/wasm/functions/float-functions.js';
import { typeOfFunction, type CompiledFunction } from '../../src/cpu/wasm/functions/functions.js';
import { Random } from '../support/random.js';
import { seedOf, volume } from '../support/volume.js';
import { putVector, randomMxcsr, type Lanes } from './meanings/random-state.js';

const SEED = seedOf(1);
const CASES = volume(1500, 100_000);

const memory = new GuestMemory(65536);
const { functions } = new Interpreter(memory);
const view = memory.hostView;

type Outcome = { readonly result: bigint; readonly mxcsr: number } | 'unmasked';
type Call = (operands: readonly bigint[], option: number) => readonly [bigint, number];
type Evaluation = (floats: Floats<bigint>) => bigint;

function evaluated(mxcsr: number, evaluate: Evaluation): Outcome {
  let after = mxcsr;
  let isRaised = false;
  const floats = floatOperations({
    readMxcsr: () => mxcsr,
    writeMxcsr: (value) => (after = value),
    raise: () => {
      isRaised = true;
      throw new Error('raised');
    },
  });
  try {
    return { result: evaluate(floats), mxcsr: after };
  } catch (error) {
    if (!isRaised) throw error;
    return 'unmasked';
  }
}

const RESULT = SCRATCH;
/** Where vector number i of the operands is. */
const operandAt = (i: number): number => SCRATCH + 16 * (i + 1);

/** Calls what computes a vector of vectors in memory, and returns whether an exception is unmasked. */
function inMemory(name: CompiledFunction, emit: (code: Code, called: number) => unknown): Call {
  const module = new WasmModule();
  const { parameters, results } = typeOfFunction(name);
  const called = module.importFunction('called', module.type(parameters, results));
  const code = new Code(['i32']);
  emit(code, called);
  module.add(module.type(['i32'], ['i32']), code, 'call');
  const compiled = new WebAssembly.Module(module.encode(1) as BufferSource);
  const imports = { bd0: { memory: memory.memory, called: functions[name]! } };
  const call = new WebAssembly.Instance(compiled, imports).exports['call'] as (option: number) => number;
  return (operands, option) => {
    operands.forEach((operand, i) =>
      lanesOf(64, operand).forEach((lane, j) => view.setBigUint64(operandAt(i) + 8 * j, lane, true)),
    );
    const unmasked = call(option);
    const lanes = [0, 1].map((i) => view.getBigUint64(RESULT + 8 * i, true));
    return [vectorOf(64, lanes), unmasked];
  };
}

/** Calls a function of vectors and an option. */
function vectorCaller(name: VectorFunction | FusedFunction): Call {
  return inMemory(name, (code, called) => {
    const isUnmasked = code.newLocal('i32');
    const result = code.newLocal('v128');
    for (let i = 0; i < typeOfFunction(name).parameters.length - 1; i++) code.i32(0).v128Load(operandAt(i));
    code.get(0).call(called).set(isUnmasked).set(result);
    code.i32(0).get(result).v128Store(RESULT).get(isUnmasked);
  });
}

function compiled(mxcsr: number, call: () => readonly [bigint, number]): Outcome {
  view.setInt32(MXCSR, mxcsr, true);
  const [result, isUnmasked] = call();
  const after = view.getUint32(MXCSR, true);
  if (!isUnmasked) return { result, mxcsr: after };
  return after === mxcsr ? 'unmasked' : { result, mxcsr: after };
}

function randomVector(random: Random, lanes: Lanes): bigint {
  const words = new Uint32Array(4);
  putVector(random, words, 0, { lanes, tame: false });
  return vectorOf(32, [...words].map(BigInt));
}

/** Two vectors: of all kinds, or alike but for a bit and signs. */
function operands(random: Random, lanes: Lanes): [bigint, bigint] {
  const [x, y] = [randomVector(random, lanes), randomVector(random, lanes)];
  switch (random.below(4)) {
    case 0:
      return [x, x ^ (1n << BigInt(random.below(128)))];
    case 1:
      return [
        x,
        x ^ (1n << BigInt(random.below(128))) ^ (0x8000_0000_8000_0000_8000_0000_8000_0000n & -random.bits64()),
      ];
    case 2:
      return [random.bits64() | (random.bits64() << 64n), random.bits64() | (random.bits64() << 64n)];
    default:
      return [x, y];
  }
}

function check(
  t: Test,
  name: string,
  call: Call,
  evaluate: (floats: Floats<bigint>, x: bigint, y: bigint, option: number) => bigint,
  options: readonly number[] = [0],
): void {
  const random = new Random(SEED);
  const lanes = /fromInteger|^i32/.test(name) ? 'integer' : name.startsWith('f32') ? 'single' : 'double';
  for (let i = 0; i < CASES; i++) {
    const given = operands(random, lanes);
    const option = random.pick(options);
    const differs = difference({ given, option, mxcsr: randomMxcsr(random) }, call, (floats) =>
      evaluate(floats, ...given, option),
    );
    if (differs) return void t.fail(`${name} ${differs}`);
  }
  t.pass(name);
}

interface Case {
  readonly given: readonly bigint[];
  readonly option: number;
  readonly mxcsr: number;
}

/** What differs between the compiled code and the evaluator, in words. */
function difference({ given, option, mxcsr }: Case, call: Call, evaluate: Evaluation): string | undefined {
  const expected = evaluated(mxcsr, evaluate);
  const found = compiled(mxcsr, () => call(given, option));
  if (typeof expected === 'string' || typeof found === 'string' ? expected === found : same(expected, found))
    return undefined;
  const of = given.map((operand) => hex(operand)).join(' ');
  return `${of} ${option}, MXCSR ${hex(mxcsr)}: ${told(found)}, not ${told(expected)}`;
}

function same(a: Exclude<Outcome, string>, b: Exclude<Outcome, string>): boolean {
  return a.result === b.result && a.mxcsr === b.mxcsr;
}

function told(outcome: Outcome): string {
  return typeof outcome === 'string' ? outcome : `${hex(outcome.result)} and MXCSR ${hex(outcome.mxcsr)}`;
}

/** A scalar function, of the lowest lanes of vectors. */
function scalarCaller(name: ScalarFunction | FusedFunction, width: FloatWidth): Call {
  const call = functions[name] as (...parameters: (bigint | number)[]) => [bigint, number];
  return (operands, option) => {
    const [result, isUnmasked] = call(...operands.map((operand) => BigInt.asUintN(width, operand)), option);
    return [BigInt.asUintN(64, result), isUnmasked];
  };
}

const OPERATIONS = ['add', 'sub', 'mul', 'div', 'min', 'max'] as const;
const PREDICATES = [0, 1, 2, 3, 4, 5, 6, 7];

t.test('scalar functions equal the evaluator', async (t) => {
  for (const width of [32, 64] as const) {
    const of = (x: bigint): bigint => BigInt.asUintN(width, x);
    const named = (operation: string): ScalarFunction => `f${width}.${operation}` as ScalarFunction;
    const caller = (operation: string): Call => scalarCaller(named(operation), width);
    for (const operation of OPERATIONS)
      check(t, named(operation), caller(operation), (m, x, y) => m.float(operation, width, of(x), of(y)));
    check(t, named('sqrt'), caller('sqrt'), (m, x) => m.floatSqrt(width, of(x)));
    check(t, named('compare'), caller('compare'), (m, x, y, option) => m.floatCompare(width, of(x), of(y), option === 0), [0, 1]); // prettier-ignore
    const truth =
      (call: Call): Call =>
      (operands, option) => {
        const [result, isUnmasked] = call(operands, option);
        return [of(result), isUnmasked];
      };
    check(t, named('predicate'), truth(caller('predicate')), (m, x, y, option) => m.floatPredicate(width, of(x), of(y), BigInt(option)), PREDICATES); // prettier-ignore
    check(t, named('toOther'), caller('toOther'), (m, x) => m.floatToFloat(width, width === 32 ? 64 : 32, of(x)));
    check(t, named('fromInteger'), scalarCaller(named('fromInteger'), 64), (m, x) => m.intToFloat(64, width, BigInt.asUintN(64, x))); // prettier-ignore
    for (const to of [32, 64] as const) {
      const cut: Call = (operands, option) => {
        const [result, isUnmasked] = caller('toInteger')(operands, option);
        return [BigInt.asUintN(to, result), isUnmasked];
      };
      check(t, `${named('toInteger')} ${to}`, cut, (m, x, _y, option) => m.floatToInt(width, to, of(x), option > 64), [to, to | TRUNCATED]); // prettier-ignore
    }
  }
});

t.test('vector functions equal the evaluator', async (t) => {
  for (const width of [32, 64] as const) {
    const named = (operation: string): VectorFunction => `f${width}x${128 / width}.${operation}` as VectorFunction;
    for (const operation of OPERATIONS)
      check(t, named(operation), vectorCaller(named(operation)), (m, x, y) => m.floatPacked(operation, width, x, y));
    check(t, named('sqrt'), vectorCaller(named('sqrt')), (m, x) => m.floatSqrtPacked(width, x));
    check(t, named('predicate'), vectorCaller(named('predicate')), (m, x, y, option) => m.floatPredicatePacked(width, x, y, BigInt(option)), PREDICATES); // prettier-ignore
  }
  const conversions: readonly Exclude<PackedConversion, 'i32x2.f64x2'>[] = ['i32x4.f32x4', 'f64x2.i32x2', 'f64x2.i32x2t', 'f32x4.i32x4', 'f32x4.i32x4t', 'f64x2.f32x2', 'f32x2.f64x2']; // prettier-ignore
  for (const name of conversions) check(t, name, vectorCaller(name), (m, x) => m.convertPacked(name, x));
  check(t, 'f32x4.f16x4', vectorCaller('f32x4.f16x4'), (m, x, _y, option) => m.floatToHalves(x, BigInt(option)), [0, 1, 2, 3, 4, 7]); // prettier-ignore
});

const FUSED: readonly FusedOperation[] = ['madd', 'msub', 'nmadd', 'nmsub', 'maddsub', 'msubadd'];

/** A number near ±(x × y): the sum cancels, all of it or all but a few bits, or is next to a half. */
function nearProduct(random: Random, width: FloatWidth, x: bigint, y: bigint): bigint {
  const product = evaluated(MXCSR_DEFAULT, (floats) => floats.float('mul', width, x, y));
  if (product === 'unmasked') throw new Error('an exception that is masked');
  const bits = product.result ^ (random.chance(2) ? 1n << BigInt(width - 1) : 0n);
  // Half a unit of its last bit, and further away: the exponent is as many less, or the fraction differs in its last bits.
  const exponent = BigInt(random.below(4) === 0 ? random.below(2 * width) : 0) << (width === 32 ? 23n : 52n);
  const nearby = bits + BigInt(random.below(5) - 2) - (random.chance(8) ? -exponent : exponent);
  return BigInt.asUintN(width, random.chance(3) ? bits : nearby);
}

/** Three vectors, in a third of which sums are near zero or near a half, and half of which have few digits. */
function terms(random: Random, width: FloatWidth): readonly [bigint, bigint, bigint] {
  const [x, y] = operands(random, width === 32 ? 'single' : 'double');
  const tame = random.chance(2);
  const vector = (): bigint => {
    const words = new Uint32Array(4);
    putVector(random, words, 0, { lanes: width === 32 ? 'single' : 'double', tame });
    return vectorOf(32, [...words].map(BigInt));
  };
  const factors = random.chance(2) ? [vector(), vector()] : [x, y];
  if (random.chance(3)) return [factors[0]!, factors[1]!, vector()];
  const [a, b] = factors.map((factor) => lanesOf(width, factor));
  return [
    factors[0]!,
    factors[1]!,
    vectorOf(
      width,
      a!.map((lane, i) => nearProduct(random, width, lane, b![i]!)),
    ),
  ];
}

/** Compiles floating point whose calls go to one function. */
function floatsInLine(emitter: Emitter, called: number): WasmFloats {
  const { code } = emitter;
  return new WasmFloats(emitter, {
    sideExitIf: () => {
      code.if();
      code.i32(1).op('return').end();
    },
    callFunction: () => code.call(called),
  });
}

/** The code in line, with the call of the function where it gives up. */
function fusedInLine(operation: FusedOperation, width: FloatWidth, isPacked: boolean): Call {
  const name: FusedFunction = isPacked ? (width === 32 ? 'f32x4.fused' : 'f64x2.fused') : `f${width}.fused`;
  return inMemory(name, (code, called) => {
    const emitter = new Emitter(code);
    const floats = floatsInLine(emitter, called);
    const [x, y, z] = [0, 1, 2].map((i) => {
      if (isPacked) code.i32(0).v128Load(operandAt(i));
      else code.i32(0).memory(width === 32 ? 'i32.load' : 'i64.load', operandAt(i));
      return emitter.pop(isPacked ? 'v128' : width === 32 ? 'i32' : 'i64');
    }) as [WasmValue, WasmValue, WasmValue];
    const result = floats[isPacked ? 'floatFusedPacked' : 'floatFused'](operation, width, x, y, z);
    code.i32(0).v128Const(0n).v128Store(RESULT).i32(0);
    emitter.push(result);
    if (isPacked) code.v128Store(RESULT);
    else code.memory(width === 32 ? 'i32.store' : 'i64.store', RESULT);
    code.i32(0);
  });
}

t.test('fused products and sums equal the evaluator', async (t) => {
  for (const width of [32, 64] as const)
    for (const operation of FUSED) {
      const isScalar = operation !== 'maddsub' && operation !== 'msubadd';
      const packed: FusedFunction = width === 32 ? 'f32x4.fused' : 'f64x2.fused';
      const ways: readonly (readonly [what: string, isPacked: boolean, call: Call])[] = [
        ['by a function', true, vectorCaller(packed)],
        ['in line', true, fusedInLine(operation, width, true)],
        ['by a function, scalar', false, scalarCaller(`f${width}.fused`, width)],
        ['in line, scalar', false, fusedInLine(operation, width, false)],
      ];
      for (const [what, isPacked, call] of ways.filter(([, isPacked]) => isPacked || isScalar)) {
        const random = new Random(SEED + width);
        let differs: string | undefined;
        for (let i = 0; i < CASES && !differs; i++) {
          const given = terms(random, width);
          const mxcsr = random.chance(2) ? MXCSR_DEFAULT | MXCSR_BITS.PE : randomMxcsr(random);
          const one = given.map((term) => (isPacked ? term : BigInt.asUintN(width, term)));
          differs = difference({ given: one, option: NEGATED[operation], mxcsr }, call, (floats) =>
            floats[isPacked ? 'floatFusedPacked' : 'floatFused'](operation, width, one[0]!, one[1]!, one[2]!),
          );
        }
        t.equal(differs, undefined, `f${width} ${operation} ${what}`);
      }
    }
});

t.test('conversions of every number of half precision equal the evaluator', async (t) => {
  const inLine = (
    name: 'f16x4.f32x4' | 'f32x4.f16x4',
    convert: (floats: WasmFloats, x: WasmValue, control: WasmValue) => WasmValue,
  ): Call =>
    inMemory(name, (code, called) => {
      const emitter = new Emitter(code);
      const floats = floatsInLine(emitter, called);
      code.i32(0).v128Load(operandAt(0));
      const x = emitter.pop('v128');
      code.get(0);
      const result = convert(floats, x, emitter.pop('i32'));
      code.i32(0);
      emitter.push(result).code.v128Store(RESULT).i32(0);
    });
  const random = new Random(SEED);
  const ways: readonly (readonly [string, Call, Call])[] = [
    ['by functions', vectorCaller('f16x4.f32x4'), vectorCaller('f32x4.f16x4')],
    [
      'in line',
      inLine('f16x4.f32x4', (floats, x) => floats.floatFromHalves(x)),
      inLine('f32x4.f16x4', (floats, x, control) => floats.floatToHalves(x, control)),
    ],
  ];
  for (const [what, toSingles, toHalves] of ways) {
    const differences: (string | undefined)[] = [];
    for (let first = 0; first < 65536; first += 4) {
      const mxcsr = first % 3 === 0 ? MXCSR_DEFAULT | MXCSR_BITS.PE : randomMxcsr(random);
      const x = vectorOf(16, [0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n].map((i) => i + BigInt(first))); // prettier-ignore
      differences.push(
        difference({ given: [x, x], option: 0, mxcsr }, toSingles, (floats) => floats.floatFromHalves(x)),
      );
      // Around what a half becomes as a single, and around what lies halfway to the next.
      const spread = BigInt(random.below(2) * 0x1000 + random.below(3) - 1);
      const singles = lanesOf(16, x).slice(0, 4).map((half) => BigInt.asUintN(32, halfInSingle(half) + spread)); // prettier-ignore
      const y = vectorOf(32, singles);
      const option = random.pick([0, 4, 0, 4, 1, 2, 3, 7]);
      differences.push(
        difference({ given: [y, y], option, mxcsr }, toHalves, (floats) => floats.floatToHalves(y, BigInt(option))),
      );
    }
    t.same(differences.filter((found) => found !== undefined).slice(0, 3), [], what);
  }
});

/** The single of the same value as a half, of denormals that of another small number. */
function halfInSingle(half: bigint): bigint {
  const sign = (half & 0x8000n) << 16n;
  return sign | (((half & 0x7fffn) << 13n) + (112n << 23n));
}

t.test('a division of 128 bits by 64', async (t) => {
  const divide = functions['divide128'] as (high: bigint, low: bigint, divisor: bigint) => [bigint, bigint];
  const random = new Random(SEED);
  for (let i = 0; i < 10 * CASES; i++) {
    const divisor = random.edgy64() || 1n;
    const high = random.chance(2) ? random.edgy64() % divisor : random.bits64() % divisor;
    const low = random.edgy64();
    const dividend = (high << 64n) | low;
    const found = divide(high, low, divisor).map((part) => BigInt.asUintN(64, part));
    const [quotient, rest] = [dividend / divisor, dividend % divisor];
    if (found[0] !== quotient || found[1] !== rest)
      return t.fail(`${hex(dividend)} / ${hex(divisor)} is ${found.map((part) => hex(part)).join(', ')}`);
  }
  t.pass();
});
