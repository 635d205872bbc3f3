/** The arithmetic that every layer shares: what its callers' own tests do not show. */
import { createHash } from 'node:crypto';
import t from 'tap';
import { bytesToHex } from '../src/bits.js';
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
