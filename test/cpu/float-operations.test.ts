import t from 'tap';
import { hex } from '../../src/bits.js';
import { Vector } from '../../src/cpu/state/exceptions.js';
import { floatOperations } from '../../src/cpu/evaluator/float-operations.js';
import { MXCSR, MXCSR_DEFAULT, MXCSR_FLAGS, MXCSR_MASK } from '../../src/cpu/evaluator/float/mxcsr.js';
import { CF, PF, ZF } from '../../src/cpu/meaning/flags.js';
import type { FloatOperation, Floats, PackedConversion } from '../../src/cpu/meaning/vocabulary.js';
import { lanesOf, vectorOf } from '../../src/cpu/evaluator/lanes.js';
import fc from '../support/fast-check.js';

class Raised extends Error {
  constructor(readonly vector: number) {
    super(`raised vector ${vector}`);
  }
}

/** What `instruction` gives under an MXCSR: its result or the vector it raised, and MXCSR afterwards. */
function run<T>(mxcsr: number, instruction: (floats: Floats<bigint>) => T): { result: T | Raised; mxcsr: number } {
  const floats = floatOperations({
    readMxcsr: () => mxcsr,
    writeMxcsr: (value) => (mxcsr = value),
    raise: (vector) => {
      throw new Raised(vector);
    },
  });
  try {
    return { result: instruction(floats), mxcsr };
  } catch (error) {
    if (!(error instanceof Raised)) throw error;
    return { result: error, mxcsr };
  }
}

const view = new DataView(new ArrayBuffer(8));

function single(x: number): bigint {
  view.setFloat32(0, x);
  return BigInt(view.getUint32(0));
}

function double(x: number): bigint {
  view.setFloat64(0, x);
  return view.getBigUint64(0);
}

function valueOfSingle(bits: bigint): number {
  view.setUint32(0, Number(bits));
  return view.getFloat32(0);
}

const SNAN = 0x7f80_0001n;
const QNAN = 0x7fc0_1234n;
const DENORMAL = 1n;
const INDEFINITE = 0xffc0_0000n;

const singleBits = fc.oneof(
  fc.constantFrom(0n, 0x8000_0000n, DENORMAL, SNAN, QNAN, 0x7f80_0000n, 0xff80_0000n, 0x7f7f_ffffn, 0x0080_0000n),
  fc.bigInt(0n, 0xffff_ffffn),
);
const doubleBits = fc.oneof(
  fc.constantFrom(0, -0, 5e-324, NaN, Infinity, -Infinity, Number.MAX_VALUE, 2 ** -1022, 1, -1.5).map(double),
  fc.constant(0x7ff0_0000_0000_0001n),
  fc.bigInt(0n, (1n << 64n) - 1n),
);
const vectorOfSingles = fc.tuple(singleBits, singleBits, singleBits, singleBits).map((lanes) => vectorOf(32, lanes));
const vectorOfDoubles = fc.tuple(doubleBits, doubleBits).map((lanes) => vectorOf(64, lanes));
/** Every exception masked; any rounding, DAZ and FTZ. */
const maskedMxcsr = fc
  .constantFrom(0, 1, 2, 3)
  .chain((rounding) =>
    fc.constantFrom(0, MXCSR.DAZ, MXCSR.FTZ).map((zeros) => MXCSR_DEFAULT | (rounding << 13) | zeros),
  );

