/** What a store holds, in numbers. */

import { hexToBytes } from '@noble/hashes/utils.js';
import { PAGE_SIZE } from '../../bits.js';
import { pagesOf } from '../../vmo/content/canonical-form.js';
import { readRoot } from './canonical-records.js';
import type { DiskStore } from './disk-store.js';
import { Kind } from './packs/pack-format.js';
import type { PackSet } from './packs/pack-set.js';
import { listedReferences } from './reach.js';
import type { Reference } from '../../vmo/records/record-store.js';
import { RecordSizes } from './packs/record-sizes.js';

/** Records of a kind. */
export interface KindStat {
  readonly records: number;
  /** In packs: its part of groups. */
  readonly storedBytes: number;
}

export interface StoreStat {
  readonly names: number;
  readonly pins: number;
  /** Bytes that the names stand for; of a tree, those of all files in it, as often as they are in it. */
  readonly logicalBytes: number;
  /** The same in whole pages, listings of trees included: what would be kept if nothing were equal. */
  readonly logicalPageBytes: number;
  /** Bytes of the distinct pages in the store, 4096 each; pages of zeros are none. */
  readonly uniqueBytes: number;
  readonly leaves: KindStat;
  readonly nodes: KindStat;
  readonly roots: KindStat;
  readonly code: KindStat;
  readonly packs: number;
  /** Of all files of packs. */
  readonly packBytes: number;
}

export function statStore(store: DiskStore): StoreStat {
  const { packs } = store;
  const code = store.codeSet();
  for (const set of [packs, code]) set.refresh();
  const names = store.names.references();
  const leaves = kindStat(packs, Kind.leaf);
  const sizes = new Map<string, Size>();
  const files = [...packs.list(), ...code.list()];
  const logical = sumOf(names.map((reference) => sizeOf(store, reference, sizes)));
  return {
    names: names.length,
    pins: store.names.pins().length,
    logicalBytes: logical.bytes,
    logicalPageBytes: logical.pageBytes,
    uniqueBytes: leaves.records * PAGE_SIZE,
    leaves,
    nodes: kindStat(packs, Kind.node),
    roots: kindStat(packs, Kind.root),
    code: kindStat(code, Kind.code),
    packs: files.length,
    packBytes: files.reduce((sum, pack) => sum + pack.size(), 0),
  };
}

function kindStat(packs: PackSet, kind: Kind): KindStat {
  const { table } = packs;
  const sizes = new RecordSizes(packs);
  let records = 0;
  let storedBytes = 0;
  for (let entry = 0; entry < table.count; entry++) {
    if (table.kind(entry) !== kind) continue;
    records++;
    storedBytes += sizes.of(entry);
  }
  return { records, storedBytes: Math.round(storedBytes) };
}

/** Of a file, or of all that is in a tree. */
interface Size {
  readonly bytes: number;
  readonly pageBytes: number;
}

function sumOf(sizes: readonly Size[]): Size {
  return sizes.reduce(
    (sum, { bytes, pageBytes }) => ({ bytes: sum.bytes + bytes, pageBytes: sum.pageBytes + pageBytes }),
    {
      bytes: 0,
      pageBytes: 0,
    },
  );
}

/** Missing content counts as nothing. */
function sizeOf(store: DiskStore, { id, kind }: Reference, known: Map<string, Size>): Size {
  const before = known.get(`${kind} ${id}`);
  if (before !== undefined) return before;
  const record = store.get(hexToBytes(id));
  if (!record) return { bytes: 0, pageBytes: 0 };
  const root = readRoot(record);
  const own = pagesOf(root.lengthBytes) * PAGE_SIZE;
  const parts = kind === 'tree' ? listedReferences(store, root) : [];
  const below = sumOf(parts.map((part) => sizeOf(store, part, known)));
  const size = { bytes: kind === 'file' ? root.lengthBytes : below.bytes, pageBytes: own + below.pageBytes };
  known.set(`${kind} ${id}`, size);
  return size;
}
