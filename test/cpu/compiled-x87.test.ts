/** The x87 arithmetic that compiled code calls equals the evaluator's, for all kinds of operands and every FCW. */
import t, { type Test } from 'tap';
import { hex } from '../../src/bits.js';
import { GuestMemory } from '../../src/memory.js';
import { x87Operations, type X87Environment } from '../../src/cpu/evaluator/extended/operations.js';
import { Interpreter } from '../../src/cpu/interpreter/interpreter.js';
import { FCW, FSW } from '../../src/cpu/meaning/isa/x87-state.js';
import type { Extended, X87Operations, X87Source } from '../../src/cpu/meaning/x87-vocabulary.js';
import { X87 } from '../../src/cpu/state/layout.js';
import { IS_QUOTIENT, NEAREST } from '../../src/cpu/wasm/functions/extended/exponents.js';
import type { ExtendedFunction } from '../../src/cpu/wasm/functions/extended/functions.js';
import { EMPTY, FULL, QUIET } from '../../src/cpu/wasm/functions/extended/parts.js';
import { TRUNCATED } from '../../src/cpu/wasm/functions/float-functions.js';
import { Random } from '../support/random.js';
import { seedOf, volume } from '../support/volume.js';
import { putExtended, randomFcw } from './meanings/random-x87.js';
import { putVector, type Lanes } from './meanings/random-state.js';

const SEED = seedOf(1);
const CASES = volume(5000, 200_000);
const MASKS = 0x3f;

const memory = new GuestMemory(65536);
const { functions } = new Interpreter(memory);
const view = memory.hostView;

type Call = (...parameters: (bigint | number)[]) => [bigint, number, number];

/** Two numbers as results are, and FSW. */
interface Outcome {
  readonly first: bigint;
  readonly second: bigint;
  readonly status: number;
}

type Evaluation = (m: X87Operations<bigint>) => readonly [first: bigint, second: bigint];

const IDLE: X87Environment = {
  readControl: () => 0x37f,
  readStatus: () => 0,
  writeStatus: () => {},
  registerNumber: () => 0,
  noteInstruction: () => {},
};

/** What the evaluator gives; undefined if that is left to it, since an exception is unmasked. */
function evaluated(fcw: number, fsw: number, evaluate: Evaluation): Outcome | undefined {
  let status = fsw;
  const operations = x87Operations({
    ...IDLE,
    readControl: () => fcw,
    readStatus: () => fsw,
    writeStatus: (value) => (status = value),
  });
  const [first, second] = evaluate(operations);
  return (status & ~fcw & MASKS) === 0 ? { first, second, status } : undefined;
}

function compiled(fcw: number, fsw: number, call: () => [bigint, number, number], width: number): Outcome | undefined {
  view.setUint16(X87 + FCW, fcw, true);
  view.setUint16(X87 + FSW, fsw, true);
  const [first, second, isUnmasked] = call();
  const status = view.getUint16(X87 + FSW, true);
  if (!isUnmasked) return { first: BigInt.asUintN(width, first), second: BigInt(second), status };
  if (status !== fsw) throw new Error('FSW has changed, though an exception is unmasked');
  return undefined;
}

function randomExtended(random: Random): Extended<bigint> {
  const image = new Uint8Array(16);
  putExtended(random, image, 0, random.chance(3));
  const words = new DataView(image.buffer);
  return { significand: words.getBigUint64(0, true), signExponent: BigInt(words.getUint16(8, true)) };
}

/** Two numbers, which are alike at times. */
function operands(random: Random): [Extended<bigint>, Extended<bigint>] {
  const x = randomExtended(random);
  if (!random.chance(3)) return [x, randomExtended(random)];
  const significand = x.significand ^ (1n << BigInt(random.below(64)));
  const signExponent =
    BigInt.asUintN(16, x.signExponent + BigInt(random.below(5)) - 2n) ^ (random.chance(2) ? 0x8000n : 0n);
  return [x, { significand: random.chance(2) ? x.significand : significand, signExponent }];
}

function bitsOf(random: Random, lanes: Lanes): bigint {
  const words = new Uint32Array(4);
  putVector(random, words, 0, { lanes, tame: false });
  return BigInt(words[0]!) | (BigInt(words[1]!) << 32n);
}

