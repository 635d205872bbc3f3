/** A store whose writer ends at any moment: what was acknowledged is there, and nothing by halves. */
import t from 'tap';
import { collectGarbage } from '../../../src/cli/store/collect.js';
import { verifyStore } from '../../../src/cli/store/verify.js';
import { MemoryFiles } from './memory-files.js';
import { bytesOf, content, onlyProcess, openIn, putBytes } from './support.js';

interface State {
  /** Changes that had been made when this was acknowledged. */
  readonly at: number;
  /** Names, and what they stand for. */
  readonly names: Readonly<Record<string, string>>;
}

/** A short life of a store: content, names, two openings, a collection. */
async function live(files: MemoryFiles): Promise<{ states: State[]; contents: Map<string, Uint8Array> }> {
  const states: State[] = [];
  const contents = new Map<string, Uint8Array>();
  let names: Record<string, string> = {};
  const acknowledge = (): void => void states.push({ at: files.changes.length, names: { ...names } });
  let store = openIn(files);
  acknowledge();
  const name = async (what: string, bytes: Uint8Array): Promise<void> => {
    const id = await putBytes(store, bytes);
    contents.set(id, bytes);
    if (!store.names.compareAndSwap(what, names[what], id)) throw new Error('nobody else names anything');
    names = { ...names, [what]: id };
    acknowledge();
  };
  await name('a', content(2, 100));
  await name('b/c', Uint8Array.from([...content(2, 4096), ...content(4, 50)]));
  await name('a', content(5, 90));
  store.close();
  store = openIn(files);
  await name('d', content(7, 40));
  store.names.compareAndSwap('b/c', names['b/c'], undefined);
  names = { a: names['a']!, d: names['d']! };
  acknowledge();
  store.close();
  store = openIn(files, 'collect');
  await collectGarbage(store);
  acknowledge();
  store.close();
  return { states, contents };
}

/** Opens what is left, and holds it to what was acknowledged before; what comes next may be there, too. */
async function check(
  t: Tap.Test,
  files: MemoryFiles,
  states: readonly State[],
  contents: Map<string, Uint8Array>,
  at: number,
) {
  const done = states.filter((state) => state.at <= at);
  const [last, next] = [done.at(-1), states[done.length]];
  const store = openIn(files, 'write', onlyProcess(2));
  const names = Object.fromEntries(store.names.entries());
  const isExpected = [last, next].some(
    (state) => JSON.stringify(sorted(state?.names ?? {})) === JSON.stringify(sorted(names)),
  );
  if (!isExpected) t.fail(`after ${at}: ${JSON.stringify(names)} is neither what was acknowledged nor what came next`);
  for (const id of Object.values(names))
    if (Buffer.compare(bytesOf(store, id) ?? Buffer.of(0), contents.get(id)!) !== 0)
      t.fail(`after ${at}: ${id} is not whole`);
  const { problems } = await verifyStore(store);
  if (problems.length > 0) t.fail(`after ${at}: ${JSON.stringify(problems[0])}`);
  const id = await putBytes(store, content(9, 30));
  if (!store.names.compareAndSwap('new', undefined, id)) t.fail(`after ${at}: no name can be set`);
  store.close();
}

declare namespace Tap {
  type Test = { fail(message: string): boolean };
}

function sorted(names: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(names).sort(([a], [b]) => (a < b ? -1 : 1));
}

t.test('every write is cut at every byte', async (t) => {
  const files = new MemoryFiles();
  const { states, contents } = await live(files);
  const now = new MemoryFiles();
  let cuts = 0;
  for (const [at, change] of files.changes.entries()) {
    if (change.kind === 'write')
      for (let length = 1; length < change.bytes.length; length++) {
        const cut = now.copy();
        cut.apply({ ...change, bytes: change.bytes.subarray(0, length) });
        await check(t, cut, states, contents, at);
        cuts++;
      }
    await check(t, now.copy(), states, contents, at);
    now.apply(change);
    cuts++;
  }
  await check(t, now, states, contents, files.changes.length);
  t.ok(cuts > 3000, `${cuts} cuts`);
});

t.test('the supply is lost at every change: what is not synchronised is gone', async (t) => {
  const files = new MemoryFiles();
  const { states, contents } = await live(files);
  for (const lost of ['bytes', 'bytes and names'] as const) {
    const now = new MemoryFiles();
    for (const [at, change] of files.changes.entries()) {
      if (at >= states[0]!.at) await check(t, now.copy(lost), states, contents, at);
      now.apply(change);
    }
    await check(t, now.copy(lost), states, contents, files.changes.length);
  }
  t.ok(files.changes.length > 50, `${files.changes.length} changes`);
});

t.test('the disk is full after every number of bytes: one clear error, and what was acknowledged stands', async (t) => {
  const whole = new MemoryFiles();
  await live(whole);
  const total = whole.changes.reduce((sum, change) => sum + (change.kind === 'write' ? change.bytes.length : 0), 0);
  for (let room = 0; room < total; room += 11) {
    const files = new MemoryFiles();
    files.room = room;
    const acknowledged: string[] = [];
    try {
      const store = openIn(files);
      for (let n = 0; n < 12; n++) {
        const id = await putBytes(store, content(n, 200 * n));
        if (store.names.compareAndSwap(`n${n}`, undefined, id)) acknowledged.push(id);
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
