/**
 * Random straight lines of 5 to 30 instructions over the whole opcode table, with flags, partial registers, x87, MMX, SSE and
 * AVX mixed. After each instruction the host's CPU, which starts it from the state before it, agrees with the evaluator, and so do
 * the interpreter and the translator, which run the line as a whole.
 */
import t from 'tap';
import { RFLAGS } from '../oracle/case.js';
import { describeHost } from '../oracle/host.js';
import { NativeOracle, NOT_AVAILABLE } from '../oracle/native.js';
import { seedOf, volume } from '../support/volume.js';
import { AlteredOracle, EmulatedOracle, type Alteration } from './meanings/other-hosts.js';
import { SequencesCheck } from './sequences/check.js';

const SEQUENCES = volume(200, 20_000);
const SEED = seedOf(15);
/** Sequences between two lines of progress. */
const PROGRESS = 1000;
const MOST_FAILURES = 100;
const SHOWN = 5;

t.setTimeout(0);

t.test('the host and every engine agree after each instruction of random sequences', (t) => {
  const oracle = NativeOracle.available() ? new NativeOracle() : undefined;
  t.teardown(() => oracle?.close());
  t.comment(oracle ? describeHost(oracle.host) : NOT_AVAILABLE);
  const check = new SequencesCheck(SEED, oracle);
  for (let from = 0; from < SEQUENCES && check.failures.length < MOST_FAILURES; from += PROGRESS) {
    check.run(from, Math.min(PROGRESS, SEQUENCES - from));
    if (SEQUENCES > PROGRESS) t.comment(`${check.sequences} sequences, ${check.failures.length} differ`);
  }
  t.equal(check.failures.length, 0, 'no state differs');
  if (check.failures.length > 0) t.comment(`\n${check.failures.slice(0, SHOWN).join('\n\n')}`);
  const { sequences, steps, native, translated, byGroup } = check;
  t.equal(sequences, SEQUENCES, 'every sequence has instructions');
  t.ok(steps >= 10 * sequences, `${steps} instructions in ${sequences} sequences`);
  t.ok(translated > 0, `${translated} sequences ran translated`);
  for (const group of ['general', 'x87', 'MMX', 'SSE', 'AVX'] as const)
    t.ok(byGroup.get(group)! > sequences / 4, `${byGroup.get(group)} instructions of ${group}`);
  if (native) {
    t.ok(native.isSteady(), `${native.unsteady} of ${native.cases} answers in two ways`);
    t.ok(native.cases > steps / 2, `the host executed ${native.cases} instructions`);
  }
  t.end();
});

t.test('a wrong answer is found, with the instructions that lead to it', (t) => {
  const wrong: Alteration = {
    answer: (result, { mnemonic }) => (mnemonic === 'FADD' ? { ...result, rflags: result.rflags ^ RFLAGS.CF } : result),
  };
  const check = new SequencesCheck(SEED, new AlteredOracle(new EmulatedOracle(), [wrong]));
  check.run(0, 64);
  t.ok(check.failures.length > 0, `${check.failures.length} differ`);
  for (const failure of check.failures)
    t.match(failure, /\n  FADD: [^\n]*\nthe host's CPU .* differs[^]*\n\* rflags/, 'the last one is FADD');
  t.end();
});
