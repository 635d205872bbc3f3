import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { hex, maskOf, truncate } from '../../src/bits.js';
import { add, div, mul, sqrt, sub } from '../../src/cpu/evaluator/float/arithmetic.js';
import { cmp, compare, max, min, type Comparison } from '../../src/cpu/evaluator/float/compare.js';
import { FloatContext } from '../../src/cpu/evaluator/float/context.js';
import { convert, fromInteger, toInteger, truncateToInteger } from '../../src/cpu/evaluator/float/convert.js';
import { F32, F64, type FloatFormat } from '../../src/cpu/evaluator/float/format.js';
import { MXCSR, MXCSR_DEFAULT, MXCSR_FLAGS } from '../../src/cpu/evaluator/float/mxcsr.js';
import fc from '../support/fast-check.js';

const view = new DataView(new ArrayBuffer(8));

function bitsOf(format: FloatFormat, value: number): bigint {
  if (format === F64) {
    view.setFloat64(0, value);
    return view.getBigUint64(0);
  }
  view.setFloat32(0, value);
  return BigInt(view.getUint32(0));
}

const flagNames = ['IE', 'DE', 'ZE', 'OE', 'UE', 'PE'];

function namesOf(flags: number): string {
  return flagNames.filter((_, bit) => (flags >> bit) & 1).join(' ');
}

t.test('results match JavaScript, which rounds to nearest', async (t) => {
  // NaN stands for any NaN here: JavaScript does not tell their signs and payloads.
  const agree = (format: FloatFormat, computed: bigint, expected: number) =>
    Number.isNaN(expected)
      ? (computed & ~format.signMask) > format.infinity
      : computed === bitsOf(format, format === F32 ? Math.fround(expected) : expected);
  for (const format of [F32, F64]) {
    const number = format === F32 ? fc.float() : fc.double();
    const compute = (operation: typeof add, x: number, y: number) =>
      operation(new FloatContext(MXCSR_DEFAULT), format, bitsOf(format, x), bitsOf(format, y));
    // Products, quotients and roots of f32 rounded in f64 first are rounded right: 53 >= 2 * 24 + 2.
    const property = fc.property(
      number,
      number,
      (x, y) =>
        agree(format, compute(add, x, y), x + y) &&
        agree(format, compute(sub, x, y), x - y) &&
        agree(format, compute(mul, x, y), x * y) &&
        agree(format, compute(div, x, y), x / y) &&
        agree(format, sqrt(new FloatContext(MXCSR_DEFAULT), format, bitsOf(format, x)), Math.sqrt(x)),
    );
    fc.assert(property, { numRuns: 2000 });
    t.pass(`f${format.width}`);
  }
});

