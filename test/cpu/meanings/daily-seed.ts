/** The seed of tests whose random cases change from day to day, so that over time they cover more than fixed ones would. */

/**
 * `BD0_SEED` from the environment, or else the number of days since 1970 (UTC). Print it with the test: setting BD0_SEED to it
 * repeats the run. Throws a RangeError if BD0_SEED is no integer from 0 to 2^31 - 1.
 */
export function dailySeed(environment: Readonly<Record<string, string | undefined>>, now: number): number {
  const text = environment['BD0_SEED'];
  if (text === undefined || text === '') return Math.floor(now / MILLISECONDS_PER_DAY);
  const seed = Number(text);
  if (!/^\d+$/.test(text) || seed >= 2 ** 31)
    throw new RangeError(`BD0_SEED=${text} is not an integer from 0 to 2147483647`);
  return seed;
}

const MILLISECONDS_PER_DAY = 86_400_000;
