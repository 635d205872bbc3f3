import t from 'tap';
import { runPrograms } from '../cpu/engines/random-run.js';

/** As test/cpu/engines.test.ts, with so many programs, or BD0_PROGRAMS, from BD0_SEED. */
const PROGRAMS = Number(process.env['BD0_PROGRAMS'] ?? 20_000);
const SEED = Number(process.env['BD0_SEED'] ?? 2);
/** Programs between two words of progress. */
const PROGRESS = 2000;

t.setTimeout(0);

t.test('every engine gives the same states at every stop, whatever the program and the slices', { timeout: 0 }, (t) => {
  for (let from = 0; from < PROGRAMS && t.passing(); from += PROGRESS)
    runPrograms(t, SEED, from, Math.min(from + PROGRESS, PROGRAMS));
  t.end();
});
