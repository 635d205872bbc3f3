/** Reads all of a store, and reports damage and what it affects. */

import { hexToBytes } from '@noble/hashes/utils.js';
import { bytesToHex } from '../../bits.js';
import { decode } from './packs/compression.js';
import type { DiskStore } from './disk-store.js';
import { type GroupHeader, HASH_BYTES, hashOfKept, keptIn, Kind } from './packs/pack-format.js';
import { hashAt, type IndexedGroup } from './packs/pack-index.js';
import type { Pack } from './packs/pack.js';
import type { PackSet } from './packs/pack-set.js';
import { Pace, type Watch } from './pace.js';
import { scanPack } from './packs/pack-scan.js';
import { Reach } from './reach.js';
import { compareBytes } from './packs/record-table.js';
import type { ContentKind } from '../../vmo/records/record-store.js';

export interface VerifyProgress {
  readonly records: number;
  /** Of packs. */
  readonly bytes: number;
}

/** Something that is not as it was written. */
export interface Problem {
  /** Records that are there and wrong, or not there; bytes of a pack that are no group; a line of the names. */
  readonly what: 'damaged' | 'missing' | 'bytes' | 'names';
  readonly detail: string;
  /** The records, as far as they are known: 64 digits each. */
  readonly hashes: readonly string[];
  /** The file, and where in it. */
  readonly path?: string | undefined;
  readonly offset?: number | undefined;
  /** Whether names are lost by it. */
  readonly isLost?: boolean | undefined;
  /** Identities that contain one of the records. */
  readonly ids: readonly string[];
  /** Names that stand for something that contains one. */
  readonly names: readonly string[];
}

export interface Verified {
  readonly records: number;
  readonly bytes: number;
  readonly problems: readonly Problem[];
}

type Found = Omit<Problem, 'ids' | 'names'>;

/** What was read so far. */
interface Scan {
  records: number;
  bytes: number;
  readonly found: Found[];
}

/**
 * Verifies every record of VMOs and of code, that each is where its index says, and all that names and pins reach. Packs in
 * which something is wrong are then known as damaged, for `DiskStore.quarantine`.
 */
export async function verifyStore(store: DiskStore, watch: Watch<VerifyProgress> = {}): Promise<Verified> {
  const scan: Scan = { records: 0, bytes: 0, found: [] };
  const pace = new Pace(watch, () => ({ records: scan.records, bytes: scan.bytes }));
  for (const set of [store.packs, store.codeSet()]) {
    set.refresh();
    for (const pack of set.list().filter(({ endOffset }) => endOffset > 0)) await verifyPack(set, pack, scan, pace);
  }
  scan.found.push(...namesDamage(store));
  const damaged = new Set(scan.found.flatMap(({ hashes }) => hashes));
  const reached = await followAll(store, damaged, pace);
  for (const [hash, detail] of reached.missing)
    if (!damaged.has(hash)) scan.found.push({ what: 'missing', hashes: [hash], detail });
  const problems = scan.found.map((found) => ({ ...found, ...reached.holders(found.hashes) }));
  return { records: scan.records, bytes: scan.bytes, problems };
}

async function verifyPack(set: PackSet, pack: Pack, scan: Scan, pace: Pace<VerifyProgress>): Promise<void> {
  const expected = new Map(pack.readIndex()?.groups.map((group) => [group.offset, group]));
  const add = (what: 'damaged' | 'bytes', offset: number, hashes: readonly string[], detail: string): void => {
    pack.reportDamaged(offset);
    scan.found.push({ what, hashes, path: pack.path, offset, detail });
  };
  for (const part of scanPack(set.files, pack.open(), 0, pack.endOffset)) {
    const { offset, endOffset, header } = part;
    scan.bytes += endOffset - offset;
    if (pace.isDue) await pace.pause();
    const index = expected.get(offset);
    expected.delete(offset);
    if (!header && part.isUnwrittenMark) continue;
    if (!header) add(index ? 'damaged' : 'bytes', offset, index ? hashesOf(index) : [], part.detail);
    else if (header.kind !== Kind.mark) {
      scan.records += header.records;
      const fault = faultOf(header, part.payload, index);
      if (fault) add('damaged', offset, fault.hashes, fault.detail);
    }
  }
  for (const group of expected.values())
    add('damaged', group.offset, hashesOf(group), 'no group is where the index says');
}