interface Case {
  readonly random: Random;
  /** An empty register now and then; `fault` is what the option has then. */
  readonly x: X87Source<bigint> & Extended<bigint>;
  readonly y: X87Source<bigint> & Extended<bigint>;
  readonly fault: number;
}

/** `prepare` makes of a case what is called and what is evaluated. */
function check(
  t: Test,
  name: string,
  prepare: (c: Case) => { call: () => [bigint, number, number]; evaluate: Evaluation; told: string },
  width = 64,
): void {
  const random = new Random(SEED);
  for (let i = 0; i < CASES; i++) {
    const [x, y] = operands(random).map((number) => source(number, random.chance(30)));
    const fault = [x!, y!].some(isEmpty) ? EMPTY : 0;
    const fcw = randomFcw(random);
    // No pending exception.
    const fsw = random.next() & 0x7f7f & (~MASKS | fcw);
    const { call, evaluate, told } = prepare({ random, x: x!, y: y!, fault });
    const expected = evaluated(fcw, fsw, evaluate);
    const found = compiled(fcw, fsw, call, width);
    const text = (outcome: Outcome | undefined): string =>
      outcome ? `${hex(outcome.first)} ${hex(outcome.second)}, FSW ${hex(outcome.status)}` : 'unmasked';
    if (text(expected) === text(found)) continue;
    t.fail(`${name} of ${told}, FCW ${hex(fcw)}, FSW ${hex(fsw)}: ${text(found)}, not ${text(expected)}`);
    return;
  }
  t.pass(name);
}

function told({ significand, signExponent }: Extended<bigint>): string {
  return `${hex(signExponent)} ${hex(significand)}`;
}

function parts({ significand, signExponent }: Extended<bigint>): [bigint, number] {
  return [significand, Number(signExponent)];
}

function source(x: Extended<bigint>, isEmpty = false): X87Source<bigint> & Extended<bigint> {
  return { format: 'extended', isEmpty: isEmpty ? 1n : 0n, ...x };
}

function isEmpty(x: X87Source<bigint>): boolean {
  return x.format === 'extended' && x.isEmpty !== 0n;
}

/** The option for a function of one number. */
function faultOf(x: X87Source<bigint>): number {
  return isEmpty(x) ? EMPTY : 0;
}

function functionOf(name: ExtendedFunction): Call {
  return functions[name] as Call;
}

t.test('arithmetic', async (t) => {
  for (const operation of ['add', 'subtract', 'multiply', 'divide', 'scale'] as const) {
    const call = functionOf(`x87.${operation}`);
    check(t, operation, ({ x, y, fault }) => ({
      call: () => call(...parts(x), ...parts(y), fault),
      evaluate: (m) => {
        const { value } = m.binary(operation, x, y);
        return [value.significand, value.signExponent];
      },
      told: `${told(x)}, ${told(y)}`,
    }));
  }
  for (const operation of ['squareRoot', 'round'] as const) {
    const call = functionOf(`x87.${operation}`);
    check(t, operation, ({ x }) => ({
      call: () => call(...parts(x), ...parts(x), faultOf(x)),
      evaluate: (m) => {
        const { value } = m.unary(operation, x);
        return [value.significand, value.signExponent];
      },
      told: told(x),
    }));
  }
});

t.test('square roots near to squares of integers and of half integers', async (t) => {
  const call = functionOf('x87.squareRoot');
  check(t, 'square root', ({ random }) => {
    const root = (1n << 31n) | BigInt(random.next() >>> 1);
    const square = root * root + (random.chance(2) ? root : 0n) + BigInt(random.below(5)) - 2n;
    const significand = square << BigInt(64 - square.toString(2).length);
    const x = source({ significand, signExponent: BigInt(0x3fff + random.below(4)) });
    return {
      call: () => call(...parts(x), ...parts(x), 0),
      evaluate: (m) => {
        const { value } = m.unary('squareRoot', x);
        return [value.significand, value.signExponent];
      },
      told: told(x),
    };
  });
});

