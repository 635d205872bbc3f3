import t from 'tap';
import { describeHost } from '../oracle/host.js';
import { NativeOracle, NOT_AVAILABLE } from '../oracle/native.js';
import { MeaningsCheck } from '../cpu/meanings/check.js';
import { coverageGaps, describeFailures, summary } from '../cpu/meanings/report.js';

/** Like test/cpu/meanings.test.ts with a fixed seed, 2 or BD0_SEED, and ten million cases or BD0_CASES. */
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
  for (let from = 0; from < CASES && check.failures.length < MOST_FAILURES; from += PROGRESS) {
    const known = check.failures.length;
    check.run(from, Math.min(PROGRESS, CASES - from));
    t.comment(`${Math.min(from + PROGRESS, CASES)} cases, ${check.failures.length} differ`);
    if (check.failures.length > known) t.comment(describeFailures(check, known));
  }
  t.comment(summary(check));
  t.equal(check.failures.length, 0, 'no case differs');
  t.same(check.native?.featuresWithoutCases() ?? [], [], 'every CPUID feature of the host has cases that it has run');
  t.ok(check.native?.isSteady() ?? true, 'the host repeats its answers');
  if (CASES >= 100 * check.forms.length)
    t.same(coverageGaps(check), [], 'every form completes, and runs in its compiled handler');
  t.end();
});
