/** `bd0 run --snapshot-at` and `bd0 resume`: a program goes on in another process of the host. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { bd0 } from './bd0.js';

t.setTimeout(0);

const directory = mkdtempSync(join(tmpdir(), 'bd0-resume-'));
t.teardown(() => rmSync(directory, { recursive: true, force: true }));
const store = join(directory, 'store');

t.test('a program goes on where it was saved, on another engine, too', async (t) => {
  const run = await bd0(['run', '--store', store, '--snapshot-at', '20000', 'early', 'qsort']);
  t.equal(run.code, 0);
  t.match(run.stderr, /^bd0: saved 'early' at tick 20000: [0-9a-f]{64}\n$/);
  for (const engine of ['auto', 'interpreter']) {
    const resumed = await bd0(['resume', 'early', '--store', store, '--engine', engine]);
    t.strictSame([resumed.code, resumed.stderr], [0, '']);
    t.ok(run.stdout.endsWith(resumed.stdout) && resumed.stdout.length > 0, resumed.stdout);
  }
});

t.test('a resumed machine can be saved again, and is the same as one that ran through', async (t) => {
  const through = await bd0(['run', '--store', store, '--snapshot-at', '60000', 'late', 'qsort']);
  const resumed = await bd0(['resume', 'early', '--store', store, '--snapshot-at', '60000', 'again']);
  const idIn = (stderr: string): string | undefined => /tick 60000: ([0-9a-f]{64})/.exec(stderr)?.[1];
  t.ok(idIn(through.stderr));
  t.ok(idIn(resumed.stderr));
  const outputs = await Promise.all(['late', 'again'].map((name) => bd0(['resume', name, '--store', store])));
  t.strictSame(outputs[0], outputs[1]);
});

t.test('what cannot be resumed is refused in one line', async (t) => {
  const file = join(directory, 'file');
  writeFileSync(file, 'no snapshot');
  await bd0(['vmo', 'import', file, '--store', store, '--name', 'file']);
  const refused = async (words: string[], code: number, stderr: RegExp): Promise<void> => {
    t.match(await bd0(words), { code, stdout: '', stderr });
  };
  await refused(['resume', 'file', '--store', store], 125, /^bd0: 'file' cannot be resumed: this is not a saved .*\n$/);
  await refused(
    ['resume', 'nothing', '--store', store],
    127,
    /^bd0: there is no snapshot 'nothing' in the store .*\n$/,
  );
  for (const command of ['run', 'debug'])
    await refused(
      [command, '--store', store, 'early'],
      126,
      /^bd0: 'early' is not a program but a machine that was saved: bd0 resume early --store DIR lets it .*\n$/,
    );
  await refused(['resume', 'early'], 125, /^bd0: bd0 resume needs --store DIR.*\n$/);
  await refused(['resume', '--store', store], 125, /^bd0: bd0 resume needs one NAME.*\n$/);
  await refused(['run', '--snapshot-at', '5', 'x', 'qsort'], 125, /^bd0: --snapshot-at needs --store DIR.*\n$/);
  await refused(['run', '--snapshot-at', '5'], 125, /^bd0: --snapshot-at needs two values.*\n$/);
});
