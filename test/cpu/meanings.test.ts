import t from 'tap';
import { describeHost } from '../oracle/host.js';
import { NativeOracle, NOT_AVAILABLE } from '../oracle/native.js';
import { MeaningsCheck } from './meanings/check.js';
import { coverageGaps, describeFailures, summary } from './meanings/report.js';

/**
 * Every form of the opcode table, each with so many random states: the host's CPU, the evaluator, the interpreter and the
 * translator must agree. test/long/meanings.test.ts does millions.
 */
const CASES_PER_FORM = 48;
const SEED = 1;
/** Of the cases with a cold TLB, one in so many is translated. */
const TRANSLATE_EVERY = 4;

t.setTimeout(0);

t.test('the meanings are what the CPU does, in every engine', (t) => {
  const oracle = NativeOracle.available() ? new NativeOracle() : undefined;
  t.teardown(() => oracle?.close());
  t.comment(oracle ? describeHost(oracle.host) : NOT_AVAILABLE);
  const check = new MeaningsCheck({ seed: SEED, oracle, translateEvery: TRANSLATE_EVERY });
  check.run(0, check.forms.length * CASES_PER_FORM);
  t.comment(summary(check));
  if (check.failures.length > 0) t.comment(describeFailures(check));
  t.equal(check.failures.length, 0, 'no case differs');
  t.same(coverageGaps(check), [], 'every form completes, and runs in its compiled handler');
  t.ok(check.translatedCases > 0, `${check.translatedCases} cases ran translated`);
  if (oracle) t.ok(check.nativeCases > check.forms.length, `${check.nativeCases} cases were held to the host's CPU`);
  t.end();
});
