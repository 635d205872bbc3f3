/**
 * Mixed programs, side by side in one machine, run twice and on each engine, the host dividing each run in slices of its own:
 * the machine hash is the same at every milestone.
 */
import t from 'tap';
import { MixedPrograms } from '../support/mixed-programs.js';
import { seedOf, volume } from '../support/volume.js';
import { ALL_ENGINES } from '../support/side-by-side.js';

/** Mixes of programs; test/long/kernel.test.ts runs 50, for longer. */
const PROGRAMS = volume(4, 50);
/** So that no two days have a seed in common. */
const FIRST_SEED = seedOf(0) * PROGRAMS + 1;
const TICKS = 80_000;
const EVERY = 20_000;

t.setTimeout(0);

t.test('the same programs are the same machine after the same ticks', async (t) => {
  let milestones = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + PROGRAMS; seed++) {
    const programs = await MixedPrograms.of(seed);
    const [[, oracle], ...others] = [
      ...Object.entries(ALL_ENGINES),
      ['interpreter again', ALL_ENGINES.interpreter] as const,
    ];
    const expected = programs.run(oracle!, seed, TICKS, EVERY);
    milestones += expected.length;
    others.forEach(([name, engine], index) => {
      const actual = programs.run(engine, seed * 100 + index, TICKS, EVERY);
      if (JSON.stringify(actual) !== JSON.stringify(expected))
        t.fail(
          `${programs.story} on the ${name}: ${programs.differences(
            [oracle!, seed, TICKS, EVERY],
            [engine, seed * 100 + index, TICKS, EVERY],
          )}`,
        );
    });
  }
  t.ok(milestones > 2 * PROGRAMS, `${milestones} milestones`);
});
