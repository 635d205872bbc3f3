/** `bd0 run --store DIR`. */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { DiskStore } from '../../../src/host/store/disk-store.js';
import { importPath } from '../../../src/host/store/import.js';
import { statStore } from '../../../src/host/store/stat.js';
import { bd0 } from '../../cli/bd0.js';
import { content, fileOf, putBytes } from './support.js';

const guests = fileURLToPath(new URL('../../../guest', import.meta.url));
const image = `${guests}/hello_world`;

async function storeWithImage(directory: string, name: string): Promise<string> {
  const store = DiskStore.open(directory, { mode: 'write', create: true });
  const { id } = await importPath(store, image);
  store.names.compareAndSwap(name, undefined, fileOf(id));
  store.close();
  return id;
}

t.test('an image runs by its name, by its identity, and by the first digits of that', async (t) => {
  const directory = `${t.testdir()}/store`;
  const id = await storeWithImage(directory, 'tools/hello');
  for (const word of ['tools/hello', id, id.slice(0, 12)])
    t.strictSame(await bd0(['run', '--store', directory, word]), { code: 0, signal: null, stdout: 'Hello, world\n', stderr: '' }); // prettier-ignore
});

t.test('translated code of one run is found by the next', async (t) => {
  const directory = `${t.testdir()}/store`;
  const words = ['run', '--json', '--store', directory, '--jit-threshold', '0', 'fib', '20'];
  const translated = async (): Promise<{ stored: number; stdout: string }> => {
    const { code, stdout, stderr } = await bd0(words);
    t.equal(code, 0, stderr);
    const { translation } = JSON.parse(stderr) as { translation: { hitsInStore: number } };
    return { stored: translation.hitsInStore, stdout };
  };
  const first = await translated();
  const store = DiskStore.open(directory, { mode: 'read' });
  t.ok(statStore(store).code.records > 0, 'code is kept');
  store.close();
  const second = await translated();
  t.ok(first.stored === 0 && second.stored > 0, `${first.stored} found in the store, then ${second.stored}`);
  t.equal(second.stdout, first.stdout);
  t.strictSame(readdirSync(`${directory}/leases`), [], 'nobody has it open any more');
});

t.test('what is not there, and what is ambiguous, is told', async (t) => {
  const directory = `${t.testdir()}/store`;
  const store = DiskStore.open(directory, { mode: 'write', create: true });
  const ids: string[] = [];
  for (let n = 0; new Set(ids.map((id) => id.slice(0, 4))).size === ids.length; n++)
    ids.push(await putBytes(store, content(n, 8)));
  const prefix = ids.at(-1)!.slice(0, 4);
  store.close();
  const ambiguous = await bd0(['run', '--store', directory, prefix]);
  t.match(
    ambiguous.stderr,
    new RegExp(`^bd0: ${prefix} begins 2 identities, such as [0-9a-f]{64} and [0-9a-f]{64}\n$`),
  );
  t.equal(ambiguous.code, 125);
  const missing = await bd0(['run', '--store', directory, 'nothing']);
  t.equal(missing.code, 127, missing.stderr);
  const notRunnable = await bd0(['run', '--store', directory, ids[0]!]);
  t.equal(notRunnable.code, 126, notRunnable.stderr);
});
