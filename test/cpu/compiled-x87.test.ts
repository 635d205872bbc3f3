/** The x87 arithmetic that compiled code calls equals the evaluator's, for all kinds of operands and every FCW. */
import t, { type Test } from 'tap';
import { hex } from '../../src/bits.js';
import { GuestMemory } from '../../src/memory.js';
import { x87Operations, type X87Environment } from '../../src/cpu/evaluator/extended/operations.js';
import { Interpreter } from '../../src/cpu/interpreter/interpreter.js';
import { FCW, FSW } from '../../src/cpu/meaning/isa/x87-state.js';
import type { Extended, X87Function, X87Operations, X87Source } from '../../src/cpu/meaning/x87-vocabulary.js';
import { SECOND_RESULT, X87 } from '../../src/cpu/state/layout.js';
import { IS_QUOTIENT, NEAREST } from '../../src/cpu/wasm/functions/extended/exponents.js';
import type { ExtendedFunction } from '../../src/cpu/wasm/functions/extended/functions.js';
import { EMPTY, FULL, QUIET } from '../../src/cpu/wasm/functions/extended/parts.js';
import { OUT_OF_RANGE } from '../../src/cpu/wasm/functions/extended/trigonometric.js';
import { TRUNCATED } from '../../src/cpu/wasm/functions/float-functions.js';
import { Random } from '../support/random.js';
import { seedOf, volume } from '../support/volume.js';
import { putExtended, randomFcw } from './meanings/random-x87.js';
import { putVector, type Lanes } from './meanings/random-state.js';

const SEED = seedOf(1);
const CASES = volume(2500, 200_000);
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

/** A finite number with few bits at times, whose exponent is one of `count` from `least` on. */
function numberOf(random: Random, least: number, count: number): X87Source<bigint> & Extended<bigint> {
  const bits = random.chance(3) ? random.bits64() & (-1n << BigInt(random.below(64))) : random.bits64();
  const exponent = 0x3fff + least + random.below(count);
  return source({
    significand: (1n << 63n) | BigInt.asUintN(64, bits),
    signExponent: BigInt(exponent) | (random.chance(2) ? 0x8000n : 0n),
  });
}

/** Near to 1, from below or above. */
function nearOne(random: Random): X87Source<bigint> & Extended<bigint> {
  const distance = 1n << BigInt(random.below(60));
  return random.chance(2)
    ? source({ significand: (1n << 63n) + distance, signExponent: 0x3fffn })
    : source({ significand: (1n << 64n) - distance, signExponent: 0x3ffen });
}

/** A number near to a multiple of a quarter turn, as far as 64 bits can tell. */
function nearTurns(random: Random): X87Source<bigint> & Extended<bigint> {
  const turns = BigInt(1 + random.below(random.chance(2) ? 8 : 0x7fff_ffff)) << BigInt(random.below(30));
  const value = turns * 0xc90f_daa2_2168_c234_c4c6_628b_80dcn + (random.chance(2) ? 1n << 63n : 0n);
  const length = value.toString(2).length;
  const cut = BigInt(length - 64);
  const rounded = (value + (1n << (cut - 1n))) >> cut;
  const significand = rounded >> 64n ? 1n << 63n : rounded;
  return source({ significand, signExponent: BigInt(0x3fff + length - 1 - 111) });
}

type Numbers = readonly [X87Source<bigint> & Extended<bigint>, X87Source<bigint> & Extended<bigint>];

/** Arguments of the transcendental functions: of their usual ranges, of all exponents, and where results are nearly exact. */
const ARGUMENTS: Record<string, (random: Random) => Numbers> = {
  power: (random) => [numberOf(random, -1 - random.below(200), 4), numberOf(random, 0, 1)],
  log: (random) => [
    random.chance(2)
      ? nearOne(random)
      : { ...numberOf(random, random.chance(2) ? -2 : -16000, random.chance(2) ? 5 : 32000) },
    numberOf(random, random.chance(2) ? -3 : -16382, random.chance(2) ? 6 : 32766),
  ],
  log1: (random) => [
    numberOf(random, random.chance(2) ? -8 : -200, random.chance(2) ? 7 : 199),
    numberOf(random, random.chance(2) ? -3 : -16382, random.chance(2) ? 6 : 32766),
  ],
  arctangent: (random) => {
    const x = numberOf(random, -100, 200);
    const near = BigInt.asUintN(16, x.signExponent + BigInt(random.below(random.chance(2) ? 8 : 300)) - 4n);
    const y = numberOf(random, 0, 1);
    return [x, random.chance(8) ? x : { ...y, signExponent: near ^ (random.chance(2) ? 0x8000n : 0n) }];
  },
  sine: (random) => [random.chance(3) ? nearTurns(random) : numberOf(random, random.chance(2) ? -40 : -3, random.chance(2) ? 44 : 68), numberOf(random, 0, 1)], // prettier-ignore
};
ARGUMENTS['cosine'] = ARGUMENTS['sine']!;
ARGUMENTS['tangent'] = ARGUMENTS['sine']!;
ARGUMENTS['sineAndCosine'] = ARGUMENTS['sine']!;