t.test('individual cases from the manual', async (t) => {
  const denormal = 1n;
  const one = bitsOf(F32, 1);
  const minNormal = 0x0080_0000n;
  const qnan = 0x7fc0_1234n;
  const snan = 0xff80_5678n;
  const { infinity, largest, signMask } = F32;
  const twoF64 = bitsOf(F64, 2);
  const all = MXCSR_DEFAULT;
  const lanes = (c: FloatContext) => add(c, F32, snan, one) & add(c, F32, one, denormal);
  type Case = [
    sentence: string,
    mxcsr: number,
    run: (c: FloatContext) => bigint,
    result: bigint | '#XM',
    flags: string,
  ];
  const cases: Case[] = [
    ['a QNaN is handed on', all, (c) => add(c, F32, one, qnan), qnan, ''],
    ['the first NaN wins, even over an SNaN', all, (c) => add(c, F32, qnan, snan), qnan, 'IE'],
    ['an SNaN becomes quiet, sign and payload kept', all, (c) => sub(c, F32, snan, qnan), 0xffc0_5678n, 'IE'],
    ['a NaN hides a denormal', all, (c) => mul(c, F32, denormal, qnan), qnan, ''],
    ['infinity - infinity is the indefinite', all, (c) => sub(c, F32, infinity, infinity), 0xffc0_0000n, 'IE'],
    ['the root of a negative denormal is invalid', all, (c) => sqrt(c, F32, signMask | 1n), 0xffc0_0000n, 'IE'],
    ['with DAZ it is the root of -0', all | MXCSR.DAZ, (c) => sqrt(c, F32, signMask | 1n), signMask, ''],
    ['division by zero hides a denormal dividend', all, (c) => div(c, F32, denormal, 0n), infinity, 'ZE'],
    ['infinity / 0 raises nothing', all, (c) => div(c, F32, infinity, signMask), infinity | signMask, ''],
    ['x - x is +0', all, (c) => sub(c, F32, one, one), 0n, ''],
    ['x - x is -0 rounding down', all | 0x2000, (c) => sub(c, F32, one, one), signMask, ''],
    ['an exact denormal result raises no UE', all, (c) => sub(c, F32, minNormal, denormal), 0x7f_ffffn, 'DE'],
    ['unmasked, it does', all & ~MXCSR.UM, (c) => sub(c, F32, minNormal, denormal), '#XM', 'DE UE'],
    ['FTZ makes it zero', all | MXCSR.FTZ, (c) => sub(c, F32, denormal, minNormal), signMask, 'DE UE PE'],
    ['masked overflow is inexact', all, (c) => add(c, F32, largest, largest), infinity, 'OE PE'],
    ['rounding to zero it is the largest', all | 0x6000, (c) => add(c, F32, largest, largest), largest, 'OE PE'],
    ['unmasked, an exact one raises OE alone', all & ~MXCSR.OM, (c) => add(c, F32, largest, largest), '#XM', 'OE'],
    ['an unmasked DE hides PE', all & ~MXCSR.DM, (c) => add(c, F32, one, denormal), '#XM', 'DE'],
    ['an unmasked PE shows DE', all & ~MXCSR.PM, (c) => add(c, F32, one, denormal), '#XM', 'DE PE'],
    ['an unmasked IE of one lane hides PE of another, not DE', all & ~MXCSR.IM, lanes, '#XM', 'IE DE'],
    ['an unmasked PE of one lane shows all of another', all & ~MXCSR.PM, lanes, '#XM', 'IE DE PE'],
    ['MIN returns the second of two zeros', all, (c) => min(c, F32, signMask, 0n), 0n, ''],
    ['MAX returns a second SNaN as it is', all, (c) => max(c, F32, one, snan), snan, 'IE'],
    ['MIN of a QNaN is invalid', all, (c) => min(c, F32, qnan, one), one, 'IE'],
    ['EQ is quiet', all, (c) => cmp(c, F32, 0, qnan, denormal), 0n, ''],
    ['NLT is not', all, (c) => cmp(c, F32, 5, qnan, denormal), 0xffff_ffffn, 'IE'],
    [
      'a narrowed NaN keeps the top of its payload',
      all,
      (c) => convert(c, F64, F32, 0xfff7_ffff_ffff_ffffn),
      0xffff_ffffn,
      'IE',
    ],
    ['2^31 does not fit i32', all, (c) => toInteger(c, F64, 32, bitsOf(F64, 2 ** 31)), 0x8000_0000n, 'IE'],
    ['-2^31 - 0.5 does, to even', all, (c) => toInteger(c, F64, 32, bitsOf(F64, -(2 ** 31) - 0.5)), 0x8000_0000n, 'PE'],
    ['CVTT truncates', all | 0x4000, (c) => truncateToInteger(c, F64, 64, bitsOf(F64, -1.5)), maskOf(64), 'PE'],
    ['i64 rounds to f64', all, (c) => fromInteger(c, F64, 64, 2n ** 53n + 1n), bitsOf(F64, 2 ** 53), 'PE'],
    ['2 / 2 of f64', all, (c) => div(c, F64, twoF64, twoF64), bitsOf(F64, 1), ''],
  ];
  for (const [sentence, mxcsr, run, result, flags] of cases) {
    const context = new FloatContext(mxcsr);
    const computed = run(context);
    t.equal(context.faults ? '#XM' : hex(computed), result === '#XM' ? result : hex(result), sentence);
    t.equal(namesOf(context.mxcsrAfter), flags, `${sentence}: flags`);
  }
  const holds: readonly ((x: number, y: number) => boolean)[] = [
    ...[(x: number, y: number) => x === y, (x: number, y: number) => x < y, (x: number, y: number) => x <= y],
    (x, y) => Number.isNaN(x) || Number.isNaN(y),
  ];
  const numbers = [-1, 0, 1, NaN];
  const orUnordered = [holds[0]!, (x: number, y: number) => x < y, (x: number, y: number) => x <= y, () => false];
  numbers.forEach((x) =>
    numbers.forEach((y) => {
      const unordered = Number.isNaN(x) || Number.isNaN(y);
      for (let predicate = 0; predicate < 32; predicate++) {
        const base = predicate & 3;
        // From 8 on: the same if one is a NaN, or the other way round; bit 2 negates.
        const value = (predicate & 8) === 0 ? holds[base]!(x, y) : unordered ? base < 3 : orUnordered[base]!(x, y);
        const expected = value !== ((predicate & 4) !== 0);
        const context = new FloatContext(all);
        const result = cmp(context, F32, predicate, BigInt(bitsOf(F32, x)), BigInt(bitsOf(F32, y)));
        t.equal(result !== 0n, expected, `predicate ${predicate} of ${x} and ${y}`);
      }
    }),
  );
});

