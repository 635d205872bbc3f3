import { readFileSync } from 'node:fs';
import t from 'tap';
import { CanonicalHasher } from '../../src/vmo/content/canonical-form.js';
import { VmoHandleError, VmoRangeError } from '../../src/vmo/errors.js';
import { finished } from '../../src/vmo/steps.js';
import type { VmoHandle } from '../../src/vmo/handle.js';
import { append, Piece, replace, type Rope, SIDES_RATIO_MAX, slice, wholePiece } from '../../src/vmo/content/rope.js';
import { type Patch, VmoStore } from '../../src/vmo/store.js';
import { cheapHashOf, SubtreeTable } from '../../src/vmo/content/subtree-table.js';
import fc from '../support/fast-check.js';
import { checkChains } from './chains.js';
import { assertEqual, assertSame, flatId, flatLeaf, flatPage, nativeHash, noise, PAGE } from './model.js';

const MAX = 2 ** 48;

// The published vectors.

type Recipe =
  | { bytes: string }
  | { pattern: number | string }
  | { zeros: number | string }
  | { slice: [Recipe, number | string, number | string] }
  | { concat: Recipe[] }
  | { delta: [Recipe, [number | string, string][]] };

interface Vectors {
  zeroSubtrees: string[];
  vectors: { name: string; recipe: Recipe; length: number | string; id: string }[];
}

const vectors = JSON.parse(readFileSync(new URL('../../../test/vectors/vmo.json', import.meta.url), 'utf8')) as Vectors;

function follow(store: VmoStore, recipe: Recipe): VmoHandle {
  if ('bytes' in recipe) return store.fromBytes(Buffer.from(recipe.bytes, 'hex'));
  if ('pattern' in recipe)
    return store.fromBytes(Uint8Array.from({ length: Number(recipe.pattern) }, (_, i) => (7 * i + (i >> 8)) & 255));
  if ('zeros' in recipe) return store.zeros(Number(recipe.zeros));
  if ('concat' in recipe) return store.concat(recipe.concat.map((part) => follow(store, part)));
  if ('slice' in recipe) {
    const [base, offset, length] = recipe.slice;
    return store.slice(follow(store, base), Number(offset), Number(length));
  }
  const [base, patches] = recipe.delta;
  return store.delta(
    follow(store, base),
    patches.map(([offset, bytes]) => ({ offset: Number(offset), bytes: Buffer.from(bytes, 'hex') })),
  );
}

t.test('every published test vector has its length and id, whichever SHA-256 is used', async (t) => {
  t.ok(vectors.vectors.length >= 29);
  for (const store of [new VmoStore(), new VmoStore(nativeHash)])
    for (const { name, recipe, length, id } of vectors.vectors) {
      const vmo = follow(store, recipe);
      t.equal(vmo.length, Number(length), name);
      t.equal(vmo.id, id, name);
    }
});

t.test('the zero subtrees are the published ones', async (t) => {
  const table = new SubtreeTable(new CanonicalHasher(nativeHash));
  const hashes = vectors.zeroSubtrees.map((_, level) => Buffer.from(table.hashOf(table.zero(level))).toString('hex'));
  t.same(hashes, vectors.zeroSubtrees);
  t.equal(hashes.length, 37);
});

// Properties. Lengths and offsets like to lie at the edges of pages; bytes like to be equal.

const lengths = fc.oneof(
  fc.nat({ max: 24_000 }),
  fc.tuple(fc.nat({ max: 9 }), fc.integer({ min: -2, max: 2 })).map(([pages, by]) => Math.max(0, pages * PAGE + by)),
);
const contents = fc
  .tuple(lengths, fc.nat({ max: 3 }))
  .map(([length, seed]) => (seed === 0 ? new Uint8Array(length) : noise(length, seed)));
/** A number that is scaled to its use later, often to whole pages. */
const places = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.constantFrom(1, 1, PAGE));

type Place = [number, number];

function scaled([part, unit]: Place, limit: number): number {
  return Math.min(limit, Math.round((part * limit) / unit) * unit);
}

type Step =
  | { do: 'bytes' | 'build'; content: Uint8Array; cut: Place }
  | { do: 'zeros'; length: number }
  | { do: 'slice'; base: number; from: Place; length: Place }
  | { do: 'concat'; parts: number[] }
  | { do: 'delta'; base: number; patches: { at: Place; content: Uint8Array }[] }
  | { do: 'read'; base: number; from: Place; length: Place }
  | { do: 'page'; base: number; at: Place }
  | { do: 'identify' | 'open' | 'close'; base: number };

