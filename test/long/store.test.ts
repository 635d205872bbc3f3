/** The durable store: 500 kills, and 2,000 flipped bits. */
import t from 'tap';
import { bitsOf, flip, nthBit, storeToFlip } from '../host/store/flips.js';
import { killWriters } from '../host/store/kills.js';

const KILLS = 500;
/** Writers that share a store: what is looked at after each kill grows with it. */
const KILLS_A_STORE = 25;
const FLIPS = 2000;

t.setTimeout(0);

t.test(
  `${KILLS} writers killed at any moment: everything that they acknowledged is there`,
  { timeout: 0 },
  async (t) => {
    const directory = t.testdir();
    let acknowledged = 0;
    for (let n = 0; n < KILLS / KILLS_A_STORE; n++)
      acknowledged += await killWriters(`${directory}/${n}`, KILLS_A_STORE, Math.random);
    t.ok(acknowledged >= KILLS, `${acknowledged} acknowledged`);
  },
);

for (const isOpen of [false, true])
  t.test(
    `${FLIPS} bits of a store ${isOpen ? 'left by a process that was killed' : 'closed'}`,
    { timeout: 0 },
    async (t) => {
      const store = await storeToFlip(isOpen);
      const total = bitsOf(store.files).reduce((sum, { bits }) => sum + bits, 0);
      const outcomes: Record<string, number> = {};
      for (let n = 0; n < FLIPS; n++) {
        const { path, bit } = nthBit(store.files, Math.floor(Math.random() * total));
        const outcome = await flip(store, path, bit).catch((error: unknown) => {
          t.fail(`bit ${bit} of ${path}: ${(error as Error).message}`);
          return 'wrong';
        });
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
      t.ok(outcomes['reported']! > FLIPS / 2, JSON.stringify(outcomes));
    },
  );
