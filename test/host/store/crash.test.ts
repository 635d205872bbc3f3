/** A store whose writer ends at any moment: what was acknowledged is there, and nothing by halves. */
import t from 'tap';
import { verifyStore } from '../../../src/host/store/verify.js';
import { live } from './life.js';
import { MemoryFiles } from './memory-files.js';
import { bytesOf, content, fileOf, onlyProcess, openIn, putBytes } from './support.js';

/** A write to the names is cut at each byte, one to a pack at every fifth. */
const stepOf = (path: string): number => (path.startsWith('/store/packs/') ? 5 : 1);

t.test('every write is cut, that of a name at every byte', async (t) => {
  const files = new MemoryFiles();
  const acknowledged = await live(files);
  const now = new MemoryFiles();
  let cuts = 0;
  const check = async (left: MemoryFiles, at: number): Promise<void> => {
    const fault = await acknowledged.fault(left, at);
    if (fault) t.fail(fault);
    cuts++;
  };
  for (const [at, change] of files.changes.entries()) {
    if (change.kind === 'write')
      for (let length = 1; length < change.bytes.length; length += stepOf(change.path)) {
        const cut = now.copy();
        cut.apply({ ...change, bytes: change.bytes.subarray(0, length) });
        await check(cut, at);
      }
    await check(now.copy(), at);
    now.apply(change);
  }
  await check(now, files.changes.length);
  t.ok(cuts > 3000, `${cuts} cuts`);
});

t.test('the disk is full after every number of bytes: one clear error, and what was acknowledged stands', async (t) => {
  const whole = new MemoryFiles();
  await live(whole);
  const total = whole.changes.reduce((sum, change) => sum + (change.kind === 'write' ? change.bytes.length : 0), 0);
  for (let room = 0; room < total; room += 31) {
    const files = new MemoryFiles();
    files.room = room;
    const acknowledged: string[] = [];
    try {
      const store = openIn(files);
      for (let n = 0; n < 12; n++) {
        const id = await putBytes(store, content(n, 200 * n));
        if (store.names.compareAndSwap(`n${n}`, undefined, fileOf(id))) acknowledged.push(id);
      }
    } catch (error) {
      if (!/no space left on device/.test((error as Error).message))
        t.fail(`with room for ${room}: ${(error as Error).message}`);
    }
    files.room = Infinity;
    const store = openIn(files, 'write', onlyProcess(2));
    for (const [n, id] of acknowledged.entries())
      if (store.names.get(`n${n}`) !== id || Buffer.compare(bytesOf(store, id)!, content(n, 200 * n)) !== 0)
        t.fail(`with room for ${room}: ${n} is lost`);
    const { problems } = await verifyStore(store);
    if (problems.length > 0) t.fail(`with room for ${room}: ${JSON.stringify(problems[0])}`);
    store.close();
  }
  t.ok(total > 3000, `${total} bytes`);
});
