import t, { type Test } from 'tap';
import type { VendorDifference } from '../../src/cpu/decode/row.js';
import { OPCODES } from '../../src/cpu/meaning/opcodes/index.js';
import * as VENDOR_DIFFERENCES from '../../src/cpu/meaning/opcodes/vendor-differences.js';
import { Vector } from '../../src/cpu/state/exceptions.js';
import { RFLAGS, type Oracle } from '../oracle/case.js';
import { describeHost, type HostCpu } from '../oracle/host.js';
import { NativeOracle, NOT_AVAILABLE } from '../oracle/native.js';
import { NEVER_RUN } from '../oracle/refusals.js';
import { updateNativeCases } from '../support/native-cases.js';
import { dailySeed, seedOf, volume } from '../support/volume.js';
import { MeaningsCheck } from './meanings/check.js';
import { AlteredOracle, EmulatedOracle, OTHER_HOST, type Alteration } from './meanings/other-hosts.js';
import { HOST_DIFFERENCES } from './meanings/host-differences.js';
import { decodingDifferences, onlyMnemonics, runOnly } from './meanings/only.js';
import { coverageGaps, describeFailures, fillGaps, summary, wrongXm } from './meanings/report.js';

/**
 * Every form of the opcode table, each with this many random states: the host's CPU, the evaluator, the interpreter and the
 * translator must agree. The seed changes daily; test/long/meanings.test.ts has a fixed one and runs millions.
 */
const CASES_PER_FORM = volume(3, 14);
/** Of the cases with a cold TLB, one in this many is translated. */
const TRANSLATE_EVERY = 4;

const seed = seedOf(2);

const only = onlyMnemonics(process.argv, process.env);

t.setTimeout(0);

if (only !== undefined) {
  await t.test(`${only.join(', ')} alone`, (t) => {
    const oracle = NativeOracle.available() ? nativeOracle(t) : undefined;
    const check = new MeaningsCheck({ seed, oracle, translateEvery: TRANSLATE_EVERY });
    const forms = runOnly(check, only);
    t.equal(check.failures.length, 0, describeFailures(check));
    t.same(decodingDifferences(check, forms, seed), [], 'iced-x86 agrees');
    t.same(check.native?.rowsWithoutCases() ?? [], [], 'the host has run every row that it has');
    const gaps = coverageGaps(check).filter((gap) => only.includes(gap.split(',')[0]!));
    t.same(gaps, [], 'every form completes, and runs in its compiled handler');
    t.comment(summary(check));
    if (check.native && process.env['BD0_WRITE_TABLES'] === '1') updateNativeCases(check.native.rows);
    t.end();
  });
  process.exit(t.passing() ? 0 : 1);
}

/** Runs so many cases of every form; nothing may differ. */
function checkAgainst(t: Test, oracle: Oracle | undefined, casesPerForm: number): MeaningsCheck {
  const check = new MeaningsCheck({ seed, oracle, translateEvery: TRANSLATE_EVERY });
  check.run(0, check.forms.length * casesPerForm);
  t.equal(check.failures.length, 0, 'no case differs');
  if (check.failures.length > 0) t.comment(describeFailures(check));
  t.same(wrongXm(check), [], 'only instructions whose class of exceptions has #XM raise it');
  if (!check.native) return check;
  t.same(check.native.featuresWithoutCases(), [], 'every CPUID feature of the host has cases that it has run');
  t.same(check.native.rowsWithoutCases(), [], 'and so has every row');
  t.ok(check.native.isSteady(), `${check.native.unsteady} of ${check.native.cases} cases were answered in two ways`);
  return check;
}

function nativeOracle(t: Test, options = {}): NativeOracle {
  const oracle = new NativeOracle(options);
  t.teardown(() => oracle.close());
  return oracle;
}

t.test('every instruction matches the host CPU, in every engine', (t) => {
  const oracle = NativeOracle.available() ? nativeOracle(t) : undefined;
  t.comment(oracle ? describeHost(oracle.host) : NOT_AVAILABLE);
  const check = checkAgainst(t, oracle, CASES_PER_FORM);
  fillGaps(check, CASES_PER_FORM);
  t.same(coverageGaps(check), [], 'every form completes, and runs in its compiled handler');
  t.ok(check.translatedCases > 0, `${check.translatedCases} cases ran translated`);
  t.comment(summary(check));
  t.end();
});

const skip = !NativeOracle.available() && NOT_AVAILABLE;

t.test('a Linux without FSGSBASE runs the cases too', { skip }, (t) => {
  const oracle = nativeOracle(t, { withoutFsgsbase: true });
  const { native } = checkAgainst(t, oracle, 1);
  t.notOk(native!.surroundings.acceptsBase(0xffff_8000_0000_0000n), 'arch_prctl refuses the upper half');
  t.ok(native!.surroundings.acceptsBase(0x7fff_ffff_0000n), 'and takes the lower one');
  t.equal(native!.refused, 0, 'so no case asks for it');
  t.equal(native!.features.get('FSGSBASE')!.native, 0, 'RDFSBASE and the like count as missing');
  t.end();
});

