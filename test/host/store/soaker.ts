/**
 * A process that shares a store with others and does everything that is done to one, until it is killed or has done enough:
 * `node soaker.js DIR OWNER SEED ACTS`. Only OWNER changes names that begin with it. Prints a line for what each of them was
 * found to stand for, what it is about to stand for, and what it stands for now.
 */
import { writeSync } from 'node:fs';
import { collectGarbage } from '../../../src/host/store/collect.js';
import { DiskStore } from '../../../src/host/store/disk-store.js';
import type { LeaseMode } from '../../../src/host/store/leases.js';
import { verifyStore } from '../../../src/host/store/verify.js';
import { idOf } from '../../cli/vmo/store.js';
import { Random } from '../../support/random.js';
import { AT_ONCE, bytesOf, content, fileOf, putBytes } from './support.js';

/** The processes that share a store. */
export const OWNERS = 3;
/** Names of each of them. */
const NAMES = 12;
/** Different contents: few enough for processes to put the same. */
const CONTENTS = 40;
/** Longest wait for the others: enough for any of them, on any machine. */
const WAIT_MS = 600_000;
/** Stands for nothing. */
export const NONE = '-';

async function opened<T>(directory: string, mode: LeaseMode, work: (store: DiskStore) => Promise<T>): Promise<T> {
  const store = DiskStore.open(directory, { mode, create: true, waitMs: WAIT_MS });
  try {
    return await work(store);
  } finally {
    store.close();
  }
}

/** Changes a name of `owner`: puts content, or removes it. */
async function change(store: DiskStore, owner: number, random: Random, removes: boolean): Promise<void> {
  const name = `${owner}/${random.below(NAMES)}`;
  const seed = random.below(CONTENTS);
  const before = store.names.get(name);
  writeSync(1, `was ${name} ${before ?? NONE}\n`);
  const id = removes ? undefined : await putBytes(store, content(seed, (seed * 977) % 30_000));
  writeSync(1, `begin ${name} ${id ?? NONE}\n`);
  if (before !== id && !store.names.compareAndSwap(name, before, id === undefined ? undefined : fileOf(id)))
    throw new Error(`${name}: another process has changed it`);
  writeSync(1, `done ${name} ${id ?? NONE}\n`);
}

/** Reads what a name of any process stands for; if that is gone, so must the name be. */
function read(store: DiskStore, random: Random): void {
  const name = `${random.below(OWNERS)}/${random.below(NAMES)}`;
  const id = store.names.get(name);
  if (id === undefined) return;
  const bytes = bytesOf(store, id);
  if (bytes === undefined && store.names.get(name) === id)
    throw new Error(`${name} stands for ${id}, which is missing`);
  if (bytes !== undefined && idOf(bytes) !== id) throw new Error(`${name} stands for ${id}, and has other bytes`);
}

async function verify(store: DiskStore): Promise<void> {
  const { problems } = await verifyStore(store);
  if (problems.length > 0) throw new Error(`verify: ${JSON.stringify(problems[0])}`);
}

async function act(directory: string, owner: number, random: Random): Promise<void> {
  const kind = random.below(100);
  if (kind < 40) return opened(directory, 'write', (store) => change(store, owner, random, false));
  if (kind < 55) return opened(directory, 'write', (store) => change(store, owner, random, true));
  if (kind < 75) return opened(directory, 'read', async (store) => read(store, random));
  if (kind < 90) return opened(directory, 'collect', async (store) => void (await collectGarbage(store, AT_ONCE)));
  return opened(directory, 'read', verify);
}

const [, script, directory, owner, seed, acts] = process.argv;
if (script?.endsWith('soaker.js')) {
  const random = new Random(Number(seed));
  for (let n = 0; n < Number(acts); n++) {
    await act(directory!, Number(owner), random);
    writeSync(1, 'act\n');
  }
}
