/** Reads all of a store, and tells what is damaged and what that reaches. */

import { hexToBytes } from '@noble/hashes/utils.js';
import { bytesToHex } from '../../bits.js';
import { sha256 } from '../sha256.js';
import type { DiskStore } from './disk-store.js';
import { decodePayload, Kind, recordOfContent, type RecordHeader } from './pack-format.js';
import type { Pack } from './pack.js';
import type { PackSet } from './pack-set.js';
import { Pace, type Watch } from './pace.js';
import { scanPack } from './pack-scan.js';
import { Reach } from './reach.js';
import { compareBytes } from './record-table.js';

export interface VerifyProgress {
  readonly records: number;
  /** Of packs. */
  readonly bytes: number;
}

/** Something that is not as it was written. */
export interface Problem {
  /** A record that is there and wrong, or not there; bytes of a pack that are no record; lines of the names. */
  readonly what: 'damaged' | 'missing' | 'bytes' | 'names';
  readonly detail: string;
  /** The record, as far as it is known: 64 digits. */
  readonly hash?: string | undefined;
  /** The file, and where in it. */
  readonly path?: string | undefined;
  readonly offset?: number | undefined;
  /** Identities that contain the record. */
  readonly ids: readonly string[];
  /** Names that stand for something that contains it. */
  readonly names: readonly string[];
}

export interface Verified {
  readonly records: number;
  readonly bytes: number;
  readonly problems: readonly Problem[];
}

type Found = Omit<Problem, 'ids' | 'names'>;

/** Verifies every record of VMOs and of code, that each is where its index says, and all that names and pins reach. */
export async function verifyStore(store: DiskStore, watch: Watch<VerifyProgress> = {}): Promise<Verified> {
  const scan = { records: 0, bytes: 0, found: [] as Found[] };
  const pace = new Pace(watch, () => ({ records: scan.records, bytes: scan.bytes }));
  for (const set of [store.packs, store.codeSet()]) {
    set.refresh();
    for (const pack of set.list().filter(({ endOffset }) => endOffset > 0)) await verifyPack(set, pack, scan, pace);
  }
  scan.found.push(...namesDamage(store));
  const damaged = new Set(scan.found.flatMap(({ hash }) => hash ?? []));
  const reached = await followAll(store, damaged, pace);
  for (const [hash, detail] of reached.missing)
    scan.found.push({ what: damaged.has(hash) ? 'damaged' : 'missing', hash, detail });
  const problems = scan.found
    .filter((found) => !(found.what === 'damaged' && found.path === undefined && isTold(found, scan.found)))
    .map((found) => ({ ...found, ...reached.holders(found.hash) }));
  return { records: scan.records, bytes: scan.bytes, problems };
}

function isTold({ hash }: Found, all: readonly Found[]): boolean {
  return all.some((other) => other.hash === hash && other.path !== undefined);
}

async function verifyPack(
  set: PackSet,
  pack: Pack,
  scan: { records: number; bytes: number; found: Found[] },
  pace: Pace<VerifyProgress>,
): Promise<void> {
  const seen = new Set<number>();
  const expected = entriesOf(set, pack);
  for (const part of scanPack(set.files, pack.open(), 0, pack.endOffset)) {
    const { offset, endOffset, header } = part;
    scan.bytes += endOffset - offset;
    if (pace.isDue) await pace.pause();
    const known = expected.get(offset);
    if (!header || (known !== undefined && compareBytes(set.table.hash(known), header.hash) !== 0)) {
      const hash = known === undefined ? undefined : bytesToHex(set.table.hash(known));
      const detail = header ? 'the index says that another record is there' : part.detail;
      scan.found.push({ what: hash ? 'damaged' : 'bytes', hash, path: pack.path, offset, detail });
    } else if (header.kind !== Kind.mark) {
      scan.records++;
      const detail = faultOf(header, part.payload);
      const hash = bytesToHex(header.hash);
      if (detail) scan.found.push({ what: 'damaged', hash, path: pack.path, offset, detail });
    }
    seen.add(offset);
  }
  for (const [offset, entry] of expected)
    if (!seen.has(offset)) {
      const hash = bytesToHex(set.table.hash(entry));
      scan.found.push({ what: 'damaged', hash, path: pack.path, offset, detail: 'no record is where the index says' });
    }
}

/** By offset, the entries that lie in a pack. */
function entriesOf(set: PackSet, pack: Pack): Map<number, number> {
  return new Map(set.table.entriesOf(pack.number).map((entry) => [set.table.place(entry).offset, entry]));
}

/** What is wrong with a record whose CRCs are right; undefined for nothing. Code checks itself: its key is no hash of it. */
function faultOf(header: RecordHeader, payload: Uint8Array): string | undefined {
  const content = decodePayload(header, payload);
  if (!content) return 'its payload cannot be decoded';
  if (header.kind === Kind.code) return undefined;
  const hash = sha256(recordOfContent(header.kind, content));
  return compareBytes(hash, header.hash) === 0 ? undefined : 'its content has another hash';
}

function namesDamage(store: DiskStore): Found[] {
  return store.names.damage().map(({ offset, endOffset }) => ({
    what: 'names' as const,
    path: `${store.directory}/names`,
    offset,
    detail: `a line of ${endOffset - offset} bytes is not what its CRC says`,
  }));
}

/** Follows what names and pins stand for, and tells who contains a record. */
async function followAll(
  store: DiskStore,
  damaged: ReadonlySet<string>,
  pace: Pace<VerifyProgress>,
): Promise<{
  missing: Map<string, string>;
  holders(hash: string | undefined): { ids: string[]; names: string[] };
}> {
  const isReadable = store.names.damage().length === 0;
  const names = isReadable ? store.names.entries() : [];
  const reach = new Reach(store);
  for (const id of [...names.map(([, id]) => id), ...(isReadable ? store.names.pins() : [])])
    for (const _ of reach.add(id)) if (pace.isDue) await pace.pause();
  const missing = new Map(
    reach.broken.map(({ hash, damage }) => [hash, damage?.detail ?? 'it is not in the store'] as const),
  );
  const sought = new Set([...damaged, ...missing.keys()]);
  const contained = sought.size === 0 ? new Map<string, Set<string>>() : await containedIn(store, sought, pace);
  return {
    missing,
    holders(hash) {
      const ids = [...contained].filter(([, hashes]) => hash !== undefined && hashes.has(hash)).map(([id]) => id).sort(); // prettier-ignore
      return { ids, names: names.filter(([, id]) => ids.includes(id)).map(([name]) => name) };
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
  const named = store.names.damage().length === 0 ? store.names.entries().map(([, id]) => id) : [];
  for (const id of new Set([...store.idsFrom(''), ...named])) {
    const reach = new Reach(store);
    for (const _ of reach.add(id)) if (pace.isDue) await pace.pause();
    const hashes = [...sought].filter((hash) => reach.has(hexToBytes(hash)));
    if (hashes.length > 0) contained.set(id, new Set(hashes));
  }
  return contained;
}