/** What the description of a host shows of the differences of OTHER_HOST. */
const OTHER_BEHAVIOUR = [
  'UD0, UD1 at the end of a page: #UD',
  'CMPS where both operands fault: RSI first',
  'a null selector for FS or GS: the base stays',
  'LOOPE, LOOPNE with F2h or F3h: the prefix decides',
];

function checkOtherHost(t: Test, inner: Oracle, casesPerForm: number): void {
  const oracle = new AlteredOracle(inner, OTHER_HOST, { vendor: 'another one', fsgsbaseEnabled: false });
  const { native } = checkAgainst(t, oracle, casesPerForm);
  const { surroundings, behaviour, refused } = native!;
  t.notOk(surroundings.acceptsBase(0xffff_8000_0000_0000n), 'it is known to refuse bases of the upper half');
  t.equal(surroundings.startFlags & RFLAGS.NT, 0, 'it is known to clear NT');
  t.same(
    OTHER_BEHAVIOUR.filter((line) => !behaviour.shown.includes(line)),
    [],
    'the probes show what it does',
  );
  t.equal(refused, 0);
}

t.test('a host that refuses bases, clears NT and raises other faults is compared in its own way', (t) => {
  checkOtherHost(t, new EmulatedOracle({ fsgsbaseEnabled: false }), 2);
  t.end();
});

t.test('so is this CPU when it is made to behave that way', { skip }, (t) => {
  checkOtherHost(t, nativeOracle(t, { withoutFsgsbase: true }), 1);
  t.end();
});

t.test('bd0 itself shows the first alternative of every difference', (t) => {
  const { native } = new MeaningsCheck({ seed, oracle: new EmulatedOracle(), translateEvery: 1 });
  t.same(native!.behaviour.failures, []);
  const first = HOST_DIFFERENCES.map(({ instructions, alternatives }) => `${instructions}: ${alternatives[0]!.name}`);
  t.same(native!.behaviour.shown, first);
  t.end();
});

t.test(
  'every difference between vendors has a probe, goes the way that the table says, and stands in its rows',
  (t) => {
    const probed = HOST_DIFFERENCES.flatMap((difference) => (difference.vendors ? [difference] : []));
    for (const { alternatives, vendors } of probed) {
      const { AMD, Intel, bd0, instructions } = vendors!;
      t.equal(alternatives[0]!.name, vendors![bd0], `${instructions}: bd0 goes the way of ${bd0}`);
      t.same(alternatives.map(({ name }) => name).sort(), [AMD, Intel].sort(), 'and there is one other way');
    }
    const all: readonly VendorDifference[] = Object.values(VENDOR_DIFFERENCES);
    t.same(new Set(probed.map(({ vendors }) => vendors)), new Set(all));
    const named = new Set(OPCODES.flatMap(({ vendors }) => vendors));
    const nowhere = all.filter((difference) => !named.has(difference));
    t.same(nowhere, [VENDOR_DIFFERENCES.segmentOffset], 'the one that concerns all rows stands in none');
    t.end();
  },
);

/** The failures of the cases of an instruction, 8 for each of its forms, on the other host with one more alteration. */
function failuresOf(mnemonic: string, alteration: Alteration): readonly string[] {
  const oracle = new AlteredOracle(new EmulatedOracle({ fsgsbaseEnabled: false }), [...OTHER_HOST, alteration]);
  const check = new MeaningsCheck({ seed, oracle, translateEvery: 100 });
  for (const { id, row } of check.decoder.forms) if (row.mnemonic === mnemonic) check.runForm(id, 0, 8);
  return check.failures;
}

/** Wrong answers of the instruction by their description: each must be found. */
const WRONG: readonly [what: string, mnemonic: string, answer: NonNullable<Alteration['answer']>][] = [
  [
    'a bit of a result',
    'ADD',
    (result) => ({ ...result, gpr: result.gpr.map((value, i) => (i === 0 ? value ^ 1n : value)) }),
  ],
  ['a flag', 'INC', (result) => ({ ...result, rflags: result.rflags ^ RFLAGS.CF })],
  [
    '#UD where the instruction works',
    'POPCNT',
    (result) => ({ ...result, fault: { vector: Vector.UD, errorCode: 0, cr2: 0n } }),
  ],
  [
    'another fault of a privileged instruction',
    'LMSW',
    (result) => ({ ...result, fault: { vector: Vector.SS, errorCode: 0, cr2: 0n } }),
  ],
  ['CR2', 'MOVS', (result) => ({ ...result, fault: result.fault && { ...result.fault, cr2: result.fault.cr2 ^ 1n } })],
  [
    'CR2 of CMPS, at neither operand',
    'CMPS',
    (result) => ({ ...result, fault: result.fault && { ...result.fault, cr2: 4n } }),
  ],
  [
    'memory',
    'STOS',
    (result) => ({ ...result, windows: result.windows.map((bytes) => bytes.map((byte) => byte ^ 1)) }),
  ],
  ['a store outside the windows', 'PUSH', (result) => ({ ...result, stray: 0x2000_0000n })],
  ['rip', 'LOOPNE', (result) => ({ ...result, rip: result.rip + 1n })],
  ['a selector', 'LFS', (result) => ({ ...result, selectors: result.selectors.map((value) => value ^ 0x10) })],
];

