/** A VMO in a record store, as the tree of its records: read where it is needed, and nothing kept. */
import { hexToBytes } from '@noble/hashes/utils.js';
import { PAGE_SIZE, bytesToHex } from '../../../bits.js';
import {
  CanonicalHasher,
  heightOf,
  LEVEL_BYTES,
  MAX_LEVEL,
  pagesOf,
  STANDARD_FORMAT,
} from '../../../vmo/content/canonical-form.js';
import { MissingRecordError } from '../../../vmo/errors.js';
import { readLeaf, readNode, readRoot, type Refuse } from '../../../vmo/records/record-check.js';
import { DamagedRecordError } from '../../../vmo/records/record-store.js';
import { sha256 } from '../../../host/sha256.js';

/** What answers records by their hashes, each checked against it. */
export interface RecordSource {
  get(hash: Uint8Array): Uint8Array | undefined;
}

/** Pages of a VMO that follow one another: one page that holds something, or a run of zeros. */
export interface PageRun {
  readonly first: number;
  readonly count: number;
  /** In hexadecimal; undefined for zeros. */
  readonly leaf: string | undefined;
}

const hasher = new CanonicalHasher(sha256);

/** By level, in hexadecimal: the hash of a subtree of zeros. */
const zeroHashes: readonly string[] = Array.from({ length: MAX_LEVEL + 1 }, (_, level) =>
  bytesToHex(hasher.zero(level)),
);

/** The hash of the subtree of 2^level pages of zeros, which has no record. */
export function zeroSubtree(level: number): string {
  return zeroHashes[level]!;
}

/** A VMO by its records. Each method throws DamagedRecordError, and MissingRecordError where a record is not there. */
export class RecordTree {
  readonly lengthBytes: number;
  readonly height: number;
  /** The hash of the node at `height`, in hexadecimal. */
  readonly top: string;

  constructor(
    private readonly records: RecordSource,
    readonly id: string,
  ) {
    const { lengthBytes, top } = readRoot(hasher, this.record(id, 'root'), refusal(id));
    this.lengthBytes = lengthBytes;
    this.height = heightOf(lengthBytes);
    this.top = bytesToHex(top);
  }

  get pages(): number {
    return pagesOf(this.lengthBytes);
  }

  /** The two subtrees under a node at `level`, which may be one of zeros. */
  children(hash: string, level: number): readonly [left: string, right: string] {
    if (hash === zeroSubtree(level)) return [zeroSubtree(level - 1), zeroSubtree(level - 1)];
    const record = this.record(hash, `node of level ${level}`);
    const { left, right } = readNode(hasher, record, level, LEVEL_BYTES[level]!, refusal(hash));
    return [bytesToHex(left), bytesToHex(right)];
  }

  /** The 4096 bytes of a page. */
  page(hash: string): Uint8Array {
    if (hash === zeroSubtree(0)) return new Uint8Array(PAGE_SIZE);
    return readLeaf(STANDARD_FORMAT, this.record(hash, 'page'), PAGE_SIZE, refusal(hash));
  }

  /** The pages from `first` up to `end`, in order. Subtrees of zeros are not gone into. */
  *runs(first: number, end: number): Generator<PageRun, void, undefined> {
    const open = [{ hash: this.top, level: this.height, page: 0 }];
    for (let subtree = open.pop(); subtree !== undefined; subtree = open.pop()) {
      const { hash, level, page } = subtree;
      const start = Math.max(page, first);
      const stop = Math.min(page + 2 ** level, end);
      if (start >= stop) continue;
      if (hash === zeroSubtree(level)) yield { first: start, count: stop - start, leaf: undefined };
      else if (level === 0) yield { first: page, count: 1, leaf: hash };
      else {
        const [left, right] = this.children(hash, level);
        open.push({ hash: right, level: level - 1, page: page + 2 ** (level - 1) });
        open.push({ hash: left, level: level - 1, page });
      }
    }
  }

  private record(hash: string, what: string): Uint8Array {
    const record = this.records.get(hexToBytes(hash));
    if (record === undefined) throw new MissingRecordError(`the ${what} ${hash} is not in the store`);
    return record;
  }
}

function refusal(hash: string): Refuse {
  return (fault, at, message) => {
    throw new DamagedRecordError(hash, `byte ${at}: ${fault}: ${message}`);
  };
}