t.test('exponents and significands', async (t) => {
  for (const part of ['exponent', 'significand'] as const) {
    const call = functionOf(`x87.${part}`);
    check(t, part, ({ random, x }) => {
      const isFull = random.chance(20);
      return {
        call: () => call(...parts(x), ...parts(x), faultOf(x) | (isFull ? FULL : 0)),
        evaluate: (m) => {
          const value = m.extract(x, isFull ? 1n : 0n).value[part];
          return [value.significand, value.signExponent];
        },
        told: told(x),
      };
    });
  }
});

t.test('remainders', async (t) => {
  const CODES = 0x4700;
  for (const nearest of [false, true]) {
    const call = functionOf('x87.remainder');
    check(t, nearest ? 'FPREM1' : 'FPREM', ({ random, x, y, fault }) => {
      // Of exponents that are near to each other, too.
      const near = { ...y, signExponent: BigInt.asUintN(16, x.signExponent - BigInt(random.below(140)) + 4n) };
      const divisor = random.chance(2) ? near : y;
      return {
        call: () => {
          const [first, second, last] = call(...parts(x), ...parts(divisor), fault | (nearest ? NEAREST : 0));
          return [first, second | ((last & (CODES | IS_QUOTIENT)) << 16), last & 1];
        },
        evaluate: (m) => {
          const { value, codes, isQuotient } = m.remainder(x, divisor, nearest);
          return [value.significand, value.signExponent | ((codes | (isQuotient * BigInt(IS_QUOTIENT))) << 16n)];
        },
        told: `${told(x)}, ${told(divisor)}`,
      };
    });
  }
});

/** Numbers near to 1 too, of which logarithms are small. */
function positive(random: Random): X87Source<bigint> & Extended<bigint> {
  const significand = (1n << 63n) | (random.chance(3) ? 1n << BigInt(random.below(63)) : random.bits64());
  const near = random.chance(2)
    ? random.chance(2)
      ? significand
      : (1n << 64n) - (1n << BigInt(random.below(60)))
    : significand;
  return source({
    significand: near,
    signExponent: BigInt(random.chance(2) ? 0x3ffd + random.below(5) : 1 + random.below(0x7ffd)),
  });
}

function fraction(random: Random): X87Source<bigint> & Extended<bigint> {
  const exponent = 0x3fff - 1 - random.below(random.chance(2) ? 4 : 64);
  return source({
    significand: (1n << 63n) | random.bits64(),
    signExponent: BigInt(exponent) | (random.chance(2) ? 0x8000n : 0n),
  });
}

t.test('transcendental functions equal the exact ones, or leave it to them', async (t) => {
  const [power, log] = [functionOf('x87.power'), functionOf('x87.log')];
  const random = new Random(SEED);
  const count = Math.ceil(CASES / 5);
  const computed = { power: 0, log: 0 };
  for (let i = 0; i < 2 * count; i++) {
    const name = i % 2 === 0 ? 'power' : 'log';
    const [x, y] = name === 'power' ? [fraction(random), fraction(random)] : [positive(random), positive(random)];
    const fcw = randomFcw(random);
    const fsw = random.next() & 0x7f7f & (~MASKS | fcw);
    const found = compiled(fcw, fsw, () => (name === 'power' ? power : log)(...parts(x), ...parts(y), 0), 64);
    if (!found) continue;
    computed[name]++;
    const expected = evaluated(fcw, fsw, (m) => {
      const { value } = name === 'power' ? m.unary('power', x) : m.binary('log', x, y);
      return [value.significand, value.signExponent];
    });
    if (
      expected &&
      expected.first === found.first &&
      expected.second === found.second &&
      expected.status === found.status
    )
      continue;
    t.fail(
      `${name} of ${told(x)}, ${told(y)}, FCW ${hex(fcw)}: ${hex(found.first)} ${hex(found.second)} ${hex(found.status)}, not ${hex(expected!.first)} ${hex(expected!.second)} ${hex(expected!.status)}`,
    );
    return;
  }
  for (const [name, cases] of Object.entries(computed)) t.ok(cases > count / 3, `${name}: ${cases} of ${count}`);
});

