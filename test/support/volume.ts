/**
 * How much of the random cases a run of the tests takes, and from which seed. `npm test` takes a part of them, from a seed
 * that is another one each day, so that over time more is covered than by fixed seeds; `npm run test:long` takes all, from
 * fixed seeds. `BD0_SEED` repeats a run.
 */
import t from 'tap';

const MS_PER_DAY = 86_400_000;

/** Set by `npm run test:long`. */
const isLong = process.env['BD0_LONG'] === '1';

/** `ordinary` for `npm test`, `long` for `npm run test:long`. */
export function volume(ordinary: number, long: number): number {
  return isLong ? long : ordinary;
}

/** The seed of a test file, printed with its results; `fixed` for `npm run test:long`. Throws RangeError for a bad BD0_SEED. */
export function seedOf(fixed: number): number {
  const given = process.env['BD0_SEED'];
  const seed = given ? Number(given) : isLong ? fixed : Math.floor(Date.now() / MS_PER_DAY);
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 31)
    throw new RangeError(`BD0_SEED=${given} is not a whole number from 0 to 2147483647`);
  t.comment(`seed ${seed}; BD0_SEED=${seed} repeats it`);
  return seed;
}
