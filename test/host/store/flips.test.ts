/** Bits that turn over on the disk: each one is harmless, or is reported and refused; no other bytes are ever answered. */
import t from 'tap';
import { bitsOf, flip, nthBit, storeToFlip } from './flips.js';

const FLIPS = 200;

for (const [state, isOpen] of [
  ['closed', false],
  ['left by a process that was killed', true],
] as const)
  t.test(`${FLIPS} bits of a store ${state}`, async (t) => {
    const store = await storeToFlip(isOpen);
    const total = bitsOf(store.files).reduce((sum, { bits }) => sum + bits, 0);
    const outcomes: Record<string, number> = {};
    for (let n = 0; n < FLIPS; n++) {
      // Evenly spread, another bit of the byte each time.
      const { path, bit } = nthBit(store.files, Math.floor(((n + 0.37) / FLIPS) * total));
      const outcome = await flip(store, path, bit).catch((error: unknown) => {
        t.fail(`bit ${bit} of ${path}: ${(error as Error).message}`);
        return 'wrong';
      });
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    }
    t.comment(JSON.stringify(outcomes));
    t.ok(outcomes['reported']! > FLIPS / 2, 'most of a store is content, and most flips show');
  });
