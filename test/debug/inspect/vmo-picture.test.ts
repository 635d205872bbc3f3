/** Pictures of VMOs: the hashes in them are those of the format, and equal subtrees are one node. */
import { createHash } from 'node:crypto';
import t from 'tap';
import { vmoPicture, type GraphNode, type VmoPicture } from '../../../src/debug/inspect/vmo-picture.js';
import { sha256 } from '../../../src/host/sha256.js';
import { VmoStore, type VmoHandle } from '../../../src/index.js';
import fc from '../../support/fast-check.js';

const PAGE = 4096;

/** The bytes that a node stands for, as the picture says. */
function bytesOf(picture: VmoPicture, id: number, pages: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const { kind, bytes, start, hash, children } = picture.nodes[id]!;
  if (kind === 'zeros') return new Uint8Array(bytes);
  if (kind === 'page') return pages.get(hash!)!;
  // Runs of zeros are windows on the largest subtree of zeros.
  if (kind === 'piece' && picture.nodes[children[0]!]!.kind === 'zeros') return new Uint8Array(bytes);
  const below = Buffer.concat(children.map((child) => bytesOf(picture, child, pages)));
  return kind === 'piece' ? below.subarray(start, start + bytes) : below;
}

/** The hash of a subtree, from the pages up. */
function hashOf(picture: VmoPicture, { kind, level, hash, children }: GraphNode): string {
  if (kind === 'page' || kind === 'zeros') return hash!;
  const [left, right] = children.map((child) => Buffer.from(hashOf(picture, picture.nodes[child]!), 'hex'));
  return createHash('sha256').update(Uint8Array.of(1, level)).update(left!).update(right!).digest('hex');
}

const part = fc.record({ byte: fc.nat(2), length: fc.integer({ min: 1, max: 3 * PAGE }) });

t.test('both graphs of a VMO have its bytes, and its hashes', async () => {
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 6 }), (parts) => {
      const store = new VmoStore(sha256);
      const handles = parts.map(({ byte, length }) => store.fromBytes(new Uint8Array(length).fill(byte)));
      const vmo = store.concat(handles);
      const before = store.hostBytes;
      const picture = vmoPicture([vmo], sha256);
      const [{ built, canonical, id, length }] = picture.vmos as [VmoPicture['vmos'][number]];
      const all = vmo.read(0, vmo.length);
      const pages = new Map<string, Uint8Array>();
      const note = (page: Uint8Array): void => {
        const padded = Buffer.concat([page, new Uint8Array(PAGE - page.length)]);
        pages.set(createHash('sha256').update(Uint8Array.of(0)).update(padded).digest('hex'), padded);
      };
      for (let at = 0; at < all.length; at += PAGE) note(all.subarray(at, at + PAGE));
      for (const handle of handles)
        for (let at = 0; at < handle.length; at += PAGE) note(handle.read(at, Math.min(PAGE, handle.length - at)));
      const keys = picture.nodes.flatMap(({ hash, level }) => (hash === undefined ? [] : [`${level} ${hash}`]));
      return (
        Buffer.compare(bytesOf(picture, built!, pages), all) === 0 &&
        Buffer.compare(bytesOf(picture, canonical!, pages).subarray(0, all.length), all) === 0 &&
        hashOf(picture, picture.nodes[canonical!]!) === picture.nodes[canonical!]!.hash &&
        new Set(keys).size === keys.length &&
        length === all.length &&
        store.hostBytes === before &&
        id === vmo.id
      );
    }),
  );
});

t.test('two VMOs share what is equal, and differ in pages', async (t) => {
  const store = new VmoStore(sha256);
  const bytes = Uint8Array.from({ length: 8 * PAGE }, (_, at) => at / PAGE);
  const changed = bytes.slice();
  changed[5 * PAGE] = 99;
  const handles = [bytes, changed].map((each) => store.fromBytes(each)) as [VmoHandle, VmoHandle];
  const picture = vmoPicture(handles, sha256);
  t.strictSame(picture.differences, [{ first: 5, count: 1 }]);
  const pages = picture.nodes.filter(({ kind }) => kind === 'page');
  t.equal(pages.length, 8, '7 pages that are not zero, and the one that differs');
  const [a, b] = picture.vmos.map(({ canonical }) => picture.nodes[canonical!]!);
  t.equal(a!.children[0], b!.children[0], 'the first half is one node');
  t.not(a!.children[1], b!.children[1]);
  t.strictSame(vmoPicture([handles[0], handles[0]], sha256).differences, []);
});

t.test('what cannot be drawn is refused, and large graphs are cut', async (t) => {
  const store = new VmoStore(sha256);
  t.throws(() => vmoPicture([store.zeros(2 ** 40)], sha256), { message: /too long to be drawn/ });
  t.strictSame(vmoPicture([store.fromBytes(new Uint8Array(0))], sha256).vmos[0]?.built, undefined);
  const pages = Uint8Array.from({ length: 1024 * PAGE }, (_, at) => (at % PAGE === 0 ? at / PAGE : (at / PAGE) >> 8));
  const { nodes } = vmoPicture([store.fromBytes(pages)], sha256);
  t.ok(nodes.length < 900 && nodes.some(({ isCut }) => isCut), `${nodes.length} nodes`);
});
