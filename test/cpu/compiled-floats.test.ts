/** The floating point that compiled code calls equals the evaluator's, for all kinds of operands and every MXCSR. */
import t, { type Test } from 'tap';
import { hex } from '../../src/bits.js';
import { GuestMemory } from '../../src/memory.js';
import { floatOperations } from '../../src/cpu/evaluator/float-operations.js';
import { lanesOf, vectorOf } from '../../src/cpu/evaluator/lanes.js';
import { Interpreter } from '../../src/cpu/interpreter/interpreter.js';
import type { Floats, FloatWidth, PackedConversion } from '../../src/cpu/meaning/vocabulary.js';
import { MXCSR, SCRATCH } from '../../src/cpu/state/layout.js';
import { Code } from '../../src/cpu/wasm/encoding/code.js';
import { WasmModule } from '../../src/cpu/wasm/encoding/module.js';
import { TRUNCATED, type ScalarFunction, type VectorFunction } from '../../src/cpu/wasm/functions/float-functions.js';
import { typeOfFunction } from '../../src/cpu/wasm/functions/functions.js';
import { Random } from '../support/random.js';
import { seedOf, volume } from '../support/volume.js';
import { putVector, randomMxcsr, type Lanes } from './meanings/random-state.js';

const SEED = seedOf(1);
const CASES = volume(3000, 100_000);

const memory = new GuestMemory(65536);
const { functions } = new Interpreter(memory);
const view = memory.hostView;

type Outcome = { readonly result: bigint; readonly mxcsr: number } | 'unmasked';
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

/** Calls a function of two vectors, through a module that loads and stores them. */
function vectorCaller(name: VectorFunction): (x: bigint, y: bigint, option: number) => readonly [bigint, number] {
  const module = new WasmModule();
  const { parameters, results } = typeOfFunction(name);
  const called = module.importFunction('called', module.type(parameters, results));
  const code = new Code(['i32']);
  const isUnmasked = code.newLocal('i32');
  const result = code.newLocal('v128');
  code.i32(0).v128Load(SCRATCH).i32(0).v128Load(SCRATCH + 16).get(0).call(called).set(isUnmasked).set(result); // prettier-ignore
  code
    .i32(0)
    .get(result)
    .v128Store(SCRATCH + 32)
    .get(isUnmasked);
  module.add(module.type(['i32'], ['i32']), code, 'call');
  const compiled = new WebAssembly.Module(module.encode(1) as BufferSource);
  const imports = { bd0: { memory: memory.memory, called: functions[name]! } };
  const call = new WebAssembly.Instance(compiled, imports).exports['call'] as (option: number) => number;
  return (x, y, option) => {
    lanesOf(64, x).forEach((lane, i) => view.setBigUint64(SCRATCH + 8 * i, lane, true));
    lanesOf(64, y).forEach((lane, i) => view.setBigUint64(SCRATCH + 16 + 8 * i, lane, true));
    const unmasked = call(option);
    const lanes = [0, 1].map((i) => view.getBigUint64(SCRATCH + 32 + 8 * i, true));
    return [vectorOf(64, lanes), unmasked];
  };
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
  call: (x: bigint, y: bigint, option: number) => readonly [bigint, number],
  evaluate: (floats: Floats<bigint>, x: bigint, y: bigint, option: number) => bigint,
  options: readonly number[] = [0],
): void {
  const random = new Random(SEED);
  const lanes = /fromInteger|^i32/.test(name) ? 'integer' : name.startsWith('f32') ? 'single' : 'double';
  for (let i = 0; i < CASES; i++) {
    const [x, y] = operands(random, lanes);
    const mxcsr = randomMxcsr(random);
    const option = random.pick(options);
    const expected = evaluated(mxcsr, (floats) => evaluate(floats, x, y, option));
    const found = compiled(mxcsr, () => call(x, y, option));
    if (typeof expected === 'string' || typeof found === 'string' ? expected === found : same(expected, found))
      continue;
    t.fail(`${name} ${hex(x)} ${hex(y)} ${option}, MXCSR ${hex(mxcsr)}: ${told(found)}, not ${told(expected)}`);
    return;
  }
  t.pass(name);
}

function same(a: Exclude<Outcome, string>, b: Exclude<Outcome, string>): boolean {
  return a.result === b.result && a.mxcsr === b.mxcsr;
}

function told(outcome: Outcome): string {
  return typeof outcome === 'string' ? outcome : `${hex(outcome.result)} and MXCSR ${hex(outcome.mxcsr)}`;
}

type Call = (x: bigint, y: bigint, option: number) => readonly [bigint, number];

/** A scalar function, of the lowest lanes of vectors. */
function scalarCaller(name: ScalarFunction, width: FloatWidth): Call {
  const call = functions[name] as (x: bigint, y: bigint, option: number) => [bigint, number];
  return (x, y, option) => {
    const [result, isUnmasked] = call(BigInt.asUintN(width, x), BigInt.asUintN(width, y), option);
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
      (x, y, option) => {
        const [result, isUnmasked] = call(x, y, option);
        return [of(result), isUnmasked];
      };
    check(t, named('predicate'), truth(caller('predicate')), (m, x, y, option) => m.floatPredicate(width, of(x), of(y), BigInt(option)), PREDICATES); // prettier-ignore
    check(t, named('toOther'), caller('toOther'), (m, x) => m.floatToFloat(width, width === 32 ? 64 : 32, of(x)));
    check(t, named('fromInteger'), scalarCaller(named('fromInteger'), 64), (m, x) => m.intToFloat(64, width, BigInt.asUintN(64, x))); // prettier-ignore
    for (const to of [32, 64] as const) {
      const cut: Call = (x, y, option) => {
        const [result, isUnmasked] = caller('toInteger')(x, y, option);
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
});

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
