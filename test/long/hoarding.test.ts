/** Programs that hoard whatever kernel calls give them, in a machine as `bd0 run` makes it: a host with a small heap survives. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';

const HEAP_MB = 300;
const SCRIPT = fileURLToPath(new URL('../support/hoard-seeds.js', import.meta.url));

interface Figures {
  readonly seeds: number;
  /** The largest part of the limit that was charged. */
  readonly most: number;
  readonly refused: Readonly<Record<string, number>>;
}

t.setTimeout(0);

async function hoardSeeds(last: number, steps: number): Promise<Figures> {
  const args = [`--max-old-space-size=${HEAP_MB}`, SCRIPT, '1', String(last), String(steps)];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  t.comment(stdout);
  return JSON.parse(stdout) as Figures;
}

t.test(`200 programs do not end a host whose heap is limited to ${HEAP_MB} MB`, async (t) => {
  t.match(await hoardSeeds(200, 40), { seeds: 200 });
});

t.test('a few of them run until they reach the limit, are refused, and the host survives that too', async (t) => {
  const { most, refused } = await hoardSeeds(4, 1000);
  t.ok(most > 0.99, `${most} of the limit`);
  for (const name of ['vmo_concat', 'vmo_slice', 'vmo_create', 'thread_spawn', 'start'])
    t.ok(refused[name]! > 0, `${name} has been refused`);
});
