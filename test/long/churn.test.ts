/**
 * Guests that make new code for a long time: the memory that bd0 takes levels off. BD0_MINUTES says how long all of it runs;
 * every scenario has its share, in a process of its own.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { MODULE_COST_BYTES } from '../../src/cpu/translator/code-cache.js';
import { CHURN_BUDGET_BYTES, CHURN_SCENARIOS, type ChurnSample } from '../support/code-churn.js';

const SECONDS = (60 * Number(process.env['BD0_MINUTES'] ?? 2)) / CHURN_SCENARIOS.length;
const child = fileURLToPath(new URL('../support/code-churn.js', import.meta.url));

/**
 * By how much the second half may have more than the first, in the median: what a garbage collector leaves at one time or
 * another makes single samples of what is resident differ by 50 MB.
 */
const RESIDENT_GROWTH_MAX = 24 * 2 ** 20;
const HEAP_GROWTH_MAX = 2 ** 20;
/** V8 keeps so much for each module that there ever was, at most: 11 bytes were measured, most of them in a list of weak references. */
const HEAP_BYTES_A_MODULE = 16;

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
    const median = (part: readonly ChurnSample[], what: 'heap' | 'resident'): number =>
      part.map((sample) => sample[what]).sort((a, b) => a - b)[part.length >> 1]!;
    const heapGrowthMax = HEAP_GROWTH_MAX + HEAP_BYTES_A_MODULE * steady.at(-1)!.modulesInAll;
    for (const [what, growthMax] of [
      ['heap', heapGrowthMax],
      ['resident', RESIDENT_GROWTH_MAX],
    ] as const) {
      const [before, after] = [median(steady.slice(0, half), what), median(steady.slice(half), what)];
      t.ok(after - before <= growthMax, `${what}: ${before} bytes, then ${after}`);
    }
    t.comment(`${steady.at(-1)!.modulesInAll} modules in ${SECONDS} s`);
  });