const index = fc.nat({ max: 1000 });
const small = fc.tuple(fc.nat({ max: 6 }), fc.nat({ max: 3 })).map(([length, seed]) => noise(length, seed));
const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constantFrom('bytes' as const, 'build' as const), content: contents, cut: places }),
  fc.record({ do: fc.constant('zeros' as const), length: lengths }),
  fc.record({ do: fc.constant('slice' as const), base: index, from: places, length: places }),
  fc.record({ do: fc.constant('concat' as const), parts: fc.array(index, { maxLength: 4 }) }),
  fc.record({
    do: fc.constant('delta' as const),
    base: index,
    patches: fc.array(fc.record({ at: places, content: fc.oneof(small, contents) }), { maxLength: 3 }),
  }),
  fc.record({ do: fc.constant('read' as const), base: index, from: places, length: places }),
  fc.record({ do: fc.constant('page' as const), base: index, at: places }),
  fc.record({ do: fc.constantFrom('identify' as const, 'open' as const, 'close' as const), base: index }),
);

/** A VMO and its expected bytes. */
interface Pair {
  vmo: VmoHandle;
  flat: Uint8Array;
}

/** The longest flat string that a run of steps may reach. */
const FLAT_MAX = 100_000;

/** Executes a step on the store and on flat bytes. Returns the VMO that it made, if any. */
function take(store: VmoStore, pairs: Pair[], step: Step): Pair | undefined {
  const pick = (base: number): Pair => pairs[base % pairs.length]!;
  switch (step.do) {
    case 'bytes':
      return { vmo: store.fromBytes(step.content), flat: step.content };
    case 'build': {
      const cut = scaled(step.cut, step.content.length);
      const builder = store.builder().append(step.content.subarray(0, cut)).append(step.content.subarray(cut));
      return { vmo: builder.commit(), flat: step.content };
    }
    case 'zeros':
      return { vmo: store.zeros(step.length), flat: new Uint8Array(step.length) };
    case 'slice': {
      const { vmo, flat } = pick(step.base);
      const from = scaled(step.from, flat.length);
      const length = scaled(step.length, flat.length - from);
      return { vmo: store.slice(vmo, from, length), flat: flat.slice(from, from + length) };
    }
    case 'concat': {
      const parts = step.parts.map(pick);
      const flat = new Uint8Array(Buffer.concat(parts.map((part) => part.flat)));
      return flat.length > FLAT_MAX ? undefined : { vmo: store.concat(parts.map((part) => part.vmo)), flat };
    }
    case 'delta': {
      const { vmo, flat } = pick(step.base);
      const patches: Patch[] = step.patches
        .filter(({ content }) => content.length <= flat.length)
        .map(({ at, content }) => ({ offset: scaled(at, flat.length - content.length), bytes: content }));
      const patched = flat.slice();
      for (const { offset, bytes } of patches) patched.set(bytes, offset);
      return { vmo: store.delta(vmo, patches), flat: patched };
    }
    default:
      return undefined;
  }
}

/** Compares what a step reads from a VMO with the flat bytes. */
function ask(store: VmoStore, pairs: Pair[], step: Step): void {
  if (!('base' in step)) return;
  const at = step.base % pairs.length;
  const { vmo, flat } = pairs[at]!;
  if (step.do === 'read') {
    const from = scaled(step.from, flat.length);
    const length = scaled(step.length, flat.length - from);
    assertSame(vmo.read(from, length), flat.subarray(from, from + length), `read ${from} + ${length}`);
  } else if (step.do === 'page' && flat.length > 0) assertPage({ vmo, flat }, scaled(step.at, flat.length - 1) >> 12);
  else if (step.do === 'identify') assertEqual(vmo.id, flatId(flat), 'id');
  else if (step.do === 'open') {
    const opened = store.open(vmo.id);
    assertSame(opened!.read(0, flat.length), flat, 'opened by id');
    opened!.close();
  } else if (step.do === 'close' && pairs.length > 1) {
    vmo.close();
    pairs.splice(at, 1);
  }
}

function assertPage({ vmo, flat }: Pair, index: number): void {
  const page = vmo.page(index);
  const wanted = flatPage(flat, index);
  const target = new Uint8Array(PAGE + 2).fill(0xaa);
  page.copyTo(target, 1);
  assertSame(target.subarray(1, 1 + PAGE), wanted, `page ${index}`);
  assertEqual(target[0]! + target[PAGE + 1]!, 2 * 0xaa, `bytes beside page ${index}`);
  assertEqual(
    page.isZero,
    wanted.every((byte) => byte === 0),
    `page ${index} is zero`,
  );
  assertEqual(page.leaf, flatLeaf(wanted), `leaf ${index}`);
}

