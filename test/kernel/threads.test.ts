/** Threads take turns by instructions retired, and keep all their registers meanwhile. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { compiled, runGuest } from '../support/guest-programs.js';
import { ALL_ENGINES } from '../support/side-by-side.js';

const sources = fileURLToPath(new URL('../../../test/kernel/threads/', import.meta.url));

t.setTimeout(0);

for (const [name, engine] of Object.entries(ALL_ENGINES))
  t.test(name, async (t) => {
    const slow = 'engine' in engine && engine.engine === 'evaluator';
    if (!slow) {
      const { output, exitCode, computer } = await runGuest(compiled(`${sources}registers.c`), engine);
      t.equal(output.toString(), '5 threads, 0 with other registers than their own\n');
      t.equal(exitCode, 0);
      t.ok(computer.statistics.switches > 10, `${computer.statistics.switches} switches`);
    }
    const { output } = await runGuest(compiled(`${sources}turns.c`), engine);
    const slices = output.toString().trim().split('\n').map(Number);
    t.equal(slices.length, 4);
    // A slice is a million ticks, less 250 for the call in it; what a thread sees of its beginning is a few instructions late.
    // The first has begun before.
    for (const slice of slices.slice(1)) t.ok(Math.abs(slice - 999_750) < 100, `${slice} ticks`);
  });