/** The same numbers for the same seed: a counter, scrambled by the finalizer of MurmurHash3. */
class Sequence {
  constructor(private state: number) {}

  /** An integer of 0 to bound - 1; bound is at most 2^32. */
  below(bound: number): number {
    this.state = (this.state + 0x9e37_79b9) | 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 16), 0x85eb_ca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2_ae35);
    return Math.floor((((z ^ (z >>> 16)) >>> 0) / 2 ** 32) * bound);
  }

  bits(width: number): bigint {
    let value = 0n;
    for (let drawn = 0; drawn < width; drawn += 32) value = (value << 32n) | BigInt(this.below(2 ** 32));
    return truncate(width, value);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }
}

/** A fraction with few ones, few zeros, a tie in the middle, or none of that. */
function drawFraction(random: Sequence, format: FloatFormat): bigint {
  const bit = () => 1n << BigInt(random.below(format.fractionBits));
  switch (random.below(6)) {
    case 0:
      return 0n;
    case 1:
      return bit() | bit();
    case 2:
      return format.fractionMask & ~bit();
    case 3:
      return format.fractionMask & -bit();
    case 4:
      return BigInt(random.below(4)) ^ (random.below(2) ? format.fractionMask : 0n);
    default:
      return random.bits(format.fractionBits);
  }
}

/** ±1.fraction × 2^exponent; exponents beyond the format's give denormals, zeros, infinities and NaNs. */
function compose(random: Sequence, format: FloatFormat, exponent: number): bigint {
  const field = Math.max(0, Math.min(exponent + format.exponentMax, 2 * format.exponentMax + 1));
  const sign = random.below(2) ? format.signMask : 0n;
  return sign | (BigInt(field) << BigInt(format.fractionBits)) | drawFraction(random, format);
}

/** One number: of any exponent, near one, at the format's edges, near the integers' edges, small integers and halves. */
function drawNumber(random: Sequence, format: FloatFormat): bigint {
  const { exponentMax, exponentMin } = format;
  switch (random.below(8)) {
    case 0:
      return random.bits(format.width);
    case 1:
      return compose(random, format, random.below(5) - 2);
    case 2:
      return compose(random, format, exponentMin - 1 + random.pick([0, 0, 1, 2]));
    case 3:
      return compose(random, format, exponentMax - random.pick([0, 0, 1, 2]));
    case 4:
      return compose(random, format, random.pick([22, 23, 24, 30, 31, 32, 51, 52, 53, 62, 63, 64]));
    case 5:
      return bitsOf(format, (random.below(4096) - 2048) / random.pick([1, 2, 4]));
    case 6: {
      const magnitude = random.pick([0n, 1n, 2n, format.fractionMask, format.fractionMask + 1n, format.largest]);
      const special = random.pick([
        magnitude,
        format.infinity,
        format.infinity + 1n,
        format.infinity | format.quietBit,
      ]);
      return special | (random.below(2) ? format.signMask : 0n);
    }
    default:
      return compose(random, format, random.below(2 * exponentMax + 1) - exponentMax);
  }
}

/** A second operand that is something to the first: its neighbour, or such that sum, product or quotient lie on an edge. */
function drawPartner(random: Sequence, format: FloatFormat, first: bigint): bigint {
  const exponent = Number((first & format.infinity) >> BigInt(format.fractionBits)) - format.exponentMax;
  const nudge = random.below(5) - 2;
  switch (random.below(9)) {
    case 0:
      return truncate(format.width, (first ^ (random.below(2) ? format.signMask : 0n)) + BigInt(nudge));
    case 1:
      return compose(random, format, exponent - format.precision + nudge);
    case 2:
      return compose(random, format, format.exponentMax - exponent + nudge);
    case 3:
      return compose(random, format, format.exponentMin - exponent + nudge - random.below(format.precision));
    case 4:
      return compose(random, format, exponent - format.exponentMax + nudge);
    case 5:
      return compose(random, format, exponent - format.exponentMin + nudge + random.below(format.precision));
    case 6:
      return compose(random, format, exponent + nudge);
    default:
      return drawNumber(random, format);
  }
}