t.test('any construction, queried in any order, reads and hashes like its flat bytes', async () => {
  fc.assert(
    fc.property(fc.array(steps, { minLength: 1, maxLength: 40, size: 'max' }), (run) => {
      const store = new VmoStore(nativeHash);
      const pairs: Pair[] = [{ vmo: store.fromBytes(noise(9000, 5)), flat: noise(9000, 5) }];
      for (const step of run) {
        const made = take(store, pairs, step);
        if (made !== undefined) pairs.push(made);
        else ask(store, pairs, step);
      }
      for (const { vmo, flat } of pairs) {
        assertEqual(vmo.length, flat.length, 'length');
        assertSame(vmo.read(0, flat.length), flat, 'content');
        assertEqual(vmo.id, flatId(flat), 'id');
        assertSame(vmo.read(0, flat.length), flat, 'content, once hashed');
        [...vmo.pages()].forEach((page, i) => assertEqual(page.leaf, flatLeaf(flatPage(flat, i)), `leaf ${i}`));
        vmo.close();
      }
      assertEqual(store.counters.pagesStored, 0, 'pages stored after the last handle');
      assertEqual(store.counters.published, 0, 'identities after the last handle');
    }),
    { numRuns: 250 },
  );
});

/** Bytes as slices, concats, deltas and pages, down a random tree of cuts. */
function written(store: VmoStore, bytes: Uint8Array, cuts: Place[]): VmoHandle {
  const [cut, ...others] = cuts;
  if (cut === undefined) return store.fromBytes(bytes);
  const at = scaled(cut, bytes.length);
  const half = others.length >> 1;
  if (others.length % 3 === 0) {
    const around = store.concat([store.zeros(at), store.fromBytes(bytes), store.zeros(5)]);
    return store.slice(around, at, bytes.length);
  }
  if (others.length % 3 === 1) {
    const below = written(
      store,
      bytes.map((byte, i) => (i < at ? byte ^ 1 : byte)),
      others,
    );
    return store.delta(below, [{ offset: 0, bytes: bytes.subarray(0, at) }]);
  }
  return store.concat([
    written(store, bytes.subarray(0, at), others.slice(0, half)),
    written(store, bytes.subarray(at), others.slice(half)),
  ]);
}

t.test('two random constructions of the same bytes have one id', async () => {
  const cuts = fc.array(places, { maxLength: 16, size: 'max' });
  fc.assert(
    fc.property(contents, cuts, cuts, (bytes, one, other) => {
      const store = new VmoStore(nativeHash);
      const [a, b] = [written(store, bytes, one), written(store, bytes, other)];
      assertEqual(a.id, b.id, 'id');
      assertEqual([...store.diff(a, b)].length, 0, 'ranges that differ');
    }),
    { numRuns: 200 },
  );
});

t.test('different bytes have different ids', async () => {
  fc.assert(
    fc.property(contents, places, fc.integer({ min: 1, max: 255 }), fc.nat({ max: 5000 }), (bytes, at, by, more) => {
      const store = new VmoStore(nativeHash);
      const changed = bytes.slice();
      if (bytes.length > 0) changed[scaled(at, bytes.length - 1)]! ^= by;
      const variants = [changed, new Uint8Array([...bytes, ...new Uint8Array(more + 1)]), bytes.subarray(1)];
      const ids = variants.filter((v) => !Buffer.from(v).equals(bytes)).map((v) => store.fromBytes(v).id);
      if (ids.includes(store.fromBytes(bytes).id)) throw new Error('* two contents share an id');
    }),
    { numRuns: 200 },
  );
});

t.test('diff yields the pages that differ in bytes or in length, as non-adjacent ranges', async () => {
  fc.assert(
    fc.property(contents, contents, fc.array(fc.tuple(places, small), { maxLength: 4 }), (one, other, changes) => {
      const store = new VmoStore(nativeHash);
      const changed = one.slice();
      for (const [at, bytes] of changes)
        changed.set(bytes.subarray(0, one.length), scaled(at, Math.max(0, one.length - 6)));
      for (const [a, b] of [
        [one, changed],
        [one, other],
        [changed, one.subarray(0, one.length >> 1)],
      ] as const) {
        const pages = Array.from({ length: Math.ceil(Math.max(a.length, b.length) / PAGE) }, (_, i) => i);
        const cut = (bytes: Uint8Array, i: number) => Buffer.from(bytes.subarray(i * PAGE, (i + 1) * PAGE));
        const wanted = pages.filter((i) => !cut(a, i).equals(cut(b, i)));
        const ranges = [...store.diff(store.fromBytes(a), store.fromBytes(b))];
        const found = ranges.flatMap(({ first, count }) => Array.from({ length: count }, (_, i) => first + i));
        assertEqual(found.join(), wanted.join(), 'pages');
        ranges.reduce((end, { first, count }) => {
          if (first <= end || count < 1) throw new Error(`* range ${first} + ${count} after ${end}`);
          return first + count;
        }, -1);
      }
    }),
    { numRuns: 100 },
  );
});