t.test('a packed operation equals the scalar one in every lane and accumulates the flags', async (t) => {
  const operations: FloatOperation[] = ['add', 'sub', 'mul', 'div', 'min', 'max'];
  for (const width of [32, 64] as const) {
    const vector = width === 32 ? vectorOfSingles : vectorOfDoubles;
    const agree = (
      name: string,
      packed: (floats: Floats<bigint>, x: bigint, y: bigint) => bigint,
      scalar: (floats: Floats<bigint>, x: bigint, y: bigint) => bigint,
    ): void => {
      const property = fc.property(maskedMxcsr, vector, vector, (mxcsr, x, y) => {
        const seconds = lanesOf(width, y);
        const lanes = lanesOf(width, x).map((lane, i) => run(mxcsr, (floats) => scalar(floats, lane, seconds[i]!)));
        const expected = vectorOf(
          width,
          lanes.map(({ result }) => result as bigint),
        );
        const computed = run(mxcsr, (floats) => packed(floats, x, y));
        const flags = lanes.reduce((all, lane) => all | lane.mxcsr, 0);
        if (computed.result === expected && computed.mxcsr === flags) return;
        throw new Error(
          `computed ${hex(computed.result as bigint, 32)} mxcsr ${hex(computed.mxcsr)}\n expected ${hex(expected, 32)} mxcsr ${hex(flags)}`,
        );
      });
      fc.assert(property, { numRuns: 50 });
      t.pass(`${name} f${width}`);
    };
    for (const operation of operations)
      agree(
        operation,
        (floats, x, y) => floats.floatPacked(operation, width, x, y),
        (floats, x, y) => floats.float(operation, width, x, y),
      );
    agree(
      'sqrt',
      (floats, x) => floats.floatSqrtPacked(width, x),
      (floats, x) => floats.floatSqrt(width, x),
    );
    for (let predicate = 0n; predicate < 32n; predicate++)
      agree(
        `predicate ${predicate}`,
        (floats, x, y) => floats.floatPredicatePacked(width, x, y, predicate),
        (floats, x, y) => floats.floatPredicate(width, x, y, predicate | 0xe0n),
      );
  }
});

t.test('an unmasked exception in one lane raises #XM, and MXCSR gets the flags of all lanes', async (t) => {
  const dividend = vectorOf(32, [single(1), DENORMAL, SNAN, single(1)]);
  const divisor = vectorOf(32, [0n, single(2), single(1), single(3)]);
  const divide = (floats: Floats<bigint>) => floats.floatPacked('div', 32, dividend, divisor);
  const unmasked = run(MXCSR_DEFAULT & ~MXCSR.ZM, divide);
  t.match(unmasked.result, { vector: Vector.XM });
  t.equal(unmasked.mxcsr & MXCSR_FLAGS, MXCSR.ZE | MXCSR.DE | MXCSR.IE, 'found in the operands, so nothing is rounded');
  const inexact = run(MXCSR_DEFAULT & ~MXCSR.PM, divide);
  t.match(inexact.result, { vector: Vector.XM });
  t.equal(inexact.mxcsr & MXCSR_FLAGS, MXCSR.ZE | MXCSR.DE | MXCSR.IE | MXCSR.UE | MXCSR.PE);
  const sticky = run(MXCSR_DEFAULT | MXCSR.OE, (floats) => floats.float('add', 32, single(1), single(1)));
  t.same(sticky, { result: single(2), mxcsr: MXCSR_DEFAULT | MXCSR.OE }, 'a flag stays until LDMXCSR clears it');
});

t.test('comparisons set ZF PF CF', async (t) => {
  const compare = (x: bigint, y: bigint, quiet: boolean) =>
    run(MXCSR_DEFAULT, (floats) => floats.floatCompare(32, x, y, quiet));
  t.same(compare(single(1), single(2), false), { result: BigInt(CF), mxcsr: MXCSR_DEFAULT });
  t.same(compare(single(2), single(1), false), { result: 0n, mxcsr: MXCSR_DEFAULT });
  t.same(compare(single(-0), single(0), false), { result: BigInt(ZF), mxcsr: MXCSR_DEFAULT });
  const unordered = BigInt(ZF | PF | CF);
  t.same(compare(QNAN, single(1), true), { result: unordered, mxcsr: MXCSR_DEFAULT }, 'UCOMISS bears a QNaN');
  t.same(compare(QNAN, single(1), false), { result: unordered, mxcsr: MXCSR_DEFAULT | MXCSR.IE }, 'COMISS does not');
});

