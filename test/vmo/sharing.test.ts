import t from 'tap';
import { PageFormat } from '../../src/vmo/content/canonical-form.js';
import type { VmoHandle } from '../../src/vmo/handle.js';
import { VmoStore } from '../../src/vmo/store.js';
import { openedNode, type Subtree } from '../../src/vmo/content/subtree.js';
import fc from '../support/fast-check.js';
import { nativeHash, noise, PAGE } from './model.js';

function treeOf(vmo: VmoHandle): Subtree {
  return vmo.content.canonical().tree;
}

t.test('equal subtrees are one object at every level, before anything is hashed', async () => {
  const format = new PageFormat(2);
  const contents = fc
    .array(fc.nat({ max: 2 }), { maxLength: 200, size: 'max' })
    .map((values) => Uint8Array.from(values));
  fc.assert(
    fc.property(contents, fc.array(fc.nat({ max: 200 }), { maxLength: 5 }), (bytes, cuts) => {
      const store = new VmoStore(nativeHash, format);
      const whole = store.fromBytes(bytes);
      const around = store.concat([store.fromBytes(Uint8Array.of(1)), whole]);
      const places = [0, ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b), bytes.length];
      const parts = places.slice(1).map((end, i) => store.slice(around, 1 + places[i]!, end - places[i]!));
      const others = [store.concat(parts), store.builder().append(bytes).commit()];
      const patched = store.builder().write(0, new Uint8Array(bytes.length).fill(3));
      others.push(patched.write(0, bytes).commit());
      for (const other of others) if (treeOf(other) !== treeOf(whole)) throw new Error('* two trees of equal bytes');
      const node = treeOf(whole);
      if (node.level > 0) {
        const half = 2 ** (node.level - 1) * 4;
        const right = store.slice(around, 1 + half, bytes.length - half);
        const aligned = treeOf(right);
        let expected = openedNode(node).right;
        while (expected.level > aligned.level) expected = openedNode(expected).left;
        if (aligned !== expected) throw new Error('* a half is not the half');
      }
      if (store.counters.nodesHashed + store.counters.leavesHashed > 0) throw new Error('* hashed');
    }),
    { numRuns: 500 },
  );
});

t.test('VMOs that differ in one page share all but one path, and diff visits only that path', async (t) => {
  const store = new VmoStore(nativeHash);
  const base = store.fromBytes(noise(1024 * PAGE, 1));
  const changed = store.delta(base, [{ offset: 700 * PAGE + 9, bytes: noise(1, 7) }]);
  let [a, b] = [treeOf(base), treeOf(changed)];
  let differing = 0;
  while (a.level > 0) {
    const [nodeOfA, nodeOfB] = [openedNode(a), openedNode(b)];
    const isLeft = nodeOfA.left !== nodeOfB.left;
    t.ok(isLeft !== (nodeOfA.right !== nodeOfB.right), `one half of level ${a.level} is shared`);
    [a, b] = isLeft ? [nodeOfA.left, nodeOfB.left] : [nodeOfA.right, nodeOfB.right];
    differing++;
  }
  t.equal(differing, 10);
  t.equal(store.counters.pagesStored, 1025);
  void base.id;
  const before = store.counters;
  t.same([...store.diff(base, changed)], [{ first: 700, count: 1 }]);
  t.equal(store.counters.leavesHashed, before.leavesHashed + 1);
  t.equal(store.counters.nodesHashed, before.nodesHashed + 10);
});
