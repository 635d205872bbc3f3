import t from 'tap';
import { sha256 } from '@noble/hashes/sha2.js';
import { ContentHasher } from '../../src/vmo/content/content-hasher.js';
import { MAX_LENGTH } from '../../src/vmo/content/canonical-form.js';
import { VmoHandleError, VmoRangeError } from '../../src/vmo/errors.js';
import { VmoStore } from '../../src/vmo/store.js';
import fc from '../support/fast-check.js';

const PAGE = 4096;

t.test('the identity equals that of a VMO of the same bytes, in parts of any size', async () => {
  const store = new VmoStore();
  // Pages that repeat and pages of zeros, so that equal subtrees and zero subtrees come about.
  const content = fc
    .tuple(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 20 }), fc.uint8Array({ maxLength: PAGE }))
    .map(([pages, rest]) => {
      const bytes = new Uint8Array(pages.length * PAGE + rest.length);
      pages.forEach((value, page) => bytes.fill(value, page * PAGE, (page + 1) * PAGE));
      bytes.set(rest, pages.length * PAGE);
      return bytes;
    });
  fc.assert(
    fc.property(content, fc.array(fc.nat(3 * PAGE), { maxLength: 20 }), (bytes, lengths) => {
      const hasher = new ContentHasher(sha256);
      let from = 0;
      for (const length of [...lengths, bytes.length]) {
        hasher.append(bytes.subarray(from, from + length));
        from = Math.min(from + length, bytes.length);
      }
      const handle = store.fromBytes(bytes);
      const expected = handle.id;
      handle.close();
      return hasher.length === bytes.length && hasher.finish() === expected;
    }),
  );
});

t.test('zeros are not hashed, however many there are', async (t) => {
  let hashes = 0;
  const hasher = new ContentHasher((data) => {
    hashes++;
    return sha256(data);
  });
  const part = new Uint8Array(1024 * PAGE);
  for (let i = 0; i < 8; i++) hasher.append(part);
  t.equal(hasher.finish(), new VmoStore().zeros(8 * part.length).id);
  t.equal(hashes, 13 + 1, 'a zero subtree a level, and the root');
});

t.test('a hasher computes one identity, of at most 2^48 bytes', async (t) => {
  const hasher = new ContentHasher(sha256);
  t.throws(() => hasher.append({ length: MAX_LENGTH + 1 } as Uint8Array), VmoRangeError);
  hasher.finish();
  t.throws(() => hasher.append(new Uint8Array(1)), VmoHandleError);
  t.throws(() => hasher.finish(), VmoHandleError);
});