t.test('wrong results are found on such a host too', (t) => {
  for (const [what, mnemonic, answer] of WRONG) {
    const failures = failuresOf(mnemonic, {
      // The probes are answered as before: only a comparison of cases can find it.
      answer: (result, decoded, inner) =>
        decoded.mnemonic === mnemonic && decoded.c.memory.seed !== 0 ? answer(result, decoded, inner) : result,
    });
    t.ok(
      failures.some((failure) => failure.includes("the host's CPU")),
      `${mnemonic}: ${what}`,
    );
  }
  t.end();
});

t.test('a probe result that matches no known alternative is a failure', (t) => {
  const failures = failuresOf('BSF', {
    answer: (result, { mnemonic }) => (mnemonic === 'BSF' ? { ...result, gpr: result.gpr.map(() => 5n) } : result),
  });
  t.match(
    failures[0],
    /BSF, BSR of 32 bits that are zero: 0f bc c1: no exception, .* is none of the known alternatives/,
  );
  const loses = (flag: number): Alteration => ({ answer: (result) => ({ ...result, rflags: result.rflags & ~flag }) });
  t.throws(() => failuresOf('BSF', loses(RFLAGS.ZF)), /RFLAGS loses 0x4040 in the result/);
  t.doesNotThrow(() => failuresOf('BSF', loses(RFLAGS.ID)));
  t.end();
});

t.test('refused cases are counted, and a feature without remaining cases is named', (t) => {
  const refusesSome: Alteration = { refuses: ({ memory }) => memory.seed % 3 === 1 };
  const check = new MeaningsCheck({
    seed,
    oracle: new AlteredOracle(new EmulatedOracle(), [refusesSome]),
    translateEvery: 100,
  });
  check.run(0, 2000);
  t.same(check.failures, []);
  t.ok(check.native!.refused > 200, `${check.native!.refused} refused`);
  t.equal(
    check.native!.cases + check.native!.refused + sumOf(check.native!.notAsked),
    2000,
    'every case is accounted for',
  );
  t.match(summary(check), new RegExp(`${check.native!.refused} refused by Linux`));

  const refusesPopcnt: Alteration = { refuses: ({ bytes }) => bytes.includes(0xb8) };
  const without = new MeaningsCheck({
    seed,
    oracle: new AlteredOracle(new EmulatedOracle(), [refusesPopcnt]),
    translateEvery: 100,
  });
  for (const { id, row } of without.decoder.forms) if (row.feature === 'POPCNT') without.runForm(id, 0, 1);
  t.same(without.native!.featuresWithoutCases(), ['POPCNT']);
  t.end();
});

t.test('a row that the host has, and of which it has run no case, is named', (t) => {
  const refusesShld: Alteration = { refuses: ({ bytes }) => bytes.includes(0xa5) };
  const rowsOf = (host: Partial<HostCpu>): string[] => {
    const oracle = new AlteredOracle(new EmulatedOracle(), [refusesShld], host);
    const check = new MeaningsCheck({ seed, oracle, translateEvery: 100 });
    for (const { id, row } of check.decoder.forms)
      if (['SHLD', 'SHRD', 'SYSCALL', 'SMSW', 'PSHUFB'].includes(row.mnemonic)) check.runForm(id, 0, 4);
    return check.native!.rowsWithoutCases();
  };
  const row = '0F A5 /r SHLD Ev, Gv, CXb';
  t.same(rowsOf({}), [row], 'those that are never run are not');
  const features = new Set([...new EmulatedOracle().host.features].filter((name) => name !== 'SSSE3'));
  t.same(rowsOf({ features }), [row], 'nor those that the host lacks');
  t.same(
    Object.keys(NEVER_RUN).filter((name) => !OPCODES.some(({ mnemonic }) => mnemonic === name)),
    [],
    'the table has every instruction that is never run',
  );
  t.end();
});

function sumOf(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}

t.test('the seed is the day, or BD0_SEED', (t) => {
  const day = 86_400_000;
  t.equal(dailySeed({}, 20_000 * day), 20_000);
  t.equal(dailySeed({}, 20_001 * day - 1), 20_000, 'it stays all day');
  t.equal(dailySeed({ BD0_SEED: '7' }, 20_000 * day), 7);
  t.equal(dailySeed({ BD0_SEED: '' }, 20_000 * day), 20_000);
  for (const BD0_SEED of ['x', '-1', '1.5', '2147483648', '0x10'])
    t.throws(() => dailySeed({ BD0_SEED }, 0), RangeError);
  t.end();
});
