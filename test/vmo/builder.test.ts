import t from 'tap';
import { VmoHandleError, VmoRangeError } from '../../src/vmo/errors.js';
import type { VmoHandle } from '../../src/vmo/handle.js';
import { VmoStore } from '../../src/vmo/store.js';
import { flatId, nativeHash, noise, PAGE } from './model.js';

// Random sequences of all steps are part of programs.test.ts.

t.test('append, write, patch and copyFrom in sequence', async (t) => {
  const store = new VmoStore(nativeHash);
  const base = store.fromBytes(noise(10_000, 1));
  const builder = store
    .builder()
    .append(noise(5000, 2))
    .copyFrom(base, 100, 8000)
    .patch(4990, noise(20, 3))
    .append(noise(3000, 4))
    .write(20_000, noise(10, 5))
    .write(15_990, noise(20, 6))
    .copyFrom(base);
  const wanted = Buffer.alloc(20_010 + 10_000);
  wanted.set(noise(5000, 2));
  wanted.set(noise(10_000, 1).subarray(100, 8100), 5000);
  wanted.set(noise(20, 3), 4990);
  wanted.set(noise(3000, 4), 13_000);
  wanted.set(noise(10, 5), 20_000);
  wanted.set(noise(20, 6), 15_990);
  wanted.set(noise(10_000, 1), 20_010);
  t.equal(builder.length, wanted.length);
  const vmo = builder.commit();
  t.ok(Buffer.from(vmo.read(0, vmo.length)).equals(wanted));
  t.equal(vmo.id, flatId(wanted));
});

t.test('a gap between the end and a write is zeros and costs nothing', async (t) => {
  const store = new VmoStore(nativeHash);
  const vmo = store
    .builder()
    .write(2 ** 46 + 1, Uint8Array.of(7))
    .write(2 ** 47 - 1, Uint8Array.of(0))
    .commit();
  t.equal(vmo.id, store.delta(store.zeros(2 ** 47), [{ offset: 2 ** 46 + 1, bytes: Uint8Array.of(7) }]).id);
  t.equal(store.counters.pagesStored, 1);
  t.equal(store.builder().write(1000, new Uint8Array(0)).length, 0, 'no bytes change nothing');
  t.equal(store.builder().write(1000, new Uint8Array(1)).length, 1001);
});

t.test('parts of other VMOs are shared, not copied', async (t) => {
  const store = new VmoStore(nativeHash);
  const base = store.fromBytes(noise(1 << 20, 1));
  void base.id;
  const before = store.counters;
  const vmo = store
    .builder()
    .copyFrom(base, 0, 1 << 19)
    .append(noise(PAGE, 9))
    .copyFrom(base, 1 << 19, 1 << 19)
    .commit();
  t.equal(store.counters.pagesStored, before.pagesStored + 1);
  void vmo.id;
  t.equal(store.counters.leavesHashed, before.leavesHashed + 1, 'whole pages at page offsets are found');
  t.equal(store.counters.pagesStored, before.pagesStored + 1);
});

t.test('many VMOs at once give the pieces that one after another gives', async (t) => {
  const store = new VmoStore(nativeHash);
  const base = store.fromBytes(noise(1 << 16, 1));
  // Neighbours that are one piece, pieces of their own, zeros of both kinds, and nothing.
  const cuts = [0, 0, 100, 5000, 5000, 9000, 4000, 70, 1 << 16, 30_000, 30_001, 65_000];
  const slices = cuts.slice(1).flatMap((end, i) => {
    const start = Math.min(cuts[i]!, end);
    return [store.slice(base, start, end - start), store.slice(base, end, 10 - (end === 1 << 16 ? 10 : 0))];
  });
  const parts = [...slices, store.zeros(3), store.zeros(5000), ...slices, store.fromBytes(new Uint8Array(9)), base];
  for (let count = 0; count <= parts.length; count++) {
    const some = parts.slice(0, count);
    const bytesOf = (make: () => VmoHandle): number => {
      const before = store.hostBytes;
      const vmo = make();
      const taken = store.hostBytes - before;
      const wanted = Buffer.concat(some.map((part) => part.read(0, part.length)));
      t.ok(Buffer.from(vmo.read(0, vmo.length)).equals(wanted), `${count} parts`);
      vmo.close();
      return taken;
    };
    const one = bytesOf(() => some.reduce((builder, part) => builder.copyFrom(part), store.builder()).commit());
    const all = bytesOf(() => store.builder().copyAll(some).commit());
    t.equal(all, one, `${count} parts: host memory`);
    if (some.filter(({ length }) => length > 0).length !== 1)
      t.equal(
        bytesOf(() => store.concat(some)),
        one,
        `${count} parts: concat`,
      );
  }
});