function drawOperands(random: Sequence, format: FloatFormat): [first: bigint, second: bigint] {
  const first = drawNumber(random, format);
  return [first, drawPartner(random, format, first)];
}

/** A source of CVTSD2SS: near the values of F32, its edges and the ties between them. */
function drawForNarrowing(random: Sequence): bigint {
  const widened = convert(new FloatContext(MXCSR_DEFAULT), F32, F64, drawNumber(random, F32));
  if (random.below(3) === 0) return drawNumber(random, F64);
  const tie = 1n << BigInt(28 + random.pick([0, 0, 1, 2, 23]));
  return truncate(64, widened + random.pick([0n, tie]) + BigInt(random.below(3) - 1));
}

function drawInteger(random: Sequence, width: 32 | 64): bigint {
  const nearPowerOfTwo = (1n << BigInt(random.below(width))) + BigInt(random.below(5) - 2);
  const tie = random.bits(24) * 2n + 1n;
  const choices = [random.bits(width), nearPowerOfTwo, -nearPowerOfTwo, tie << BigInt(random.below(width - 24))];
  return truncate(width, random.pick([...choices, BigInt(random.below(100) - 50), random.bits(53) * 2n + 1n]));
}

/** An instruction of the oracle, as this code computes it. Vectors are 128-bit integers, lane 0 lowest. */
interface Instruction {
  draw(random: Sequence): [first: bigint, second: bigint];
  execute(context: FloatContext, first: bigint, second: bigint): bigint;
  /** How much of the destination the result is. */
  resultBits: number;
}

/** Results of `width` bits from `lanes` lanes, each from the lanes of `sourceWidth` bits in both operands. */
function lanewise(
  lanes: number,
  width: number,
  sourceWidth: number,
  draw: (random: Sequence) => [bigint, bigint],
  compute: (context: FloatContext, x: bigint, y: bigint) => bigint,
): Instruction {
  const lane = (vector: bigint, index: number) => truncate(sourceWidth, vector >> BigInt(index * sourceWidth));
  return {
    draw(random) {
      let [first, second] = [0n, 0n];
      for (let index = 0; index < 128 / sourceWidth; index++) {
        const [x, y] = draw(random);
        first |= x << BigInt(index * sourceWidth);
        second |= y << BigInt(index * sourceWidth);
      }
      return [first, second];
    },
    execute(context, first, second) {
      let result = 0n;
      for (let index = 0; index < lanes; index++)
        result |= compute(context, lane(first, index), lane(second, index)) << BigInt(index * width);
      return result;
    },
    resultBits: lanes === 1 ? width : 128,
  };
}

/** ZF, PF and CF. SDM Vol. 2A "COMISD". */
const comparisonFlags: Record<Comparison, bigint> = { unordered: 0x45n, less: 0x01n, equal: 0x40n, greater: 0n };

function instructionsOfFormat(format: FloatFormat, suffix: string, lanes: number): [string, Instruction][] {
  const { width } = format;
  const drawPair = (random: Sequence) => drawOperands(random, format);
  const binary = { add, sub, mul, div, min, max };
  const predicates = ['eq', 'lt', 'le', 'unord', 'neq', 'nlt', 'nle', 'ord'];
  return [
    ...Object.entries(binary).map(([name, operation]): [string, Instruction] => [
      name + suffix,
      lanewise(lanes, width, width, drawPair, (c, x, y) => operation(c, format, x, y)),
    ]),
    ...predicates.map((name, predicate): [string, Instruction] => [
      `cmp${name}${suffix}`,
      lanewise(lanes, width, width, drawPair, (c, x, y) => cmp(c, format, predicate, x, y)),
    ]),
    [`sqrt${suffix}`, lanewise(lanes, width, width, drawPair, (c, _, y) => sqrt(c, format, y))],
  ];
}

