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

/**
 * So many of the choices, by the seed and the index of a case: others each day, and for the next case. All of them for
 * `npm run test:long`.
 */
export function someOf<T>(choices: readonly T[], count: number, seed: number, index: number): readonly T[] {
  return isLong ? choices : choices.filter((_, i) => (seed + index + i) % choices.length < count);
}

/** Some of the named choices: see `someOf`. */
export function someNamed<T>(
  choices: Readonly<Record<string, T>>,
  count: number,
  seed: number,
  index: number,
): Record<string, T> {
  return Object.fromEntries(someOf(Object.entries(choices), count, seed, index));
}

/** The seed of a test file, printed with its results; `fixed` for `npm run test:long`. Throws RangeError for a bad BD0_SEED. */
export function seedOf(fixed: number): number {
  const isGiven = (process.env['BD0_SEED'] ?? '') !== '';
  const seed = isLong && !isGiven ? fixed : dailySeed(process.env, Date.now());
  t.comment(`seed ${seed}; BD0_SEED=${seed} repeats this run`);
  return seed;
}

/**
 * `BD0_SEED` from the environment, or else the number of days since 1970 (UTC). Throws RangeError if BD0_SEED is no integer
 * from 0 to 2^31 - 1.
 */
export function dailySeed(environment: Readonly<Record<string, string | undefined>>, now: number): number {
  const text = environment['BD0_SEED'] ?? '';
  if (text === '') return Math.floor(now / MS_PER_DAY);
  const seed = Number(text);
  if (!/^\d+$/.test(text) || seed >= 2 ** 31)
    throw new RangeError(`BD0_SEED=${text} is not an integer from 0 to 2147483647`);
  return seed;
}
