import t from 'tap';
import { CanonicalHasher, PageFormat } from '../../src/vmo/content/canonical-form.js';
import { VmoRangeError } from '../../src/vmo/errors.js';
import { prove, verifyProof } from '../../src/vmo/records/inclusion-proof.js';
import { VmoStore } from '../../src/vmo/store.js';
import fc from '../support/fast-check.js';
import { MemoryRecords } from './memory-records.js';
import { flatId, flatPage, nativeHash, noise, PAGE } from './model.js';

t.test('every page of a VMO is proven by one sibling per level; any change invalidates the proof', async () => {
  const format = new PageFormat(2);
  const contents = fc
    .tuple(fc.integer({ min: 1, max: 200 }), fc.nat({ max: 3 }))
    .map(([length, seed]) => (seed === 0 ? new Uint8Array(length) : noise(length, seed)));
  fc.assert(
    fc.property(contents, fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), (bytes, drawnPage, drawnAt, by) => {
      const store = new VmoStore(nativeHash, format);
      const handle = store.fromBytes(bytes);
      const pages = format.pagesOf(bytes.length);
      const page = drawnPage % pages;
      const content = flatPage(bytes, page, 4);
      const proof = prove(handle, page);
      const id = flatId(bytes, 2);
      const check = (
        change: Partial<Record<'id' | 'length' | 'page' | 'content' | 'proof', unknown>> = {},
      ): boolean => {
        const all = { id, length: bytes.length, page, content, proof, ...change };
        return verifyProof(
          all.id as string,
          all.length as number,
          all.page as number,
          all.content as Uint8Array,
          all.proof as Uint8Array[],
          nativeHash,
          format,
        );
      };
      const expect = (isProof: boolean, wanted: boolean, what: string): void => {
        if (isProof !== wanted) throw new Error(`* ${what}: ${isProof}`);
      };
      expect(proof.length === format.heightOf(bytes.length), true, 'length of the proof');
      expect(check(), true, 'the proof');
      expect(check({ content: bytes.subarray(page * 4, page * 4 + 4) }), true, 'without the zeros beyond the end');
      const flipped = content.slice();
      flipped[drawnAt % 4]! ^= by;
      expect(check({ content: flipped }), false, 'another page');
      expect(check({ length: bytes.length + 1 }), false, 'another length');
      expect(check({ id: flatId(Uint8Array.of(...bytes, by), 2) }), false, 'another id');
      expect(check({ proof: [...proof, nativeHash(content)] }), false, 'a longer proof');
      if (proof.length > 0) {
        expect(check({ proof: proof.slice(1) }), false, 'a shorter proof');
        const level = drawnAt % proof.length;
        const hash = proof[level]!.slice();
        hash[by % 32]! ^= by;
        const replaced = (sibling: Uint8Array) => proof.map((one, at) => (at === level ? sibling : one));
        expect(check({ proof: replaced(hash) }), false, 'another sibling');
        expect(check({ proof: replaced(hash.subarray(1)) }), false, 'a shorter sibling');
      }
      for (let other = 0; other < pages; other++)
        if (!Buffer.from(flatPage(bytes, other, 4)).equals(content))
          expect(check({ page: other }), false, `page ${other}`);
      for (const wrong of [-1, 0.5, pages, NaN, Infinity]) expect(check({ page: wrong }), false, `page ${wrong}`);
      for (const wrong of [-1, 0.5, 0, 2 ** 60, NaN]) expect(check({ length: wrong }), false, `length ${wrong}`);
    }),
    { numRuns: 300 },
  );
});

t.test('a page of the longest VMO takes 36 siblings', async (t) => {
  const store = new VmoStore(nativeHash);
  const bytes = Uint8Array.of(1, 2, 3);
  const vmo = store.delta(store.zeros(2 ** 48), [{ offset: 2 ** 47 + 5 * PAGE, bytes }]);
  const page = 2 ** 35 + 5;
  const proof = prove(vmo, page);
  t.equal(proof.length, 36);
  t.equal(verifyProof(vmo.id, 2 ** 48, page, bytes, proof, nativeHash), true);
  t.equal(verifyProof(vmo.id, 2 ** 48, page - 1, bytes, proof, nativeHash), false);
  t.equal(verifyProof(vmo.id, 2 ** 48, 5, new Uint8Array(0), prove(vmo, 5), nativeHash), true, 'a page of zeros');
  t.throws(() => prove(vmo, 2 ** 36), VmoRangeError);
  t.throws(() => prove(vmo, -1), VmoRangeError);
  t.throws(() => prove(store.zeros(0), 0), /page 0 is not one of 0 pages/);
});

t.test('bytes beyond the end must be zeros', async (t) => {
  const store = new VmoStore(nativeHash);
  const page = noise(PAGE, 1);
  const whole = store.fromBytes(page);
  t.equal(verifyProof(whole.id, PAGE, 0, page, [], nativeHash), true);
  t.equal(verifyProof(whole.id, PAGE, 0, new Uint8Array(PAGE + 1), [], nativeHash), false, 'a page too long');
  const cut = store.fromBytes(page.subarray(0, 100));
  t.equal(verifyProof(cut.id, 100, 0, page.subarray(0, 100), [], nativeHash), true);
  t.equal(verifyProof(cut.id, 100, 0, page, [], nativeHash), false);
  const hasher = new CanonicalHasher(nativeHash);
  const forged = Buffer.from(hasher.root(100, hasher.leaf(page))).toString('hex');
  t.equal(verifyProof(forged, 100, 0, page, [], nativeHash), false, 'a root that no VMO has');
});

t.test('a proof from a RecordStore reads one record per level', async (t) => {
  const records = new MemoryRecords();
  const bytes = noise(64 * PAGE, 3);
  const writer = new VmoStore(nativeHash);
  const { id } = writer.fromBytes(bytes);
  writer.saveTo(records, writer.open(id)!);
  const store = new VmoStore(nativeHash);
  const vmo = store.openFrom(records, id)!;
  records.asked.get = 0;
  const proof = prove(vmo, 41);
  t.equal(records.asked.get, 6);
  t.equal(verifyProof(id, bytes.length, 41, bytes.subarray(41 * PAGE, 42 * PAGE), proof, nativeHash), true);
  t.equal(store.counters.pagesStored, 0);
});

t.test('a page of zeros is proven from a RecordStore, which has no records of zeros', async (t) => {
  const records = new MemoryRecords();
  const writer = new VmoStore(nativeHash);
  const bytes = Buffer.concat([noise(PAGE, 3), new Uint8Array(15 * PAGE)]);
  const { id } = writer.fromBytes(bytes);
  writer.saveTo(records, writer.open(id)!);
  const vmo = new VmoStore(nativeHash).openFrom(records, id)!;
  for (const page of [0, 1, 3, 5, 12])
    t.equal(verifyProof(id, bytes.length, page, flatPage(bytes, page, PAGE), prove(vmo, page), nativeHash), true);
});