t.test('appended pages are aligned with those of the VMO, wherever appending began', async (t) => {
  const store = new VmoStore(nativeHash);
  const vmo = store
    .builder()
    .copyFrom(store.fromBytes(noise(10, 1)))
    .append(noise(8 * PAGE, 2))
    .commit();
  const before = store.counters.pagesStored;
  void vmo.page(3).leaf;
  t.equal(store.counters.pagesStored, before, 'a page in the midst of what was appended is not gathered');
  void vmo.page(0).leaf;
  t.equal(store.counters.pagesStored, before + 1, 'the page of both is');
});

t.test('tags belong to the handle and not to the identity', async (t) => {
  const store = new VmoStore(nativeHash);
  const bytes = noise(100, 1);
  const tagged = store.builder().append(bytes).commit({ name: 'notes', type: 'text/plain' });
  const other = store.builder().append(bytes).commit({ name: 'copy' });
  t.same([...tagged.tags], [['name', 'notes'], ['type', 'text/plain']]); // prettier-ignore
  t.same([...other.tags], [['name', 'copy']]);
  t.equal(tagged.id, other.id);
  t.equal(store.open(tagged.id)!.tags.size, 0);
  t.equal(store.slice(tagged, 0, 100).tags.size, 0);
});

t.test('errors state the numbers and change nothing', async (t) => {
  const store = new VmoStore(nativeHash);
  const foreign = new VmoStore(nativeHash).zeros(1);
  const closed = store.zeros(1);
  closed.close();
  const base = store.fromBytes(noise(50, 1));
  const builder = store.builder(100).append(noise(60, 2));
  const refused: [string, () => unknown, new (...args: never[]) => Error, RegExp][] = [
    [
      'an append beyond the bound',
      () => builder.append(new Uint8Array(41)),
      VmoRangeError,
      /60 \+ 41 bytes exceed 100/,
    ],
    ['a copy beyond the bound', () => builder.copyFrom(base), VmoRangeError, /60 \+ 50 bytes exceed 100/],
    ['a write beyond the bound', () => builder.write(99, new Uint8Array(2)), VmoRangeError, /99 \+ 2 bytes exceed 100/],
    ['a write that begins there', () => builder.write(101, new Uint8Array(0)), VmoRangeError, /101 exceeds 100/],
    ['a negative offset', () => builder.write(-1, new Uint8Array(1)), VmoRangeError, /-1/],
    ['a broken offset', () => builder.write(0.5, new Uint8Array(1)), VmoRangeError, /0\.5/],
    ['a patch outside', () => builder.patch(59, new Uint8Array(2)), VmoRangeError, /59 \+ length 2 exceeds 60 bytes/],
    ['a copy outside', () => builder.copyFrom(base, 40, 11), VmoRangeError, /40 \+ length 11 exceeds 50 bytes/],
    ['a copy from beyond', () => builder.copyFrom(base, 51), VmoRangeError, /-1/],
    ['copies beyond the bound', () => builder.copyAll([base, base]), VmoRangeError, /60 \+ 100 bytes exceed 100/],
    ['a closed one of many', () => builder.copyAll([base, closed]), VmoHandleError, /closed/],
    ['a foreign part', () => builder.copyFrom(foreign), VmoHandleError, /another store/],
    ['a closed part', () => builder.copyFrom(closed), VmoHandleError, /closed/],
    ['a bound over 2^48', () => store.builder(2 ** 48 + 1), VmoRangeError, /281474976710657/],
    ['a broken bound', () => store.builder(1.5), VmoRangeError, /1\.5/],
  ];
  const before = store.counters;
  for (const [name, action, type, message] of refused) {
    t.throws(action, type, name);
    t.throws(action, message, name);
  }
  t.same(store.counters, before);
  builder.append(noise(40, 3));
  const vmo = builder.commit();
  t.equal(vmo.id, flatId(new Uint8Array([...noise(60, 2), ...noise(40, 3)])));
  const steps = [
    () => builder.append(new Uint8Array(1)),
    () => builder.write(0, new Uint8Array(1)),
    () => builder.patch(0, new Uint8Array(1)),
    () => builder.copyFrom(base),
    () => builder.commit(),
  ];
  for (const step of steps) t.throws(step, VmoHandleError);
  t.throws(() => store.builder().append({ length: 2 ** 48 + 1 } as Uint8Array), VmoRangeError);
});

t.test('discarded content is freed', async (t) => {
  const store = new VmoStore(nativeHash);
  const base = store.fromBytes(noise(3 * PAGE, 1));
  const builder = store
    .builder()
    .append(noise(9000, 2))
    .copyFrom(base, 5)
    .write(3, noise(5000, 3))
    .append(noise(9000, 4));
  base.close();
  t.ok(store.counters.pagesStored > 7);
  builder.discard();
  t.equal(store.counters.pagesStored, 0);
  t.throws(() => builder.commit(), VmoHandleError);
});