t.test('the cost of diff on huge VMOs depends only on what differs', async (t) => {
  const store = new VmoStore(nativeHash);
  const zeros = store.zeros(MAX);
  const one = store.delta(zeros, [{ offset: 2 ** 40, bytes: Uint8Array.of(1) }]);
  const two = store.delta(one, [{ offset: 2 ** 47 + 5, bytes: Uint8Array.of(2) }]);
  t.same(
    [...store.diff(zeros, two)],
    [
      { first: 2 ** 28, count: 1 },
      { first: 2 ** 35, count: 1 },
    ],
  );
  t.same([...store.diff(one, two)], [{ first: 2 ** 35, count: 1 }]);
  t.same([...store.diff(store.zeros(2 ** 40), store.zeros(2 ** 40 + 1))], [{ first: 2 ** 28, count: 1 }]);
  t.ok(store.counters.nodesHashed < 200);
});

// Cost: counted, not timed. design/vmo.md "Cost".

interface Counts {
  leaves: number;
  nodes: number;
}

/** A store whose zero subtrees are hashed, as they are constants; and the hashes that an action makes it compute. */
function counting(): { store: VmoStore; cost: (action: () => unknown) => Counts } {
  const counts = { leaves: 0, nodes: 0 };
  const store = new VmoStore((data) => {
    if (data[0] === 0) counts.leaves++;
    if (data[0] === 1) counts.nodes++;
    return nativeHash(data);
  });
  const zeros = store.zeros(MAX);
  void zeros.id;
  return {
    store,
    cost: (action) => {
      const before = { ...counts };
      action();
      return { leaves: counts.leaves - before.leaves, nodes: counts.nodes - before.nodes };
    },
  };
}

/** A hashed VMO of 2^level full pages, all different. */
function hashed(store: VmoStore, level: number): VmoHandle {
  const vmo = store.fromBytes(noise(PAGE * 2 ** level, 3));
  void vmo.id;
  return vmo;
}

t.test('constructors and copies hash nothing; a page hashes one leaf, once', async (t) => {
  const { store, cost } = counting();
  let image = store.zeros(0);
  t.same(
    cost(() => {
      image = store.fromBytes(noise(1 << 20, 9));
      const shifted = store.slice(image, 1, 5000);
      const both = store.concat([shifted, image, store.delta(image, [{ offset: 77, bytes: Uint8Array.of(1) }])]);
      both.read(0, both.length);
      for (const page of image.pages()) page.copyTo(new Uint8Array(PAGE));
    }),
    { leaves: 0, nodes: 0 },
  );
  t.same(
    cost(() => image.page(3).leaf),
    { leaves: 1, nodes: 0 },
  );
  t.same(
    cost(() => store.slice(image, 0, 5 * PAGE).page(3).leaf),
    { leaves: 0, nodes: 0 },
  );
  const shifted = store.slice(image, 100, 5 * PAGE);
  t.same(
    cost(() => [shifted.page(2).leaf, shifted.page(2).leaf]),
    { leaves: 1, nodes: 0 },
  );
  t.same(
    cost(() => image.id),
    { leaves: 255, nodes: 255 },
  );
  t.same(
    cost(() => image.id),
    { leaves: 0, nodes: 0 },
  );
  t.same(
    cost(() => store.fromBytes(noise(1 << 20, 9)).id),
    { leaves: 0, nodes: 0 },
    'the same bytes once more',
  );
});

t.test(
  'a slice of at most 2^k whole pages at a multiple of 2^k pages hashes no leaf and at most log2 n nodes',
  async (t) => {
    const { store, cost } = counting();
    const base = hashed(store, 6);
    for (const [at, pages] of [
      [0, 64],
      [32, 32],
      [32, 31],
      [16, 16],
      [16, 11],
      [60, 3],
      [63, 1],
      [8, 5],
    ] as const) {
      const { leaves, nodes } = cost(() => store.slice(base, at * PAGE, pages * PAGE).id);
      t.equal(leaves, 0, `${pages} pages at ${at}`);
      t.ok(nodes <= 6, `${pages} pages at ${at}: ${nodes} nodes`);
    }
    t.same(
      cost(() => store.slice(base, 48 * PAGE, 16 * PAGE).id),
      { leaves: 0, nodes: 0 },
    );
  },
);

