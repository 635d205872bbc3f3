/** As test/cpu/engines.test.ts and test/cpu/exactness.test.ts, with more of everything. */
import t from 'tap';
import { runPrograms } from '../cpu/engines/random-run.js';
import { ADVERSARY_TICKS, adversary, differences, evaluatorHashes } from '../cpu/translator/adversary.js';
import { runBranchingPrograms } from '../support/branching-run.js';
import { randomThreshold } from '../support/random-threshold.js';

/** Programs with all kinds of control flow, and others that a kernel interferes with. */
const PROGRAMS = Number(process.env['BD0_COUNT'] ?? 2000);
const OTHER_PROGRAMS = 10 * PROGRAMS;
const SEED = Number(process.env['BD0_SEED'] ?? 2);
/** Programs between two words of progress. */
const PROGRESS = 200;

t.setTimeout(0);

t.test('random programs with all kinds of control flow: every engine is equal at every stop', { timeout: 0 }, (t) => {
  for (let from = 0; from < PROGRAMS && t.passing(); from += PROGRESS)
    runBranchingPrograms(t, SEED, from, Math.min(from + PROGRESS, PROGRAMS));
  t.end();
});

t.test('the adversary: equal after every tick from the start, and in slices of every size', { timeout: 0 }, (t) => {
  const program = adversary();
  const expected = evaluatorHashes(program);
  const sizes = Array.from({ length: ADVERSARY_TICKS }, (_, i) => i + 1);
  t.same(differences(program, expected, 0, sizes), [], 'translated at once');
  for (let seed = SEED; seed < SEED + 4; seed++)
    t.same(
      differences(program, expected, randomThreshold(seed), sizes.slice(0, 100)),
      [],
      `thresholds of seed ${seed}`,
    );
  t.end();
});

t.test('random programs that a kernel interferes with: every engine is equal at every stop', { timeout: 0 }, (t) => {
  for (let from = 0; from < OTHER_PROGRAMS && t.passing(); from += 10 * PROGRESS)
    runPrograms(t, SEED, from, Math.min(from + 10 * PROGRESS, OTHER_PROGRAMS));
  t.end();
});