function scalarInstructions(format: FloatFormat, suffix: string): [string, Instruction][] {
  const drawPair = (random: Sequence) => drawOperands(random, format);
  const comparisons = { comi: 'every NaN is invalid', ucomi: 'SNaN is invalid' } as const;
  const registers = { eax: 32, rax: 64 } as const;
  return [
    ...Object.entries(comparisons).map(([name, rule]): [string, Instruction] => [
      name + suffix,
      lanewise(1, 64, format.width, drawPair, (c, x, y) => comparisonFlags[compare(c, format, x, y, rule)]),
    ]),
    ...Object.entries(registers).flatMap(([register, width]): [string, Instruction][] => [
      [
        `cvt${suffix}2si_${register}`,
        lanewise(1, width, format.width, drawPair, (c, _, y) => toInteger(c, format, width, y)),
      ],
      [
        `cvtt${suffix}2si_${register}`,
        lanewise(1, width, format.width, drawPair, (c, _, y) => truncateToInteger(c, format, width, y)),
      ],
      [
        `cvtsi2${suffix}_${register}`,
        lanewise(
          1,
          format.width,
          width,
          (random) => [random.bits(width), drawInteger(random, width)],
          (c, _, y) => fromInteger(c, format, width, y),
        ),
      ],
    ]),
  ];
}

function conversions(): [string, Instruction][] {
  const f32 = (random: Sequence): [bigint, bigint] => [random.bits(32), drawNumber(random, F32)];
  const f64 = (random: Sequence): [bigint, bigint] => [random.bits(64), drawNumber(random, F64)];
  const narrowed = (random: Sequence): [bigint, bigint] => [random.bits(64), drawForNarrowing(random)];
  const i32 = (random: Sequence): [bigint, bigint] => [random.bits(32), drawInteger(random, 32)];
  return [
    ['cvtss2sd', lanewise(1, 64, 32, f32, (c, _, y) => convert(c, F32, F64, y))],
    ['cvtps2pd', lanewise(2, 64, 32, f32, (c, _, y) => convert(c, F32, F64, y))],
    ['cvtsd2ss', lanewise(1, 32, 64, narrowed, (c, _, y) => convert(c, F64, F32, y))],
    ['cvtpd2ps', lanewise(2, 32, 64, narrowed, (c, _, y) => convert(c, F64, F32, y))],
    ['cvtdq2ps', lanewise(4, 32, 32, i32, (c, _, y) => fromInteger(c, F32, 32, y))],
    ['cvtdq2pd', lanewise(2, 64, 32, i32, (c, _, y) => fromInteger(c, F64, 32, y))],
    ['cvtps2dq', lanewise(4, 32, 32, f32, (c, _, y) => toInteger(c, F32, 32, y))],
    ['cvttps2dq', lanewise(4, 32, 32, f32, (c, _, y) => truncateToInteger(c, F32, 32, y))],
    ['cvtpd2dq', lanewise(2, 32, 64, f64, (c, _, y) => toInteger(c, F64, 32, y))],
    ['cvttpd2dq', lanewise(2, 32, 64, f64, (c, _, y) => truncateToInteger(c, F64, 32, y))],
  ];
}

const instructions = new Map<string, Instruction>([
  ...instructionsOfFormat(F32, 'ss', 1),
  ...instructionsOfFormat(F64, 'sd', 1),
  ...instructionsOfFormat(F32, 'ps', 4),
  ...instructionsOfFormat(F64, 'pd', 2),
  ...scalarInstructions(F32, 'ss'),
  ...scalarInstructions(F64, 'sd'),
  ...conversions(),
]);

/** Every rounding mode, with DAZ and FTZ, half of them with all exceptions masked, some with flags already set. */
function drawMxcsr(random: Sequence): number {
  const masks = random.below(2) ? MXCSR_DEFAULT : random.below(64) << 7;
  const stickyFlags = random.below(4) ? 0 : random.below(MXCSR_FLAGS + 1);
  const modes = random.below(4) ? random.below(4) : random.below(16);
  return (random.below(4) << 13) | masks | stickyFlags | (modes & 1 ? MXCSR.DAZ : 0) | (modes & 2 ? MXCSR.FTZ : 0);
}

interface Case {
  name: string;
  mxcsr: number;
  first: bigint;
  second: bigint;
}

const RECORD_BYTES = 40;
const ANSWER_BYTES = 24;