t.test(
  'a slice of whole pages at any page hashes no leaf and at most pages + log2 n nodes; a partial page adds one leaf',
  async (t) => {
    const { store, cost } = counting();
    const base = hashed(store, 6);
    for (const [at, pages] of [
      [1, 63],
      [5, 20],
      [31, 2],
      [33, 31],
      [7, 1],
    ] as const) {
      const whole = cost(() => store.slice(base, at * PAGE, pages * PAGE).id);
      t.equal(whole.leaves, 0, `${pages} pages at ${at}`);
      t.ok(whole.nodes <= pages + 6, `${pages} pages at ${at}: ${whole.nodes} nodes`);
      const cut = cost(() => store.slice(base, at * PAGE, pages * PAGE - pages).id);
      t.equal(cut.leaves, 1, `${pages} pages at ${at}, cut`);
      t.ok(cut.nodes <= 6, `${pages} pages at ${at}, cut: one path, ${cut.nodes} nodes`);
    }
  },
);

t.test('a slice shifted by bytes hashes all of it', async (t) => {
  const { store, cost } = counting();
  const base = hashed(store, 5);
  t.same(
    cost(() => store.slice(base, 1, 16 * PAGE).id),
    { leaves: 16, nodes: 15 },
  );
});

t.test('base ‖ base of 2^k full pages hashes one node', async (t) => {
  const { store, cost } = counting();
  const base = hashed(store, 5);
  t.same(
    cost(() => store.concat([base, base]).id),
    { leaves: 0, nodes: 1 },
  );
});

t.test('a one-byte delta hashes one leaf and a path of nodes', async (t) => {
  const { store, cost } = counting();
  for (const level of [0, 1, 5, 8]) {
    const base = hashed(store, level);
    const offset = Math.floor(base.length / 3);
    const bytes = Uint8Array.of(base.read(offset, 1)[0]! ^ 1);
    t.same(
      cost(() => store.delta(base, [{ offset, bytes }]).id),
      { leaves: 1, nodes: level },
      `2^${level} pages`,
    );
  }
});

t.test('zeros cost nothing; a one-byte delta on 2^47 of them, one leaf and 35 nodes', async (t) => {
  const { store, cost } = counting();
  t.same(
    cost(() => store.zeros(2 ** 47).id),
    { leaves: 0, nodes: 0 },
  );
  t.same(
    cost(() => store.zeros(2 ** 47 - 1).page(2 ** 35 - 1).leaf),
    { leaves: 0, nodes: 0 },
  );
  t.same(
    cost(() => store.fromBytes(new Uint8Array(100_000)).id),
    { leaves: 0, nodes: 0 },
  );
  const base = store.zeros(2 ** 47);
  const bytes = Uint8Array.of(7);
  t.same(
    cost(() => store.delta(base, [{ offset: 2 ** 46 + 1, bytes }]).id),
    { leaves: 1, nodes: 35 },
  );
});

t.test('repeated content of a VMO is gathered and hashed once, wherever it is', async (t) => {
  const { store, cost } = counting();
  const doubled = (unit: VmoHandle, times: number): VmoHandle =>
    times === 0 ? unit : store.concat(Array<VmoHandle>(2).fill(doubled(unit, times - 1)));
  const page = store.fromBytes(noise(PAGE, 8));
  t.same(
    cost(() => doubled(page, 35).id),
    { leaves: 1, nodes: 35 },
  );
  const unit = store.fromBytes(noise(PAGE + 512, 4));
  const { leaves, nodes } = cost(() => doubled(unit, 20).id);
  t.equal(leaves, 9, 'the phases of 4608 bytes in pages');
  t.ok(nodes <= 9 * 21, `${nodes} nodes`);
  const shifted = cost(() => store.slice(doubled(page, 30), 1, 2 ** 41).id);
  t.ok(shifted.leaves === 1 && shifted.nodes <= 30, `${shifted.leaves} leaves, ${shifted.nodes} nodes`);
});

t.test('reads stay O(log n) after a hundred thousand consecutive operations', async (t) => {
  checkChains(t, 100_000);
});

