/** Whatever programs ask of the kernel, it answers, and page tables, frames, regions, threads and VMOs agree afterwards. */
import t from 'tap';
import { KERNEL_CALLS } from '../../src/kernel/calls/index.js';
import { fuzzCalls } from '../support/call-fuzz.js';

const SEEDS = 20;
const FRAMES = 256;
const CALLS = 10_000;

t.setTimeout(0);

t.test('ten threads make random kernel-calls, and the host survives', (t) => {
  const successes = new Map<string | undefined, number>();
  for (let seed = 1; seed <= SEEDS; seed++)
    try {
      const result = fuzzCalls(seed, FRAMES, CALLS);
      for (const [name, count] of result.successes) successes.set(name, (successes.get(name) ?? 0) + count);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  for (const { name } of KERNEL_CALLS) t.ok((successes.get(name) ?? 0) > 0, `${name} has succeeded`);
  t.equal(successes.get(undefined), undefined, 'a number that is no call is an error');
  t.comment(`successes: ${[...successes].map(([name, count]) => `${name} ${count}`).join(', ')}`);
  t.end();
});