function transcendental(m: X87Operations<bigint>, name: string, [x, y]: Numbers): readonly [bigint, bigint] {
  if (name === 'power') {
    const { value } = m.unary(name, x);
    return [value.significand, value.signExponent];
  }
  if (name === 'log' || name === 'log1' || name === 'arctangent') {
    const { value } = m.binary(name, x, y);
    return [value.significand, value.signExponent];
  }
  if (name === 'sineAndCosine') {
    const { value, pushed, outOfRange } = m.sineAndCosine(x);
    return outOfRange ? [0n, BigInt(OUTSIDE)] : [withPushed(value, pushed), value.signExponent];
  }
  const { value, outOfRange } = m.trigonometric(name as X87Function, x);
  return outOfRange ? [0n, BigInt(OUTSIDE)] : [value.significand, value.signExponent];
}

t.test('transcendental functions equal the exact ones, and hardly ever leave it to them', async (t) => {
  for (const [name, argumentsOf] of Object.entries(ARGUMENTS)) {
    const call = functionOf(`x87.${name as 'power'}`);
    const random = new Random(SEED);
    const count = Math.ceil(CASES / 5);
    let left = 0;
    for (let i = 0; i < count; i++) {
      const [x, y]: Numbers = random.chance(4)
        ? (operands(random).map((number) => source(number, random.chance(30))) as unknown as Numbers)
        : argumentsOf(random);
      const isOfTwo = name.startsWith('log') || name === 'arctangent';
      const fault = isEmpty(x) || (isOfTwo && isEmpty(y)) ? EMPTY : 0;
      const fcw = randomFcw(random);
      const fsw = random.next() & 0x7f7f & (~MASKS | fcw);
      const result = (): [bigint, number, number] => {
        const [first, second, last] = resultOf(call(...parts(x), ...parts(isOfTwo ? y : x), fault));
        const isPair = name === 'sineAndCosine' && last === 0 && second !== OUTSIDE;
        return [isPair ? withSecondResult(first, second) : BigInt.asUintN(64, first), second, last];
      };
      const found = compiled(fcw, fsw, result, 144);
      const expected = evaluated(fcw, fsw, (m) => transcendental(m, name, [x, y]));
      if (!found) {
        if (expected && !isBeyond(name, x)) left++;
        continue;
      }
      if (
        expected &&
        expected.first === found.first &&
        expected.second === found.second &&
        expected.status === found.status
      )
        continue;
      const text = (outcome: Outcome | undefined): string =>
        outcome ? `${hex(outcome.first)} ${hex(outcome.second)}, FSW ${hex(outcome.status)}` : 'unmasked';
      t.fail(
        `${name} of ${told(x)}, ${told(y)}, FCW ${hex(fcw)}, FSW ${hex(fsw)}: ${text(found)}, not ${text(expected)}`,
      );
      break;
    }
    // Sines and tangents of some numbers of few bits, here 0.02 %, are very close to such numbers.
    t.ok(left <= 5 + count / 1000, `${name}: ${left} of ${count} cases left to the evaluator`);
  }
});

t.test('the logarithm of a number next to zero, from FYL2XP1, takes no longer than others', async (t) => {
  const x = source({ significand: (1n << 64n) - 1n, signExponent: 0xbffen });
  const one = source({ significand: 1n << 63n, signExponent: 0x3fffn });
  const found = evaluated(0x37f, 0, (m) => transcendental(m, 'log1', [x, one]));
  t.equal(`${found?.second} ${found?.first}`, `${0xc005n} ${1n << 63n}`, '-64');
});

/** What resultOf has as the second part of numbers that are too large for the function. */
const OUTSIDE = 1 << 16;

/** The first part of the sine, and above it, if the sine is finite, the parts of the cosine. */
function withPushed({ significand, signExponent }: Extended<bigint>, cosine: Extended<bigint>): bigint {
  if ((signExponent & 0x7fffn) === 0x7fffn) return significand;
  return significand | (cosine.significand << 64n) | (cosine.signExponent << 128n);
}

function withSecondResult(significand: bigint, signExponent: number): bigint {
  const cosine = {
    significand: view.getBigUint64(SECOND_RESULT, true),
    signExponent: BigInt(view.getUint32(SECOND_RESULT + 8, true)),
  };
  return withPushed({ significand: BigInt.asUintN(64, significand), signExponent: BigInt(signExponent) }, cosine);
}

/** Numbers that are too large for the function have no result. */
function resultOf([first, second, last]: [bigint, number, number]): [bigint, number, number] {
  return last === OUT_OF_RANGE ? [0n, OUTSIDE, 0] : [first, second, last];
}

/** FYL2XP1 beyond -(1 - √½) to √2 - 1. */
function isBeyond(name: string, { significand, signExponent }: Extended<bigint>): boolean {
  const exponent = Number(signExponent & 0x7fffn) - 0x3fff;
  const isNegative = (signExponent & 0x8000n) !== 0n;
  const most = isNegative ? 0x95f6_1998_0c43_36f7n : 0xd413_cccf_e779_9211n;
  return name === 'log1' && (exponent === -1 || (exponent === -2 && significand > most));
}

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