t.test('decimals', async (t) => {
  const toDecimal = functionOf('x87.toDecimal');
  const ofDecimal = functionOf('x87.ofDecimal');
  check(t, 'to decimal', ({ random, x }) => {
    // Most numbers are too large or too small.
    const signExponent = (x.signExponent & 0x8000n) | BigInt(0x3fff - 3 + random.below(68));
    const number = random.chance(2) ? { ...x, signExponent, significand: x.significand | (1n << 63n) } : x;
    return {
      call: () => toDecimal(...parts(number), ...parts(number), faultOf(x)),
      evaluate: (m) => {
        const { value } = m.toDecimal(number);
        return [value.significand, value.signExponent];
      },
      told: told(number),
    };
  });
  for (let i = 0, random = new Random(SEED); i < CASES; i++) {
    const x = randomExtended(random);
    const [significand, signExponent] = ofDecimal(...parts(x), 0n, 0, 0);
    const expected = x87Operations(IDLE).fromDecimal(x);
    if (BigInt.asUintN(64, significand) === expected.significand && BigInt(signExponent) === expected.signExponent)
      continue;
    t.fail(`of decimal ${told(x)}: ${hex(significand)} ${hex(signExponent)}`);
    return;
  }
});

t.test('arithmetic with an operand in memory', async (t) => {
  for (const operation of ['add', 'subtract', 'multiply', 'divide'] as const)
    for (const format of ['single', 'double', 'int64'] as const) {
      const widen = functionOf(({ single: 'x87.widenSingle', double: 'x87.widenDouble', int64: 'x87.widenInteger' } as const)[format]); // prettier-ignore
      const call = functionOf(`x87.${operation}`);
      check(t, `${operation} of ${format}`, ({ random, x }) => {
        const all = bitsOf(random, format === 'int64' ? 'integer' : format);
        const bits = format === 'single' ? BigInt.asUintN(32, all) : all;
        return {
          call: () => {
            const [significand, signExponent, isDenormal] = widen(bits, 0, 0n, 0, 0);
            return call(significand, signExponent, ...parts(x), isDenormal | faultOf(x));
          },
          evaluate: (m) => {
            const { value } = m.binary(operation, { format, bits }, x);
            return [value.significand, value.signExponent];
          },
          told: `${hex(bits)}, ${told(x)}`,
        };
      });
    }
});

t.test('comparisons', async (t) => {
  for (const quiet of [false, true]) {
    const call = functionOf('x87.compare');
    check(t, quiet ? 'quiet' : 'signaling', ({ x, y, fault }) => ({
      call: () => call(...parts(x), ...parts(y), fault | (quiet ? QUIET : 0)),
      evaluate: (m) => [m.compare(x, y, quiet).value, 0n],
      told: `${told(x)}, ${told(y)}`,
    }));
  }
});

t.test('conversions', async (t) => {
  for (const width of [32, 64] as const) {
    const call = functionOf(width === 32 ? 'x87.toSingle' : 'x87.toDouble');
    check(t, `to ${width} bits`, ({ x }) => ({
      call: () => call(...parts(x), ...parts(x), faultOf(x)),
      evaluate: (m) => [m.toFloat(width, x).value, 0n],
      told: told(x),
    }));
  }
  for (const [format, name, width] of [
    ['single', 'x87.loadSingle', 32],
    ['double', 'x87.loadDouble', 64],
    ['int64', 'x87.loadInteger', 64],
  ] as const) {
    const load = functionOf(name);
    check(t, `of ${format}`, ({ random }) => {
      const bits = BigInt.asUintN(width, bitsOf(random, format === 'int64' ? 'integer' : format));
      const isFull = random.chance(20);
      const evaluate: Evaluation = (m) => {
        const { value } = m.load({ format, bits }, isFull ? 1n : 0n);
        return [value.significand, value.signExponent];
      };
      return { call: () => load(bits, 0, 0n, 0, isFull ? FULL : 0), evaluate, told: hex(bits) };
    });
  }
  const toInteger = functionOf('x87.toInteger');
  for (const width of [16, 32, 64] as const)
    for (const truncated of [false, true])
      check(
        t,
        `to an integer of ${width} bits${truncated ? ', truncated' : ''}`,
        ({ x }) => ({
          call: () => toInteger(...parts(x), ...parts(x), faultOf(x) | (truncated ? width | TRUNCATED : width)),
          evaluate: (m) => [m.toInteger(width, x, truncated).value, 0n],
          told: told(x),
        }),
        width,
      );
});
