/**
 * A process that writes to a store until it is killed: `node writer.js DIR ROUND [NAMES]`. Prints a line when a name was
 * acknowledged. With COUNTER it counts a common name up instead.
 */
import { writeSync } from 'node:fs';
import { collectGarbage } from '../../../src/host/store/collect.js';
import { DiskStore } from '../../../src/host/store/disk-store.js';
import { AT_ONCE, bytesOf, content, fileOf, putBytes } from './support.js';

/** What is written under a number of a round. */
export function contentOf(round: number, n: number): Uint8Array {
  return content(round * 7 + n, (n * 977 + round * 131) % 20_000);
}

/** The name that all count up. */
export const COUNTER = 'counter';

async function writeNames(directory: string, round: number, names: number): Promise<void> {
  let store = DiskStore.open(directory, { mode: 'write', create: true });
  for (let n = 0; n < names; n++) {
    const id = await putBytes(store, contentOf(round, n));
    if (!store.names.compareAndSwap(`round ${round}/${n}`, undefined, fileOf(id)))
      throw new Error('nobody else sets this name');
    writeSync(1, `${n} ${id}\n`);
    if (n % 10 !== 9) continue;
    store.close();
    if (n % 20 === 19) {
      store = DiskStore.open(directory, { mode: 'collect' });
      await collectGarbage(store, AT_ONCE);
      store.close();
    }
    store = DiskStore.open(directory, { mode: 'write' });
  }
  store.close();
}

async function count(directory: string, times: number): Promise<void> {
  const store = DiskStore.open(directory, { mode: 'write', create: true });
  for (let done = 0; done < times;) {
    const now = store.names.get(COUNTER);
    const value = now === undefined ? 0 : Number(Buffer.from(bytesOf(store, now)!).toString());
    const next = await putBytes(store, Buffer.from(String(value + 1)));
    if (store.names.compareAndSwap(COUNTER, now, fileOf(next))) done++;
  }
  store.close();
}

const [, script, directory, round, names] = process.argv;
if (script?.endsWith('writer.js')) {
  if (round === 'count') await count(directory!, Number(names));
  else await writeNames(directory!, Number(round), Number(names ?? Infinity));
}