t.test('no side of a branch weighs more than three times the other, after any splits and joins', async () => {
  const table = new SubtreeTable(new CanonicalHasher(nativeHash));
  const pieces = Array.from({ length: 97 }, (_, i) => wholePiece(table.leaf(noise(3, 2 * i + 1)), 3, table.zero(36))!);
  const checked = new WeakSet<Rope>();
  const check = (rope: Rope): void => {
    if (rope instanceof Piece || checked.has(rope)) return;
    checked.add(rope);
    const [light, heavy] = [rope.left.weight, rope.right.weight].sort((a, b) => a - b) as [number, number];
    if (heavy > SIDES_RATIO_MAX * light) throw new Error(`* sides of ${rope.left.weight} and ${rope.right.weight}`);
    check(rope.left);
    check(rope.right);
  };
  const cuts = fc.record({ kind: fc.nat({ max: 3 }), one: index, other: index, at: places, length: places });
  fc.assert(
    fc.property(fc.nat({ max: 60 }), fc.array(cuts, { maxLength: 300, size: 'max' }), (first, run) => {
      const ropes: Rope[] = [
        pieces.slice(0, first + 1).reduce<Rope>((rope, piece) => append(rope, piece)!, pieces[96]!),
      ];
      for (const { kind, one, other, at, length } of run) {
        const [base, second] = [ropes[one % ropes.length]!, ropes[other % ropes.length]!];
        const from = scaled(at, base.length - 1);
        const count = scaled(length, base.length - from);
        const patch = slice(second, 0, Math.min(count, second.length));
        const made =
          kind === 0
            ? append(base, pieces[other % 97]!)
            : kind === 1
              ? slice(base, from, count)
              : kind === 2
                ? replace(base, from, patch)
                : append(second, base);
        if (made === undefined || made.weight > 2 ** 40) continue;
        check(made);
        ropes.push(made);
      }
    }),
    { numRuns: 200 },
  );
});

// What is stored.

t.test('equal pages are stored once, whatever their origin', async (t) => {
  const store = new VmoStore(nativeHash);
  const page = noise(PAGE, 1);
  const vmo = store.fromBytes(new Uint8Array([...page, ...new Uint8Array(PAGE), ...page, ...page.subarray(0, 100)]));
  t.equal(store.counters.pagesStored, 2, 'zeros are not stored');
  const shifted = store.slice(store.concat([store.fromBytes(Uint8Array.of(1)), store.page(page)]), 1, PAGE);
  t.equal(shifted.page(0).leaf, vmo.page(2).leaf);
  t.equal(store.builder().append(page.subarray(0, 7)).append(page.subarray(7)).commit().id, shifted.id);
  t.equal(store.counters.pagesStored, 3);
});

t.test('pages that collide in the cheap hash stay separate, and are stored once when they are hashed', async (t) => {
  const store = new VmoStore(nativeHash);
  const pages = Array.from({ length: 100 }, (_, i) => {
    const hashOfFirst = Math.imul(2 ^ i, 0x9e3779b1);
    const words = Int32Array.of(i, ((hashOfFirst << 15) | (hashOfFirst >>> 17)) ^ 0x1234567);
    return new Uint8Array(words.buffer);
  });
  const collisions = new Set(pages.map((page) => cheapHashOf(new Int32Array(page.buffer), 2)));
  t.equal(collisions.size, 1);
  const twice = [...pages, ...pages].map((page) => store.page(page));
  twice.forEach((vmo, i) => t.same(vmo.read(0, 8), pages[i % 100]));
  t.ok(store.counters.pagesStored > 100, 'before');
  t.equal(new Set(twice.map((vmo) => vmo.page(0).leaf)).size, 100);
  t.equal(store.counters.pagesStored, 100, 'after');
  twice.slice(0, 100).forEach((vmo) => vmo.close());
  t.equal(store.counters.pagesStored, 100, 'the equal ones keep them');
  t.equal(store.page(pages[99]!).page(0).leaf, twice[199]!.page(0).leaf);
  t.equal(store.counters.pagesStored, 100);
  twice[100]!.close();
  t.equal(store.counters.pagesStored, 99);
  twice.slice(101).forEach((vmo) => vmo.close());
  t.equal(store.counters.pagesStored, 1, 'the last handle is that of page 99');
});

t.test('nothing from outside changes what a store holds', async (t) => {
  const store = new VmoStore(nativeHash);
  const given = noise(6000, 2);
  const wanted = given.slice();
  const patch = Uint8Array.of(1, 2, 3);
  const vmos = [
    store.fromBytes(given),
    store.delta(store.zeros(6000), [{ offset: 0, bytes: given }]),
    store.builder().append(given).commit(),
    store.concat([store.page(given.subarray(0, PAGE)), store.page(given.subarray(PAGE))]),
  ];
  const patched = store.delta(store.zeros(3), [{ offset: 0, bytes: patch }]);
  given.fill(0);
  patch.fill(0);
  for (const vmo of vmos) {
    vmo.read(0, 6000).fill(9);
    const target = new Uint8Array(PAGE);
    vmo.page(0).copyTo(target);
    target.fill(9);
    t.equal(vmo.id, flatId(wanted));
    t.same(vmo.read(0, 6000), wanted);
  }
  t.same(patched.read(0, 3), Uint8Array.of(1, 2, 3));
});

