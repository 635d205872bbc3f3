/** Every engine has exactly the evaluator's state after any number of ticks, whatever the guest does. */
import t from 'tap';
import { runBranchingPrograms } from '../support/branching-run.js';
import { Random } from '../support/random.js';
import { seedOf, someOf, volume } from '../support/volume.js';
import { randomThreshold } from '../support/random-threshold.js';
import { ADVERSARY_TICKS, adversary, differences, evaluatorHashes } from './translator/adversary.js';

/** Random programs; test/long/engines.test.ts runs 2,000. */
const PROGRAMS = Number(process.env['BD0_COUNT'] ?? volume(8, 45));
const SEED = seedOf(1);
/** Slices that the adversary runs in: half of the sizes up to a number, and so many random ones. All: test/long. */
const SHORT_SLICES = 14;
const LONG_SLICES = volume(7, 14);

t.setTimeout(0);

t.test('the adversary: the state after every tick equals the evaluator’s, in slices of any size', (t) => {
  const program = adversary();
  const expected = evaluatorHashes(program);
  t.equal(new Set(expected).size, ADVERSARY_TICKS + 1, 'no two are the same');
  const random = new Random(SEED);
  const sizes = Array.from({ length: SHORT_SLICES }, (_, i) => i + 1);
  const short = sizes.filter((size) => someOf([false, true], 1, SEED, size).includes(true));
  const long = Array.from({ length: LONG_SLICES }, () => 1 + random.below(ADVERSARY_TICKS));
  t.same(differences(program, expected, 0, [...short, ...long]), [], 'translated at once');
  const some = [...someOf([1, 2, 3, 7, 64], 3, SEED, 0), ...long.slice(0, volume(5, 10))];
  t.same(differences(program, expected, randomThreshold(SEED), some), [], 'translated here and there');
  t.end();
});

t.test('random programs with all kinds of control flow: all engines are equal at every stop', (t) => {
  runBranchingPrograms(t, SEED, 0, PROGRAMS);
  t.end();
});
