import t from 'tap';
import { describeHost, type HostCpu } from '../oracle/host.js';
import { NativeOracle, NOT_AVAILABLE } from '../oracle/native.js';
import { MeaningsCheck } from '../cpu/meanings/check.js';
import { coverageGaps, describeFailures, fillGaps, missingXm, summary, wrongXm } from '../cpu/meanings/report.js';
import { readNativeCases, sumOfRuns, writeNativeCases, type NativeCases } from '../support/native-cases.js';

/**
 * Like test/cpu/meanings.test.ts with a fixed seed, 2 or BD0_SEED, and ten million cases or BD0_CASES. With BD0_WRITE_TABLES=1 it
 * records how many the CPU has run of each row, for docs/instructions.md. BD0_FROM is the first case: a run can be taken up where
 * the recorded one of the seed has ended, on another host too, and is recorded with it as one.
 */
const FROM = Number(process.env['BD0_FROM'] ?? 0);
const CASES = Number(process.env['BD0_CASES'] ?? 10_000_000);
const SEED = Number(process.env['BD0_SEED'] ?? 2);
const TRANSLATE_EVERY = 8;
/** Cases between two lines of progress. */
const PROGRESS = 500_000;
/** The test stops after this many. */
const MOST_FAILURES = 1000;

t.setTimeout(0);

t.test('every instruction matches the host CPU, in every engine', { timeout: 0 }, (t) => {
  const oracle = NativeOracle.available() ? new NativeOracle() : undefined;
  t.teardown(() => oracle?.close());
  t.comment(oracle ? describeHost(oracle.host) : NOT_AVAILABLE);
  const check = new MeaningsCheck({ seed: SEED, oracle, translateEvery: TRANSLATE_EVERY });
  const before = FROM > 0 ? earlierRun() : undefined;
  const end = FROM + CASES;
  for (let from = FROM; from < end && check.failures.length < MOST_FAILURES; from += PROGRESS) {
    const known = check.failures.length;
    check.run(from, Math.min(PROGRESS, end - from));
    t.comment(`${Math.min(from + PROGRESS, end)} cases, ${check.failures.length} differ`);
    if (check.failures.length > known) t.comment(describeFailures(check, known));
    if (oracle && process.env['BD0_WRITE_TABLES'] === '1') record(check, oracle.host, before);
  }
  t.comment(summary(check));
  t.equal(check.failures.length, 0, 'no case differs');
  t.same(check.native?.featuresWithoutCases() ?? [], [], 'every CPUID feature of the host has cases that it has run');
  t.same(check.native?.rowsWithoutCases() ?? [], [], 'and so has every row');
  t.ok(check.native?.isSteady() ?? true, 'the host repeats its answers');
  t.same(wrongXm(check), [], 'only instructions whose class of exceptions has #XM raise it');
  if (CASES < 100 * check.forms.length) return t.end();
  fillGaps(check, end);
  t.same(missingXm(check), [], 'and all of those do');
  t.same(coverageGaps(check), [], 'every form completes, and runs in its compiled handler');
  t.end();
});

/** The recorded run, which this one goes on with. */
function earlierRun(): NativeCases {
  const run = readNativeCases();
  if (run.seed !== SEED || run.cases !== FROM)
    throw new Error(
      `BD0_FROM=${FROM}: the recorded run has ${run.cases} cases of seed ${run.seed}; set BD0_FROM and BD0_SEED to these`,
    );
  return run;
}

/** Writes how far the run has come. */
function record(
  { native, forms, failures }: MeaningsCheck,
  { vendor, brand, family, model }: HostCpu,
  before: NativeCases | undefined,
): void {
  const run = {
    date: new Date().toISOString().slice(0, 10),
    host: `${vendor} ${brand}, family ${family}, model ${model}`,
    seed: SEED,
    cases: forms.reduce((sum, form) => sum + form.cases, 0),
    native: native!.cases,
    differ: failures.length,
  };
  writeNativeCases(...sumOfRuns(before, run, native!.rows));
}