function write128(buffer: Buffer, offset: number, value: bigint): void {
  buffer.writeBigUInt64LE(truncate(64, value), offset);
  buffer.writeBigUInt64LE(value >> 64n, offset + 8);
}

/** What the CPU answers to every case. */
function askOracle(oracle: string, names: string[], cases: Case[]): Buffer {
  const records = Buffer.alloc(cases.length * RECORD_BYTES);
  cases.forEach(({ name, mxcsr, first, second }, index) => {
    const offset = index * RECORD_BYTES;
    records.writeUInt32LE(names.indexOf(name), offset);
    records.writeUInt32LE(mxcsr, offset + 4);
    write128(records, offset + 8, first);
    write128(records, offset + 24, second);
  });
  const { stdout, stderr, status } = spawnSync(oracle, { input: records, maxBuffer: 2 * records.length });
  if (status !== 0 || stdout.length !== cases.length * ANSWER_BYTES)
    throw new Error(`oracle: status ${status}, ${stdout.length} bytes for ${cases.length} cases; ${stderr}`);
  return stdout;
}

/** The two states where they differ, marked with *; undefined where they agree. After a fault the result is not written. */
function differenceFrom(answers: Buffer, index: number, test: Case): string | undefined {
  const offset = index * ANSWER_BYTES;
  const instruction = instructions.get(test.name)!;
  const context = new FloatContext(test.mxcsr);
  const computed = instruction.execute(context, test.first, test.second);
  const answered = answers.readBigUInt64LE(offset) | (answers.readBigUInt64LE(offset + 8) << 64n);
  const faulted = answers.readUInt32LE(offset + 20) !== 0;
  const result = faulted ? computed : truncate(instruction.resultBits, answered);
  const mxcsr = answers.readUInt32LE(offset + 16);
  if (computed === result && context.mxcsrAfter === mxcsr && context.faults === faulted) return undefined;
  const star = (differs: boolean) => (differs ? '*' : ' ');
  return [
    `${test.name} mxcsr ${hex(test.mxcsr, 4)} first ${hex(test.first, 32)} second ${hex(test.second, 32)}`,
    `${star(computed !== result)} result ${hex(computed, 32)}, the CPU ${hex(result, 32)}`,
    `${star(context.mxcsrAfter !== mxcsr)} flags [${namesOf(context.mxcsrAfter)}], the CPU [${namesOf(mxcsr)}]`,
    `${star(context.faults !== faulted)} #XM ${context.faults}, the CPU ${faulted}`,
  ].join('\n');
}

const canRunOracle = process.arch === 'x64' && process.platform === 'linux';

t.test('results match the host CPU', { skip: canRunOracle ? false : 'needs Linux on x86-64' }, async (t) => {
  const caseCount = Number(process.env['FLOAT_CASES'] ?? 300_000);
  const seed = Number(process.env['FLOAT_SEED'] ?? 1);
  const directory = mkdtempSync(join(tmpdir(), 'bd0-float-'));
  t.teardown(() => rmSync(directory, { recursive: true }));
  const oracle = join(directory, 'float-oracle');
  const source = fileURLToPath(new URL('../../../test/cpu/float-oracle.c', import.meta.url));
  execFileSync('gcc', ['-O2', '-o', oracle, source]);
  const names = execFileSync(oracle, ['--names'], { encoding: 'utf8' }).trimEnd().split('\n');
  t.strictSame([...names].sort(), [...instructions.keys()].sort(), 'the oracle has the same instructions');

  const random = new Sequence(seed);
  const differences: string[] = [];
  let faults = 0;
  for (let done = 0; done < caseCount; done += 50_000) {
    const cases = Array.from({ length: Math.min(50_000, caseCount - done) }, (_, index): Case => {
      const name = names[(done + index) % names.length]!;
      const [first, second] = instructions.get(name)!.draw(random);
      return { name, mxcsr: drawMxcsr(random), first, second };
    });
    const answers = askOracle(oracle, names, cases);
    cases.forEach((test, index) => {
      faults += answers.readUInt32LE(index * ANSWER_BYTES + 20);
      const difference = differenceFrom(answers, index, test);
      if (difference !== undefined) differences.push(`seed ${seed}, case ${done + index}: ${difference}`);
    });
  }
  t.equal(differences.slice(0, 10).join('\n'), '', `${caseCount} cases, ${faults} of them #XM`);
});
