/** `bd0 vmo stat`: how much a store holds, and how small that has become. */
import { formatSize } from '../../size.js';
import { statStore, type KindStat, type StoreStat } from '../../../host/store/stat.js';
import { tell, tellJson } from '../output.js';
import { requireWords } from '../perform.js';
import { openStore } from '../content/store-view.js';

/** The options of the command. */
export interface StatOptions {
  readonly store?: string | undefined;
  readonly json: boolean;
}

/** Throws Failure. */
export async function stat(words: readonly string[], { store: directory, json }: StatOptions): Promise<number> {
  requireWords(words, 'stat', '', 0, 0);
  const store = await openStore(directory, 'read');
  try {
    const counted = statStore(store.disk);
    if (json) tellJson({ ...counted, ...ratiosOf(counted) });
    else linesOf(counted).forEach(tell);
  } finally {
    store.disk.close();
  }
  return 0;
}

interface Ratios {
  /** Bytes that names stand for, to bytes of distinct pages; undefined where there are none. */
  readonly dedupRatio: number | undefined;
  /** Bytes of distinct pages, to bytes in packs that keep them. */
  readonly compressionRatio: number | undefined;
}

function ratiosOf({ logicalPageBytes, uniqueBytes, leaves }: StoreStat): Ratios {
  return {
    dedupRatio: ratio(logicalPageBytes, uniqueBytes),
    compressionRatio: ratio(uniqueBytes, leaves.storedBytes),
  };
}

function ratio(before: number, after: number): number | undefined {
  return after === 0 ? undefined : Number((before / after).toFixed(3));
}

function linesOf(stat: StoreStat): string[] {
  const { dedupRatio, compressionRatio } = ratiosOf(stat);
  const { leaves, nodes, roots, code } = stat;
  const rows: [name: string, value: string][] = [
    ['names', `${stat.names}, and ${stat.pins} ${stat.pins === 1 ? 'pin' : 'pins'}`],
    ['logical', `${formatSize(stat.logicalBytes)}: what the names stand for`],
    ['unique', `${formatSize(stat.uniqueBytes)}: distinct pages${ratioText(dedupRatio, 'dedup')}`],
    ['stored', `${formatSize(leaves.storedBytes)}: these pages in packs${ratioText(compressionRatio, 'compression')}`],
    ['on disk', `${formatSize(stat.packBytes)} in ${stat.packs} ${stat.packs === 1 ? 'pack' : 'packs'}`],
    ['pages', kindText(leaves)],
    ['nodes', kindText(nodes)],
    ['roots', kindText(roots)],
    ['code', kindText(code)],
  ];
  return rows.map(([name, value]) => name.padEnd(9) + value);
}

function ratioText(value: number | undefined, what: string): string {
  return value === undefined ? '' : `, ${what} ${value.toFixed(2)}`;
}

function kindText({ records, storedBytes }: KindStat): string {
  return `${records} ${records === 1 ? 'record' : 'records'}, ${formatSize(storedBytes)}`;
}
