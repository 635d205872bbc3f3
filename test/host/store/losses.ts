/** Files of a store that are lost, cut, older, exchanged or those of another one: what becomes of what it holds. */
import { collectGarbage } from '../../../src/host/store/collect.js';
import type { DiskStore } from '../../../src/host/store/disk-store.js';
import { verifyStore } from '../../../src/host/store/verify.js';
import { type storeToFlip, nthBit, bitsOf } from './flips.js';
import { MemoryFiles } from './memory-files.js';
import { AT_ONCE, bytesOf, content, onlyProcess, openIn, putBytes } from './support.js';

export const NAMES = '/store/names';
const ANCHOR = '/store/names.anchor';

export type Kept = Awaited<ReturnType<typeof storeToFlip>>;

/** The files with the bytes of one replaced; deleted where there are none. */
export function changed(files: MemoryFiles, path: string, bytes: Uint8Array | undefined): MemoryFiles {
  const copy = files.copy();
  replace(copy, path, bytes);
  return copy;
}

function replace(files: MemoryFiles, path: string, bytes: Uint8Array | undefined): void {
  files.remove(path);
  if (bytes) files.apply({ kind: 'write', path, bytes });
}

/** The copies of lines in a log. */
export function linesOf(log: Uint8Array): string[] {
  return Buffer.from(log)
    .toString('latin1')
    .split(/(?<=\n)(?=\n)/);
}

/** The paths of packs, or with `ending` of what stands beside them. */
export function packsIn(files: MemoryFiles, ending = '.pack'): string[] {
  return files.paths().filter((path) => path.startsWith('/store/packs/') && path.endsWith(ending));
}

/** A pack of another store. */
async function strangePack(): Promise<Uint8Array> {
  const files = new MemoryFiles();
  const store = openIn(files);
  await putBytes(store, content(7, 9000));
  store.close();
  return files.bytesOf(packsIn(files)[0]!);
}

export type Random = () => number;

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)]!;
}

/** Does one harm to files, in place. */
type Harm = (files: MemoryFiles, random: Random) => Promise<void> | void;

export const HARMS: Readonly<Record<string, Harm>> = {
  'names deleted': (files) => files.remove(NAMES),
  'names cut': (files, random) => {
    if (files.status(NAMES)) replace(files, NAMES, files.bytesOf(NAMES).slice(0, Math.floor(random() * files.bytesOf(NAMES).length))); // prettier-ignore
  },
  'a line of the names deleted': (files, random) => {
    if (!files.status(NAMES)) return;
    const lines = linesOf(files.bytesOf(NAMES));
    lines.splice(2 * Math.floor((random() * lines.length) / 2), 2);
    replace(files, NAMES, Buffer.from(lines.join(''), 'latin1'));
  },
  'anchor deleted': (files) => files.remove(ANCHOR),
  'a pack deleted': (files, random) => {
    const path = pick(random, packsIn(files));
    if (path) files.remove(path);
  },
  'a pack cut': (files, random) => {
    const path = pick(random, packsIn(files));
    if (path) replace(files, path, files.bytesOf(path).slice(0, Math.floor(random() * files.bytesOf(path).length)));
  },
  'two packs exchanged': (files, random) => {
    const [first, second] = [pick(random, packsIn(files)), pick(random, packsIn(files))];
    if (!first || !second || first === second) return;
    const bytes = [files.bytesOf(first).slice(), files.bytesOf(second).slice()] as const;
    replace(files, first, bytes[1]);
    replace(files, second, bytes[0]);
  },
  'two indexes exchanged': (files, random) => {
    const [first, second] = [pick(random, packsIn(files, '.index')), pick(random, packsIn(files, '.index'))];
    if (!first || !second || first === second) return;
    const bytes = [files.bytesOf(first).slice(), files.bytesOf(second).slice()] as const;
    replace(files, first, bytes[1]);
    replace(files, second, bytes[0]);
  },
  'a pack of another store': async (files, random) => {
    const path = pick(random, packsIn(files));
    if (path) replace(files, path, await strangePack());
  },
  'a bit turned over': (files, random) => {
    const total = bitsOf(files).reduce((sum, { bits }) => sum + bits, 0);
    const { path, bit } = nthBit(files, Math.floor(random() * total));
    if (!path.endsWith('/format')) files.bytesOf(path)[bit >> 3]! ^= 1 << (bit & 7);
  },
};

/** The contents that can be read by their identities. Throws where other bytes are read. */
export function readable(store: DiskStore, contents: ReadonlyMap<string, Uint8Array>): Set<string> {
  const found = new Set<string>();
  for (const [id, bytes] of contents) {
    let read: Uint8Array | undefined;
    try {
      read = bytesOf(store, id);
    } catch {
      continue;
    }
    if (!read) continue;
    if (Buffer.compare(read, bytes) !== 0) throw new Error(`other bytes are read for ${id}`);
    found.add(id);
  }
  return found;
}

/**
 * Does one to three harms at random to a copy of a store in which all content has a name; then reads, collects, repairs, collects,
 * and imports all again. Returns the harms. Throws where a step loses content that could be read before it, reads other bytes, or
 * where the store is not whole in the end.
 */
export async function randomLoss({ files, names }: Kept, random: Random): Promise<string> {
  const copy = files.copy();
  const harms = Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(random, Object.keys(HARMS)));
  for (const harm of harms) await HARMS[harm]!(copy, random);
  const what = harms.join(', ');
  try {
    await checkHarmed(copy, [...names.values()]);
  } catch (error) {
    throw new Error(`${what}: ${(error as Error).stack}`);
  }
  return what;
}

async function checkHarmed(files: MemoryFiles, all: readonly Uint8Array[]): Promise<void> {
  const other = openIn(new MemoryFiles());
  const contents = new Map<string, Uint8Array>();
  for (const bytes of all) contents.set(await putBytes(other, bytes), bytes);
  other.close();
  const reader = openIn(files, 'read', onlyProcess(2));
  await verifyStore(reader);
  reader.close();
  let before: Set<string> | undefined;
  const collector = openIn(files, 'collect', onlyProcess(3));
  const check = (step: string): void => {
    const now = readable(collector, contents);
    const lost = [...(before ?? [])].find((id) => !now.has(id));
    if (lost !== undefined) throw new Error(`${step}: ${lost} is gone`);
    before = now;
  };
  check('at first');
  const refused = (error: unknown): void => {
    if ((error as Error).name !== 'NothingCollected') throw error;
  };
  await collectGarbage(collector, AT_ONCE).catch(refused);
  check('after gc');
  await verifyStore(collector);
  collector.repair();
  check('after the repair');
  await collectGarbage(collector, AT_ONCE).catch(refused);
  check('after the repair and gc');
  collector.close();
  const writer = openIn(files, 'write', onlyProcess(4));
  for (const bytes of all) await putBytes(writer, bytes);
  for (const { name, id } of writer.names.references())
    if (!contents.has(id)) writer.names.compareAndSwap(name, id, undefined);
  const { problems } = await verifyStore(writer);
  if (problems.length > 0) throw new Error(`after all: ${JSON.stringify(problems[0])}`);
  if (readable(writer, contents).size < contents.size) throw new Error('after all: content is missing');
  writer.close();
}
