/** Single bits of a store's files turned over: what becomes of what it holds. */
import { DamagedRecordError } from '../../../src/vmo/records/record-store.js';
import { verifyStore } from '../../../src/host/store/verify.js';
import { HostError } from '../../../src/host/failure.js';
import { MemoryFiles } from './memory-files.js';
import { bytesOf, content, fileOf, onlyProcess, openIn, putBytes } from './support.js';

/** A store with content of all kinds; `isOpen`: as a process leaves it that was killed after it had acknowledged all. */
export async function storeToFlip(isOpen: boolean): Promise<{ files: MemoryFiles; names: Map<string, Uint8Array> }> {
  const files = new MemoryFiles();
  const names = new Map<string, Uint8Array>();
  for (let round = 0; round < 3; round++) {
    const store = openIn(files);
    for (let n = 0; n < 4; n++) {
      const bytes = content(4 * round + n, 1 + 1700 * n + 100 * round);
      store.names.compareAndSwap(`round ${round}/${n}`, undefined, fileOf(await putBytes(store, bytes)));
      names.set(`round ${round}/${n}`, bytes);
    }
    store.code.put(content(90 + round, 32), content(round, 900));
    if (round < 2 || !isOpen) store.close();
  }
  return { files, names };
}

export type Outcome = 'harmless' | 'reported' | 'refused to open';

/**
 * Turns a bit over in a copy, and answers what became of it. Throws where other bytes than those that were put are read, where a
 * name is lost or another, or where reads refuse what verify says is whole.
 */
export async function flip(
  { files, names }: { files: MemoryFiles; names: ReadonlyMap<string, Uint8Array> },
  path: string,
  bit: number,
): Promise<Outcome> {
  const copy = files.copy();
  copy.bytesOf(path)[bit >> 3]! ^= 1 << (bit & 7);
  let store;
  try {
    store = openIn(copy, 'write', onlyProcess(2));
  } catch (error) {
    if (error instanceof HostError) return 'refused to open';
    throw error;
  }
  let isRefused = false;
  for (const [name, bytes] of names)
    try {
      const id = store.names.get(name);
      if (id === undefined) throw new Error(`the name ${name} is lost`);
      const read = bytesOf(store, id);
      if (!read) isRefused = true;
      else if (Buffer.compare(read, bytes) !== 0) throw new Error(`other bytes are read for ${name}`);
    } catch (error) {
      if (!(error instanceof DamagedRecordError) && !/is missing$/.test((error as Error).message)) throw error;
      isRefused = true;
    }
  const { problems } = await verifyStore(store);
  store.close();
  if (isRefused && problems.length === 0) throw new Error('reads refuse what verify says is whole');
  return problems.length > 0 ? 'reported' : 'harmless';
}

/** The bits of all files, one after another. */
export function bitsOf(files: MemoryFiles): { path: string; bits: number }[] {
  return files.paths().map((path) => ({ path, bits: 8 * files.bytesOf(path).length }));
}

/** The file and the bit of it that is the `n`-th of all. */
export function nthBit(files: MemoryFiles, n: number): { path: string; bit: number } {
  let rest = n;
  for (const { path, bits } of bitsOf(files)) {
    if (rest < bits) return { path, bit: rest };
    rest -= bits;
  }
  throw new RangeError(`there is no bit ${n}`);
}
