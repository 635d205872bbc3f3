import type { Test } from 'tap';
import { heightOf } from '../../src/vmo/content/canonical-form.js';
import type { VmoHandle } from '../../src/vmo/handle.js';
import { VmoStore } from '../../src/vmo/store.js';
import { flatId, nativeHash, noise } from './model.js';

/**
 * Five chains of COUNT operations, each on the result of the previous one: reads still visit only O(log COUNT) extents.
 */
export function checkChains(t: Test, COUNT: number): void {
  const store = new VmoStore(nativeHash);
  /** The most extents that a read of a byte visits, over a sample of the VMO. */
  const visitsOf = (vmo: VmoHandle): number => {
    const visits = Array.from({ length: 101 }, (_, i) => {
      const before = store.counters.extentsVisited;
      vmo.read(Math.floor(((vmo.length - 1) * i) / 100), 1);
      return store.counters.extentsVisited - before;
    });
    return Math.max(...visits);
  };
  /** The result of a chain; every VMO before the last one is closed. */
  const chain = (vmo: VmoHandle, next: (vmo: VmoHandle, i: number) => VmoHandle): VmoHandle => {
    for (let i = 0; i < COUNT; i++) {
      const before = vmo;
      vmo = next(before, i);
      before.close();
    }
    return vmo;
  };
  const bytesOf = (i: number): Uint8Array => Uint8Array.of(i, i >> 8, i >> 16);
  const parts = Array.from({ length: 256 }, (_, i) => store.fromBytes(Uint8Array.of(i)));
  const flat = noise(3 * COUNT, 6);
  /** The depth of COUNT * 2 + 1 pieces, three quarters of them on one side; and a window, and a tree of pages. */
  const LIMIT = Math.log(2 * COUNT + 1) / Math.log(4 / 3) + 1 + heightOf(flat.length) + 1;

  const deltas = chain(store.fromBytes(flat), (vmo, i) => {
    const offset = (i * 7919) % flat.length;
    flat[offset] = i;
    return store.delta(vmo, [{ offset, bytes: Uint8Array.of(i) }]);
  });
  const appended = chain(store.zeros(0), (vmo, i) => store.concat([vmo, parts[i % 256]!]));
  const prepended = chain(store.zeros(0), (vmo, i) => store.concat([parts[i % 256]!, vmo]));
  const visitsOfDeltas = visitsOf(deltas);
  const sliced = chain(deltas, (vmo, i) => store.slice(vmo, i % 2, vmo.length - 1));
  const mixed = chain(store.fromBytes(noise(50_000, 7)), (vmo, i) => {
    const at = (i * 104_729) % (vmo.length - 3);
    if (i % 3 === 0) return store.delta(vmo, [{ offset: at, bytes: bytesOf(i) }]);
    if (i % 3 === 1) return store.concat([vmo, parts[i % 256]!, parts[(i >> 3) % 256]!]);
    return store.slice(vmo, 1, vmo.length - 1);
  });

  const visits = {
    deltas: visitsOfDeltas,
    appended: visitsOf(appended),
    prepended: visitsOf(prepended),
    sliced: visitsOf(sliced),
    mixed: visitsOf(mixed),
  };
  for (const [name, count] of Object.entries(visits))
    t.ok(count <= LIMIT, `${name}: a byte is read in ${count} extents, at most ${LIMIT.toFixed(0)}`);
  t.equal(appended.id, flatId(Uint8Array.from({ length: COUNT }, (_, i) => i)));
  t.equal(prepended.id, flatId(Uint8Array.from({ length: COUNT }, (_, i) => COUNT - 1 - i)));
  t.equal(sliced.id, flatId(flat.subarray(COUNT / 2, flat.length - COUNT / 2)));
  const copy = mixed.read(0, mixed.length);
  t.equal(mixed.id, flatId(copy));
  t.ok(visitsOf(mixed) <= 9, 'once hashed, the canonical tree');
  for (const vmo of [appended, prepended, sliced, mixed, ...parts]) vmo.close();
  t.equal(store.counters.pagesStored, 0);
}
