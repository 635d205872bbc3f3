/**
 * The durable store at length: kills, bits turned over, full disks, and what is lost of names and packs. A run takes some minutes of CPU
 * time; BD0_STORE_SECONDS bounds that of each test, and the figures say how much was tried.
 */
import t from 'tap';
import { bitsOf, flip, nthBit, storeToFlip } from '../host/store/flips.js';
import { killWriters } from '../host/store/kills.js';
import { randomLoss } from '../host/store/losses.js';
import { fillDisk } from '../host/store/full-disk.js';
import { randomHistory } from '../host/store/histories.js';
import { soak } from '../host/store/soak.js';
import { Random } from '../support/random.js';
import { seedOf } from '../support/volume.js';

const SECONDS = Number(process.env['BD0_STORE_SECONDS'] ?? 120);
const KILLS = 500;
/** Writers that share a store: what is looked at after each kill grows with it. */
const KILLS_A_STORE = 25;
const FLIPS = 2000;
const LOSSES = 3000;
const FULL_DISKS = 1500;
const HISTORIES = 5000;
/** Of each of three processes. */
const SOAK_ACTS = 400;
const SOAK_KILLS = 12;

t.setTimeout(0);

const random = randomFrom(seedOf(11));

/** Numbers from 0 up to 1, the same for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8) / 2 ** 24;
}

/** Does something so many times, as long as there is time for it. Returns how many times it did. */
async function repeated(times: number, perform: (n: number) => Promise<void>): Promise<number> {
  const end = performance.now() + 1000 * SECONDS;
  let n = 0;
  for (; n < times && performance.now() < end; n++) await perform(n);
  return n;
}

t.test('writers killed at any moment: everything that they acknowledged is there', async (t) => {
  const directory = t.testdir();
  let acknowledged = 0;
  const stores = await repeated(KILLS / KILLS_A_STORE, async (n) => {
    acknowledged += await killWriters(`${directory}/${n}`, KILLS_A_STORE, random);
  });
  t.ok(acknowledged >= KILLS_A_STORE * stores, `${KILLS_A_STORE * stores} kills, ${acknowledged} acknowledged`);
});

for (const isOpen of [false, true])
  t.test(`bits of a store ${isOpen ? 'left by a process that was killed' : 'closed'}`, async (t) => {
    const store = await storeToFlip(isOpen);
    const total = bitsOf(store.files).reduce((sum, { bits }) => sum + bits, 0);
    const outcomes: Record<string, number> = {};
    const flips = await repeated(FLIPS, async () => {
      const { path, bit } = nthBit(store.files, Math.floor(random() * total));
      const outcome = await flip(store, path, bit).catch((error: unknown) => {
        t.fail(`bit ${bit} of ${path}: ${(error as Error).message}`);
        return 'wrong';
      });
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    });
    t.ok(outcomes['reported']! > flips / 2, `${flips} flips: ${JSON.stringify(outcomes)}`);
  });

t.test('names, packs and bits lost at random, then gc, a repair, gc and an import', async (t) => {
  const stores = [await storeToFlip(false), await storeToFlip(true)] as const;
  const harms: Record<string, number> = {};
  const losses = await repeated(LOSSES, async (n) => {
    const what = await randomLoss(stores[n % 2]!, random).catch((error: unknown) => {
      t.fail((error as Error).message);
      return 'wrong';
    });
    for (const harm of what.split(', ')) harms[harm] = (harms[harm] ?? 0) + 1;
  });
  t.pass(`${losses} losses: ${JSON.stringify(harms)}`);
});

t.test('disks that fill up in the midst of random work', async (t) => {
  let failures = 0;
  const disks = await repeated(FULL_DISKS, async () => {
    failures += await fillDisk(random);
  });
  t.ok(failures > 0, `${disks} disks, ${failures} steps failed`);
});

t.test('histories with kills, lost power, full disks, damage, repairs and collections', async (t) => {
  const tally = new Map<string, number>();
  const histories = await repeated(HISTORIES, async () => {
    await randomHistory(random, tally).catch((error: unknown) => t.fail((error as Error).message));
  });
  t.pass(`${histories} histories: ${JSON.stringify(Object.fromEntries(tally))}`);
});

t.test('three processes put, get, remove, collect and verify in one store, and are killed', async (t) => {
  const { acts, kills } = await soak(`${t.testdir()}/store`, SOAK_ACTS, SOAK_KILLS, new Random(seedOf(12)));
  t.ok(kills > 0 && acts >= 3 * SOAK_ACTS, `${acts} acts, ${kills} kills`);
});
