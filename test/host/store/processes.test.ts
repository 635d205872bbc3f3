/** Real processes on a real directory: killed, and several at once. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { DiskStore } from '../../../src/host/store/disk-store.js';
import { verifyStore } from '../../../src/host/store/verify.js';
import { killWriters } from './kills.js';
import { bytesOf } from './support.js';
import { contentOf, COUNTER } from './writer.js';

const writer = fileURLToPath(new URL('writer.js', import.meta.url));

async function run(...args: string[]): Promise<number> {
  const child = spawn(process.execPath, [writer, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'close')) as [number];
  return code;
}

t.test('20 writers killed at any moment: everything that they acknowledged is there', async (t) => {
  const acknowledged = await killWriters(`${t.testdir()}/store`, 20, Math.random);
  t.ok(acknowledged >= 20, `${acknowledged} acknowledged`);
});

t.test('two processes write at once, the same and different content', async (t) => {
  const directory = `${t.testdir()}/store`;
  t.strictSame(await Promise.all([run(directory, '1', '40'), run(directory, '2', '40')]), [0, 0]);
  const store = DiskStore.open(directory, { mode: 'write' });
  for (const round of [1, 2])
    for (let n = 0; n < 40; n++)
      if (Buffer.compare(bytesOf(store, store.names.get(`round ${round}/${n}`)!)!, contentOf(round, n)) !== 0)
        t.fail(`round ${round}/${n} is not what was written`);
  t.strictSame((await verifyStore(store)).problems, []);
  store.close();
});

t.test('two processes count one name up: no count is lost', async (t) => {
  const directory = `${t.testdir()}/store`;
  t.strictSame(await Promise.all([run(directory, 'count', '40'), run(directory, 'count', '40')]), [0, 0]);
  const store = DiskStore.open(directory, { mode: 'read' });
  t.equal(Buffer.from(bytesOf(store, store.names.get(COUNTER)!)!).toString(), '80');
  store.close();
});
