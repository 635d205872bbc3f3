import t from 'tap';
import { sha256 } from '@noble/hashes/sha2.js';
import { GuestMemory } from '../../src/memory.js';
import { MemoryIdentity } from '../../src/vmo/frames/memory-identity.js';
import { VmoStore } from '../../src/vmo/store.js';
import fc from '../support/fast-check.js';

const PAGE = 4096;

t.test('it equals the id of a VMO of the same bytes, whatever was stored since the last call', async () => {
  // Sizes of a power of two of pages and others; 64 KiB is the granularity of guest memory.
  for (const sizeBytes of [16 * PAGE, 48 * PAGE, 80 * PAGE]) {
    const memory = new GuestMemory(sizeBytes);
    const identity = new MemoryIdentity(memory, sha256);
    const store = new VmoStore();
    const anyStores = fc.array(fc.tuple(fc.nat(sizeBytes - 1), fc.nat(3)), { maxLength: 6 });
    fc.assert(
      fc.property(fc.array(anyStores, { minLength: 1, maxLength: 4 }), (rounds) => {
        for (const stores of rounds) {
          for (const [at, value] of stores) memory.ram[at] = value;
          const handle = store.fromBytes(memory.ram);
          const { id } = handle;
          handle.close();
          if (identity.id() !== id) throw new Error(`not ${id}`);
        }
      }),
      { numRuns: 12 },
    );
  }
});

t.test('frames that were never used are skipped', async (t) => {
  const memory = new GuestMemory(64 * PAGE);
  const identity = new MemoryIdentity(memory, sha256);
  t.equal(identity.id(0), new MemoryIdentity(memory, sha256).id());
  for (const frame of [0, 3, 4, 17]) {
    memory.ram[frame * PAGE + 5] = 1 + frame;
    t.equal(identity.id(frame + 1), new MemoryIdentity(memory, sha256).id(), `up to frame ${frame}`);
  }
});
