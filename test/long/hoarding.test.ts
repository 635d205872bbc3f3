/** Programs that hoard whatever kernel-calls give, in the machine that `bd0 run` makes: a host with a small heap outlives them. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';

const SEEDS = 200;
const STEPS = 25;
const HEAP_MB = 300;

t.setTimeout(0);

t.test(`${SEEDS} programs do not end a host whose heap is capped at ${HEAP_MB} MB`, async (t) => {
  const script = fileURLToPath(new URL('../support/hoard-seeds.js', import.meta.url));
  const args = [`--max-old-space-size=${HEAP_MB}`, script, '1', String(SEEDS), String(STEPS)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  t.comment(stdout);
  const { seeds, refused } = JSON.parse(stdout) as { seeds: number; refused: Record<string, number> };
  t.equal(seeds, SEEDS);
  for (const name of ['vmo_concat', 'vmo_slice', 'vmo_create', 'name_publish', 'thread_spawn', 'start'])
    t.ok(refused[name]! > 0, `${name} has been refused`);
});