function hashesOf(group: IndexedGroup): string[] {
  return Array.from({ length: group.hashes.length / HASH_BYTES }, (_, number) => bytesToHex(hashAt(group, number)));
}

/** What is wrong with a group whose CRCs match, apart from its index; undefined for nothing. */
function faultOf(
  header: GroupHeader,
  payload: Uint8Array,
  index: IndexedGroup | undefined,
): { hashes: string[]; detail: string } | undefined {
  const content = decode({ encoding: header.encoding, payload }, header.contentBytes);
  const kept = content && keptIn(content, header);
  const known = index ? hashesOf(index) : [];
  if (!kept) return { hashes: known, detail: 'its payload cannot be decoded' };
  if (!index) return undefined;
  if (header.kind !== index.kind || kept.length !== known.length)
    return { hashes: known, detail: 'the index says that other records are there' };
  const wrong = known.filter(
    (_, number) => compareBytes(hashOfKept(header.kind, kept[number]!), hashAt(index, number)) !== 0,
  );
  return wrong.length > 0 ? { hashes: wrong, detail: 'its content has another hash' } : undefined;
}

function namesDamage(store: DiskStore): Found[] {
  const loss = store.names.loss();
  const lost: Found[] =
    loss === undefined || store.names.damage().some(({ hasCopy }) => !hasCopy)
      ? []
      : [{ what: 'names', hashes: [], path: store.names.path, isLost: true, detail: `names are lost: ${loss}` }];
  const damaged = store.names.damage().map(({ offset, endOffset, text, hasCopy }) => ({
    what: 'names' as const,
    hashes: [],
    path: store.names.path,
    offset,
    isLost: !hasCopy,
    detail:
      `a line of ${endOffset - offset} bytes is not what its CRC says; ` +
      (hasCopy ? 'its copy is whole, and nothing is lost' : `what is left of it: ${JSON.stringify(text)}`),
  }));
  return [...lost, ...damaged];
}

/** Follows names and pins, to find those that contain a record. */
async function followAll(
  store: DiskStore,
  damaged: ReadonlySet<string>,
  pace: Pace<VerifyProgress>,
): Promise<{
  missing: Map<string, string>;
  holders(hashes: readonly string[]): { ids: string[]; names: string[] };
}> {
  const names = store.names.references();
  const reach = new Reach(store);
  for (const reference of [...names, ...store.names.pinnedReferences()])
    for (const _ of reach.add(reference)) if (pace.isDue) await pace.pause();
  const missing = new Map(
    reach.broken.map(({ hash, damage, detail }) => [hash, damage?.detail ?? detail ?? 'it is not in the store'] as const), // prettier-ignore
  );
  const sought = new Set([...damaged, ...missing.keys()]);
  const contained = sought.size === 0 ? new Map<string, Set<string>>() : await containedIn(store, sought, pace);
  return {
    missing,
    holders(hashes) {
      const holds = ([, contained]: [string, Set<string>]): boolean => hashes.some((hash) => contained.has(hash));
      const ids = [...contained].filter(holds).map(([id]) => id).sort(); // prettier-ignore
      return { ids, names: names.filter(({ id }) => ids.includes(id)).map(({ name }) => name) };
    },
  };
}

/** By identity, which of the records sought it contains. */
async function containedIn(
  store: DiskStore,
  sought: ReadonlySet<string>,
  pace: Pace<VerifyProgress>,
): Promise<Map<string, Set<string>>> {
  const contained = new Map<string, Set<string>>();
  const kinds = new Map<string, ContentKind>(store.idsFrom('').map((id) => [id, 'file']));
  for (const { id, kind } of [...store.names.references(), ...store.names.pinnedReferences()])
    if (kinds.get(id) !== 'tree') kinds.set(id, kind);
  for (const [id, kind] of kinds) {
    const reach = new Reach(store);
    for (const _ of reach.add({ id, kind })) if (pace.isDue) await pace.pause();
    const hashes = [...sought].filter((hash) => reach.has(hexToBytes(hash)));
    if (hashes.length > 0) contained.set(id, new Set(hashes));
  }
  return contained;
}