t.test('an id can be opened once it was requested, until the last handle is closed', async (t) => {
  const store = new VmoStore(nativeHash);
  const bytes = noise(5000, 3);
  const first = store.fromBytes(bytes);
  const id = flatId(bytes);
  t.equal(store.open(id), undefined, 'nobody asked');
  t.equal(first.id, id);
  const same = store.slice(first, 0, 5000);
  const equal = store.concat([store.slice(first, 0, 4999), store.slice(first, 4999, 1)]);
  t.equal(equal.id, id);
  const opened = store.open(id)!;
  t.same(opened.read(0, 5000), bytes);
  first.close();
  first.close();
  t.ok(store.open(id), 'a slice of the whole is the thing itself');
  same.close();
  store.open(id)!.close();
  equal.close();
  store.open(id)!.close();
  opened.close();
  t.ok(store.open(id), 'the handle opened above in passing');
  t.equal(store.open('0'.repeat(64)), undefined);

  const other = store.zeros(3);
  const page = other.page(0);
  void other.id;
  other.close();
  t.equal(store.open(flatId(new Uint8Array(3))), undefined);
  t.equal(page.leaf, flatLeaf(new Uint8Array(PAGE)), 'a page outlives its handle');
  t.throws(() => other.length, VmoHandleError);
});

t.test('content of the host is in no account, and becomes the same VMO again and again', async (t) => {
  for (const length of [0, 1, PAGE, 70_000, 600 * PAGE + 5]) {
    const store = new VmoStore(nativeHash);
    const bytes = noise(length, 3);
    const content = store.hostContent();
    for (let at = 0; at < length; at += 64 * PAGE) content.append(bytes.subarray(at, at + 64 * PAGE));
    t.equal(store.hostBytes, 0);
    const remembered = finished(content.finish());
    t.equal(store.hostBytes, 0);
    t.equal(store.counters.pagesStored, 0, 'nothing is held');
    t.equal(store.open(flatId(bytes)), undefined);
    const read = store.fromBytes(bytes);
    t.equal(read.id, flatId(bytes));
    const { hostBytes } = store;
    read.close();
    const hashed = store.counters.leavesHashed;
    for (let times = 0; times < 2; times++) {
      const vmo = store.recall(remembered);
      t.equal(vmo.id, flatId(bytes));
      t.equal(store.counters.leavesHashed, hashed, 'what is known is not hashed again');
      t.equal(store.hostBytes, hostBytes, 'it counts as if it had been read');
      t.ok(Buffer.from(bytes).equals(vmo.read(0, length)));
      vmo.close();
    }
    t.equal(store.hostBytes, 0);
  }
  const store = new VmoStore(nativeHash);
  store.hostContent().append(noise(70_000, 4)).discard();
  t.equal(store.counters.pagesStored, 0);
  t.throws(() => store.hostContent().append(noise(5, 4)).append(noise(5, 4)), VmoRangeError);
});

t.test('released content can be held again until it is freed', (t) => {
  const anyStep = fc.record({
    what: fc.constantFrom('make', 'make unhashed', 'close', 'close later', 'forget some', 'part'),
    content: fc.nat({ max: 3 }),
    pages: fc.integer({ min: 1, max: 9 }),
  });
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 40 }), (steps) => {
      const store = new VmoStore(nativeHash);
      const handles: VmoHandle[] = [];
      const models: Uint8Array[] = [];
      for (const { what, content, pages } of steps) {
        if (what.startsWith('make')) {
          models.push(noise(pages * PAGE, content));
          handles.push(store.fromBytes(models.at(-1)!));
          if (what === 'make') void handles.at(-1)!.id;
        } else if (what === 'forget some') store.forgetSome(pages);
        else if (handles.length > 0) {
          const place = content % handles.length;
          const handle = handles[place]!;
          if (what === 'part') {
            const [from, length] = [1, handle.length - 1];
            models.push(models[place]!.slice(from));
            handles.push(store.slice(handle, from, length));
            void handles.at(-1)!.contentId;
            continue;
          }
          handles.splice(place, 1);
          models.splice(place, 1);
          if (what === 'close') handle.close();
          else store.closing(() => handle.close());
        }
        handles.forEach((handle, i) => {
          if (handle.contentId !== flatId(models[i]!)) throw new Error('a VMO has changed');
        });
      }
      store.closing(() => handles.forEach((handle) => handle.close()));
      store.forgetSome(Infinity);
      const { pagesStored, published } = store.counters;
      if (pagesStored !== 0 || published !== 0) throw new Error(`${pagesStored} pages and ${published} ids are kept`);
    }),
    { numRuns: 300 },
  );
  t.end();
});

