/** Whatever programs ask of the kernel, it answers, and page tables, frames, regions, threads and VMOs agree afterwards. */
import t from 'tap';
import { KERNEL_CALLS } from '../../src/kernel/calls/index.js';
import { fuzzCalls } from '../support/call-fuzz.js';
import { hoard } from '../support/hoarding.js';
import { seedOf, volume } from '../support/volume.js';

/** Seeds of random calls, and how many more there may be until calls have succeeded; test/long/kernel.test.ts runs 1,000. */
const SEEDS = volume(4, 20);
const SEEDS_MAX = 50;
/** Calls that succeed so seldom that a few seeds need not see it: `npm run test:long` does. */
const SELDOM = volume(1, 0) ? ['debug_last_writer', 'process_kill', 'process_wait', 'thread_join', 'wait_word'] : [];
const FRAMES = 256;
const CALLS = 10_000;

const MIB = 2 ** 20;
/** So that no two days have a seed in common. */
const FIRST_SEED = seedOf(0) * SEEDS_MAX + 1;
const HOARD_SEEDS = volume(4, 12);
const HOARD_STEPS = 4;

t.setTimeout(0);

t.test('ten threads make random kernel-calls, and the host survives', (t) => {
  const successes = new Map<string | undefined, number>();
  const hasSucceeded = ({ name }: { readonly name: string }): boolean => (successes.get(name) ?? 0) > 0;
  const wanted = KERNEL_CALLS.filter(({ name }) => !SELDOM.includes(name));
  const isEnough = (seeds: number): boolean => seeds >= SEEDS && wanted.every(hasSucceeded);
  let seed = FIRST_SEED;
  for (; seed < FIRST_SEED + SEEDS_MAX && !isEnough(seed - FIRST_SEED); seed++)
    try {
      const result = fuzzCalls(seed, FRAMES, CALLS);
      for (const [name, count] of result.successes) successes.set(name, (successes.get(name) ?? 0) + count);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  t.comment(`${seed - FIRST_SEED} seeds`);
  for (const call of wanted) t.ok(hasSucceeded(call), `${call.name} has succeeded`);
  t.equal(successes.get(undefined), undefined, 'a number that is no call is an error');
  t.comment(`successes: ${[...successes].map(([name, count]) => `${name} ${count}`).join(', ')}`);
  t.end();
});

t.test('programs that hoard what kernel-calls give them are refused, and everything is given back in the end', (t) => {
  const refused = new Set<string>();
  const wanted = ['vmo_concat', 'vmo_slice', 'vmo_zeros', 'thread_spawn', 'start'];
  const isEnough = (seeds: number): boolean => seeds >= HOARD_SEEDS && wanted.every((name) => refused.has(name));
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS_MAX && !isEnough(seed - FIRST_SEED); seed++)
    try {
      for (const name of hoard(seed, HOARD_STEPS, { memoryBytes: 32 * MIB, hostBytes: MIB }).refusals.keys())
        refused.add(name);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  t.comment(`refused: ${[...refused].sort().join(', ')}`);
  for (const name of wanted) t.ok(refused.has(name), `${name} has been refused`);
  t.end();
});
