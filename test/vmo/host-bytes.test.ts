/** What VMOs are charged of the host's memory: a function of what was made and closed, whoever looked at it meanwhile. */
import t from 'tap';
import type { VmoBuilder } from '../../src/vmo/content/builder.js';
import type { VmoHandle } from '../../src/vmo/handle.js';
import { finished } from '../../src/vmo/steps.js';
import { VmoStore } from '../../src/vmo/store.js';
import fc from '../support/fast-check.js';
import { nativeHash } from './model.js';

const PAGE = 4096;

type Step = (store: VmoStore, held: VmoHandle[], builder: { open: VmoBuilder | undefined }) => void;

const place = fc.nat(100);
const someBytes = fc.tuple(fc.nat(3 * PAGE), fc.nat(3)).map(([length, seed]) => {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) + seed) & 255);
});
const at = (held: readonly VmoHandle[], index: number): VmoHandle => held[index % held.length]!;

/** What changes which VMOs there are. */
const someChange: fc.Arbitrary<Step> = fc.oneof(
  someBytes.map(
    (bytes): Step =>
      (store, held) =>
        void held.push(store.fromBytes(bytes)),
  ),
  fc.tuple(place, place, place).map(([index, from, length]): Step => (store, held) => {
    const base = at(held, index);
    const start = Math.min(base.length, from * 97);
    held.push(store.slice(base, start, Math.min(base.length - start, length * 211)));
  }),
  fc.array(place, { minLength: 1, maxLength: 8 }).map((indexes): Step => (store, held) => {
    const parts = indexes.map((index) => at(held, index));
    if (parts.reduce((total, part) => total + part.length, 0) < 2 ** 20) held.push(store.concat(parts));
  }),
  fc.tuple(place, place).map(([index, offset]): Step => (store, held) => {
    const base = at(held, index);
    if (base.length > 200) held.push(store.delta(base, [{ offset, bytes: Uint8Array.of(1, 2, 3) }]));
  }),
  place.map((index): Step => (store, held) => {
    finished(store.identifyInSteps(at(held, index)));
  }),
  place.map((index): Step => (_, held) => {
    if (held.length > 1) held.splice(index % held.length, 1)[0]!.close();
  }),
  someBytes.map((bytes): Step => (store, held, builder) => {
    builder.open ??= store.builder();
    builder.open.append(bytes);
    if (builder.open.length < 4 * PAGE) return;
    held.push(builder.open.commit());
    builder.open = undefined;
  }),
);

/** What somebody does who only looks. */
const someLook: fc.Arbitrary<Step> = fc.oneof(
  place.map(
    (index): Step =>
      (_, held) =>
        void at(held, index).contentId,
  ),
  place.map((index): Step => (_, held) => {
    const vmo = at(held, index);
    if (vmo.length > 0) void vmo.page(0).leaf;
  }),
  place.map(
    (index): Step =>
      (store, held) =>
        void store.hashAheadInSteps(at(held, index)).next(),
  ),
  fc.constant<Step>((_, __, { open }) => {
    const snapshot = open?.snapshot();
    void snapshot?.contentId;
    snapshot?.close();
  }),
  fc.constant<Step>((store) => store.dropCaches()),
);

t.test('equal VMOs that were made alike are charged alike, whoever looked at them, and nothing is in the end', (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(someChange, fc.array(someLook, { maxLength: 2 })), { maxLength: 40 }), (steps) => {
      const [watched, alone] = [new VmoStore(nativeHash), new VmoStore(nativeHash)].map((store) => {
        const held = [store.fromBytes(new Uint8Array(PAGE).fill(3))];
        return { store, held, builder: { open: undefined as VmoBuilder | undefined } };
      }) as [World, World];
      for (const [change, looks] of steps) {
        change(watched.store, watched.held, watched.builder);
        change(alone.store, alone.held, alone.builder);
        for (const look of looks) look(watched.store, watched.held, watched.builder);
        if (watched.store.hostBytes !== alone.store.hostBytes) return false;
      }
      for (const { held, builder } of [watched, alone]) {
        for (const vmo of held) vmo.close();
        builder.open?.discard();
      }
      return watched.store.hostBytes === 0 && alone.store.hostBytes === 0 && !alone.store.isFull;
    }),
    { numRuns: 150 },
  );
  t.end();
});

interface World {
  readonly store: VmoStore;
  readonly held: VmoHandle[];
  readonly builder: { open: VmoBuilder | undefined };
}

t.test('what parts share is charged once, and as long as one of them holds it', (t) => {
  const store = new VmoStore(nativeHash);
  const page = store.fromBytes(Buffer.from('part'));
  const alone = store.hostBytes;
  const parts = new Array<VmoHandle>(4096).fill(page);
  const whole = store.concat(parts);
  const charged = store.hostBytes - alone;
  t.ok(charged > 4096 * 50 && charged < 4096 * 200, `${charged} bytes for 4096 parts`);
  const slice = store.slice(whole, 1, whole.length - 2);
  t.ok(store.hostBytes - alone - charged < 8192, 'a slice shares them');
  whole.close();
  t.ok(store.hostBytes - alone > charged / 2, 'and holds them');
  slice.close();
  t.equal(store.hostBytes, alone);
  page.close();
  t.equal(store.hostBytes, 0);
  t.end();
});

t.test('an identity that would take too much is given up, with nothing changed', (t) => {
  const store = new VmoStore(nativeHash);
  const bytes = Uint8Array.from(
    { length: 400 * PAGE },
    (_, i) => (i * 7 + (i >> 8) + (i >> 12) * 3 + (i >> 16) * 5) & 255,
  );
  const base = store.fromBytes(bytes);
  const shifted = store.slice(base, 1, 399 * PAGE);
  const before = store.hostBytes;
  const check = (): void => {
    if (store.identifyingBytes(shifted) > 100_000) throw new Error('too much');
  };
  t.throws(() => finished(store.identifyInSteps(shifted, check)), /too much/);
  t.equal(store.hostBytes, before);
  store.dropCaches();
  t.equal(store.identifyingBytes(shifted), 0);
  finished(store.identifyInSteps(shifted));
  const own = store.hostBytes - before;
  t.ok(own > 200 * 700, `${own} bytes for its own pages`);
  t.end();
});
