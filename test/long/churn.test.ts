/**
 * Guests that make new code for a long time: the memory that bd0 takes levels off. BD0_MINUTES says how long all of it runs;
 * every scenario has its share, in a process of its own.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { MODULE_COST_BYTES } from '../../src/cpu/translator/cache/code-cache.js';
import { CHURN_BUDGET_BYTES, CHURN_SCENARIOS, type ChurnSample } from '../support/code-churn.js';

const SECONDS = (60 * Number(process.env['BD0_MINUTES'] ?? 2)) / CHURN_SCENARIOS.length;
const child = fileURLToPath(new URL('../support/code-churn.js', import.meta.url));

/** By how much the second half may have more than the first, for what a garbage collector leaves at one time or another. */
const RESIDENT_GROWTH_MAX = 24 * 2 ** 20;
const HEAP_GROWTH_MAX = 2 ** 20;

t.setTimeout(0);

for (const scenario of CHURN_SCENARIOS)
  t.test(`${scenario}: memory levels off`, { timeout: 0 }, async (t) => {
    const { stdout } = await promisify(execFile)(process.execPath, [child, scenario, String(SECONDS)]);
    const samples = stdout.trimEnd().split('\n').map((line) => JSON.parse(line) as ChurnSample); // prettier-ignore
    // What comes before the budget is used up is growth by design.
    const steady = samples.filter(({ modules, modulesInAll }) => modules < modulesInAll);
    t.ok(steady.length >= 4, `${samples.length} samples, ${steady.length} of them with the budget used up`);
    for (const { modules, wasmBytes } of steady)
      if (modules * MODULE_COST_BYTES + wasmBytes > CHURN_BUDGET_BYTES)
        t.fail(`${modules} modules of ${wasmBytes} bytes are kept`);
    const half = steady.length >> 1;
    const most = (part: readonly ChurnSample[], what: 'heap' | 'resident'): number =>
      Math.max(...part.map((sample) => sample[what]));
    for (const [what, growthMax] of [
      ['heap', HEAP_GROWTH_MAX],
      ['resident', RESIDENT_GROWTH_MAX],
    ] as const) {
      const [before, after] = [most(steady.slice(0, half), what), most(steady.slice(half), what)];
      t.ok(after - before <= growthMax, `${what}: ${before} bytes, then ${after}`);
    }
    t.comment(`${steady.at(-1)!.modulesInAll} modules in ${SECONDS} s`);
  });
