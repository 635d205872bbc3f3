/** The arithmetic that every layer shares: what its callers' own tests do not show. */
import { createHash } from 'node:crypto';
import t from 'tap';
import { bytesToHex, isCanonical } from '../src/bits.js';
import { isCanonicalHigh } from '../src/mmu/walk.js';
import fc from './support/fast-check.js';
import { memoryInUse } from './support/memory-in-use.js';

t.test('bytesToHex: two digits for each byte', async (t) => {
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  t.equal(bytesToHex(all), Buffer.from(all).toString('hex'));
  t.equal(bytesToHex(all.subarray(0x9f, 0xa1)), '9fa0');
  t.equal(bytesToHex(new Uint8Array(0)), '');
});

t.test('bytesToHex: a name that is kept is one piece of memory, even if nobody ever compares it', async (t) => {
  const count = 20_000;
  const hashes = Array.from({ length: count }, (_, i) => createHash('sha256').update(String(i)).digest());
  const before = memoryInUse().heap;
  const names = hashes.map((hash) => bytesToHex(hash));
  const bytes = (memoryInUse().heap - before) / names.length;
  // 64 digits, 16 bytes in front of them, and a place in the array; a chain of pieces takes 872.
  t.ok(bytes < 200, `${bytes} bytes a name`);
});

t.test('isCanonical: bits 63 to 47 are equal, as the MMU finds in the high half of an address', async (t) => {
  const edge = fc.constantFrom(0n, 1n << 47n, 1n << 48n, 1n << 63n, (1n << 64n) - (1n << 47n), 1n << 64n);
  const near = fc.tuple(edge, fc.bigInt({ min: -2n, max: 2n })).map(([at, by]) => BigInt.asUintN(64, at + by));
  fc.assert(
    fc.property(fc.oneof(near, fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })), (address) => {
      const top = address >> 47n;
      const expected = top === 0n || top === 0x1_ffffn;
      const high = Number(address >> 32n);
      return isCanonical(address) === expected && [high, high | 0].every((half) => isCanonicalHigh(half) === expected);
    }),
  );
  t.pass();
});
