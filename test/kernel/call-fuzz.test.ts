/** Whatever programs ask of the kernel, it answers, and page tables, frames, regions, threads and VMOs agree afterwards. */
import t from 'tap';
import { KERNEL_CALLS } from '../../src/kernel/calls/index.js';
import { fuzzCalls } from '../support/call-fuzz.js';
import { hoard } from '../support/hoarding.js';

const SEEDS = 20;
const FRAMES = 256;
const CALLS = 10_000;

const MIB = 2 ** 20;
const HOARD_SEEDS = 12;
const HOARD_STEPS = 4;

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

t.test('programs that hoard what kernel-calls give them are refused, and everything is given back in the end', (t) => {
  const refused = new Set<string>();
  for (let seed = 1; seed <= HOARD_SEEDS; seed++)
    try {
      for (const name of hoard(seed, HOARD_STEPS, { memoryBytes: 32 * MIB, hostBytes: MIB }).refusals.keys())
        refused.add(name);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  t.comment(`refused: ${[...refused].sort().join(', ')}`);
  for (const name of ['vmo_concat', 'vmo_slice', 'vmo_zeros', 'thread_spawn', 'start'])
    t.ok(refused.has(name), `${name} has been refused`);
  t.end();
});