t.test(
  'constructors normalise: a slice of everything is the VMO itself, and adjacent slices of one base merge',
  async (t) => {
    const store = new VmoStore(nativeHash);
    const base = store.fromBytes(noise(50_000, 3));
    const cut = [0, 1, 4096, 20_001, 49_999, 50_000];
    const joined = store.concat(cut.slice(1).map((end, i) => store.slice(base, cut[i]!, end - cut[i]!)));
    const before = store.counters.extentsVisited;
    joined.read(0, 1);
    const nested = store.slice(store.slice(store.slice(base, 1, 40_000), 4095, 20_000), 0, 4096);
    const between = store.counters.extentsVisited;
    nested.read(0, 1);
    t.equal(between - before, 6, 'one window, four nodes, one page');
    t.equal(store.counters.extentsVisited - between, 6);
    t.equal(store.slice(base, 50_000, 0).id, store.zeros(0).id);
    t.equal(store.concat([]).id, store.fromBytes(new Uint8Array()).id);
    t.equal(store.concat([store.zeros(0), base, store.zeros(0)]).id, base.id);
    t.equal(store.delta(base, [{ offset: 50_000, bytes: new Uint8Array() }]).id, base.id);
    t.equal(store.concat([store.zeros(2 ** 47), store.zeros(2 ** 47)]).id, store.zeros(MAX).id);
  },
);

// Refusals.

t.test('errors state the numbers and change nothing', async (t) => {
  const store = new VmoStore(nativeHash);
  const bytes = noise(10_000, 1);
  const vmo = store.fromBytes(bytes);
  const foreign = new VmoStore(nativeHash).zeros(1);
  const closed = store.zeros(1);
  closed.close();
  const builder = store.builder().append(bytes);
  builder.commit().close();
  const longest = store.zeros(MAX);
  void longest.id;
  const one = Uint8Array.of(1);
  const refused: [string, () => unknown, new (...args: never[]) => Error, RegExp][] = [
    ['an empty page', () => store.page(new Uint8Array()), VmoRangeError, /0 bytes.* 1 to 4096/],
    ['a page too long', () => store.page(new Uint8Array(4097)), VmoRangeError, /4097 bytes.* 1 to 4096/],
    ['a slice beyond', () => store.slice(vmo, 4096, 8192), VmoRangeError, /4096 \+ length 8192 exceeds 10000 bytes/],
    ['a slice that would wrap', () => store.slice(vmo, MAX, MAX), VmoRangeError, /281474976710656/],
    ['an offset beyond all', () => store.slice(vmo, 2 ** 53, 1), VmoRangeError, /9007199254740992 exceeds/],
    ['a negative offset', () => store.slice(vmo, -1, 1), VmoRangeError, /-1/],
    ['a broken length', () => store.slice(vmo, 0, 1.5), VmoRangeError, /1\.5/],
    ['no number', () => store.slice(vmo, NaN, 1), VmoRangeError, /NaN/],
    ['a read beyond', () => vmo.read(10_000, 1), VmoRangeError, /10000 \+ length 1 exceeds 10000 bytes/],
    ['a page beyond', () => vmo.page(3), VmoRangeError, /page 3 .* 3 pages/],
    ['a negative page', () => vmo.page(-1), VmoRangeError, /-1/],
    ['a copy without room', () => vmo.page(0).copyTo(new Uint8Array(5000), 905), VmoRangeError, /905 .* 5000/],
    [
      'a patch outside, after a good one',
      () =>
        store.delta(vmo, [
          { offset: 0, bytes: one },
          { offset: 10_000, bytes: one },
        ]),
      VmoRangeError,
      /10000 \+ length 1 exceeds 10000 bytes/,
    ],
    ['zeros too long', () => store.zeros(MAX + 1), VmoRangeError, /281474976710657/],
    ['infinite zeros', () => store.zeros(Infinity), VmoRangeError, /Infinity/],
    ['a concat too long', () => store.concat([longest, vmo]), VmoRangeError, /281474976710656 \+ 10000/],
    ['a foreign part', () => store.concat([vmo, foreign]), VmoHandleError, /another store/],
    ['a foreign base', () => store.slice(foreign, 0, 1), VmoHandleError, /another store/],
    ['a foreign base of a delta', () => store.delta(foreign, []), VmoHandleError, /another store/],
    ['a foreign side of a diff', () => store.diff(vmo, foreign), VmoHandleError, /another store/],
    ['a closed base', () => store.slice(closed, 0, 1), VmoHandleError, /closed/],
    ['a closed handle', () => closed.read(0, 1), VmoHandleError, /closed/],
    ['a builder used up', () => builder.append(one), VmoHandleError, /used up/],
  ];
  const id = vmo.id;
  const before = store.counters;
  for (const [name, action, type, message] of refused) {
    let error: unknown;
    try {
      action();
    } catch (thrown) {
      error = thrown;
    }
    t.ok(error instanceof type, `${name}: ${String(error)}`);
    t.match(String(error), message, name);
  }
  t.same(store.counters, before);
  t.equal(vmo.id, id);
  t.same(vmo.read(0, 10_000), bytes);
});