t.test('packed conversions read the low lanes and zero the rest', async (t) => {
  const singles = vectorOf(32, [single(1.5), single(-2.5), single(3e9), SNAN]);
  const doubles = vectorOf(64, [double(1.5), double(-2.5)]);
  const integers = vectorOf(32, [7n, 0xffff_fffen, 0x7fff_ffffn, 0n]);
  const inexact = MXCSR_DEFAULT | MXCSR.PE;
  const cases: [PackedConversion, bigint, bigint, number][] = [
    ['i32x2.f64x2', integers, vectorOf(64, [double(7), double(-2)]), MXCSR_DEFAULT],
    ['i32x4.f32x4', integers, vectorOf(32, [single(7), single(-2), single(2 ** 31), 0n]), inexact],
    ['f64x2.i32x2', doubles, vectorOf(32, [2n, -2n]), inexact],
    ['f64x2.i32x2t', doubles, vectorOf(32, [1n, -2n]), inexact],
    ['f32x4.i32x4', singles, vectorOf(32, [2n, -2n, 1n << 31n, 1n << 31n]), inexact | MXCSR.IE],
    ['f32x4.i32x4t', singles, vectorOf(32, [1n, -2n, 1n << 31n, 1n << 31n]), inexact | MXCSR.IE],
    ['f64x2.f32x2', doubles, vectorOf(32, [single(1.5), single(-2.5)]), MXCSR_DEFAULT],
    // The SNaN lies in a lane that nobody reads.
    ['f32x2.f64x2', singles, doubles, MXCSR_DEFAULT],
  ];
  for (const [conversion, x, result, mxcsr] of cases)
    t.same(
      run(MXCSR_DEFAULT, (floats) => floats.convertPacked(conversion, x)),
      { result, mxcsr },
      conversion,
    );
});

t.test('estimates are within 1.5 * 2^-12 and do not change MXCSR', async (t) => {
  const bound = 1.5 * 2 ** -12;
  const unmasked = 0;
  const estimate = (operation: 'rcp' | 'rsqrt', x: bigint): bigint => {
    const { result, mxcsr } = run(unmasked, (floats) => floats.floatEstimate(operation, x));
    t.equal(mxcsr, unmasked);
    return result as bigint;
  };
  // Up to 2^126, where 1/x is a normal number.
  const normal = fc.bigInt(0x0080_0000n, single(2 ** 126));
  const close = (computed: bigint, exact: number) =>
    Math.abs(valueOfSingle(computed) - exact) <= bound * Math.abs(exact);
  const property = fc.property(normal, fc.boolean(), (magnitude, negative) => {
    const x = magnitude | (negative ? 0x8000_0000n : 0n);
    return (
      close(estimate('rcp', x) & 0xffff_ffffn, 1 / valueOfSingle(x)) &&
      close(estimate('rsqrt', magnitude) & 0xffff_ffffn, 1 / Math.sqrt(valueOfSingle(magnitude)))
    );
  });
  fc.assert(property);
  const [zero, infinity, minus] = [0n, 0x7f80_0000n, 0x8000_0000n];
  const largest = 0x7f7f_ffffn;
  t.equal(
    estimate('rcp', vectorOf(32, [zero, minus, infinity, minus | DENORMAL])),
    vectorOf(32, [infinity, minus | infinity, zero, minus | infinity]),
  );
  t.equal(
    estimate('rcp', vectorOf(32, [largest, minus | largest, SNAN, QNAN])),
    vectorOf(32, [zero, minus, SNAN | 0x40_0000n, QNAN]),
    'tiny results are zeros, NaNs are made quiet',
  );
  t.equal(
    estimate('rsqrt', vectorOf(32, [zero, minus, infinity, minus | DENORMAL])),
    vectorOf(32, [infinity, minus | infinity, zero, minus | infinity]),
  );
  t.equal(
    estimate('rsqrt', vectorOf(32, [single(-1), minus | infinity, SNAN, QNAN])),
    vectorOf(32, [INDEFINITE, INDEFINITE, SNAN | 0x40_0000n, QNAN]),
  );
});

t.test('a reserved bit of MXCSR is #GP and changes nothing', async (t) => {
  const set = (value: number) => run(MXCSR_DEFAULT, (floats) => floats.setMxcsr(BigInt(value)));
  t.equal(set(MXCSR_MASK).mxcsr, MXCSR_MASK);
  for (const bit of [16, 17, 31]) {
    const after = set((1 << bit) >>> 0);
    t.match(after.result, { vector: Vector.GP });
    t.equal(after.mxcsr, MXCSR_DEFAULT);
  }
});
