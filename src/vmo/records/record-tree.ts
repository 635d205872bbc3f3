/** A VMO in a record store as a tree of records: each is read when it is needed, and none is kept. */
import { sha256 } from '@noble/hashes/sha2.js';
import { hexToBytes } from '@noble/hashes/utils.js';
import { PAGE_SIZE, bytesToHex } from '../../bits.js';
import { CanonicalHasher, heightOf, LEVEL_BYTES, pagesOf, STANDARD_FORMAT } from '../content/canonical-form.js';
import { MissingRecordError } from '../errors.js';
import { readLeaf, readNode, readRoot, type Refuse } from './record-check.js';
import { DamagedRecordError } from './record-store.js';

/** A source of canonical records, each verified against its hash by the source. */
export interface RecordSource {
  /** The record with this hash; undefined if there is none. */
  get(hash: Uint8Array): Uint8Array | undefined;
}

/** Consecutive pages of a VMO: one page that is not all zeros, or a run of zero pages. */
export interface PageRun {
  /** Page number of the first. */
  readonly first: number;
  readonly count: number;
  /** Hash of the page, in hexadecimal; undefined for zeros. */
  readonly leaf: string | undefined;
}

/** Hashes zero subtrees only, once each, so the portable SHA-256 is fast enough. */
const hasher = new CanonicalHasher(sha256);

const zeroHashes: string[] = [];

/** The hash, in hexadecimal, of the subtree of 2^level zero pages, which has no record. `level` is 0 to 36. */
export function zeroSubtree(level: number): string {
  while (zeroHashes.length <= level) zeroHashes.push(bytesToHex(hasher.zero(zeroHashes.length)));
  return zeroHashes[level]!;
}

/**
 * A VMO by its records. Every method throws DamagedRecordError for a malformed record and MissingRecordError for a missing
 * one.
 */
export class RecordTree {
  readonly lengthBytes: number;
  /** Levels of nodes above the pages. */
  readonly height: number;
  /** The hash of the subtree below the root, in hexadecimal. */
  readonly top: string;

  /** `id`: the identity of the VMO, which is the hash of its root record. */
  constructor(
    private readonly records: RecordSource,
    readonly id: string,
  ) {
    const { lengthBytes, top } = readRoot(hasher, this.record(id, 'root'), refusal(id));
    this.lengthBytes = lengthBytes;
    this.height = heightOf(lengthBytes);
    this.top = bytesToHex(top);
  }

  /** Length in pages, the last one counted whole. */
  get pages(): number {
    return pagesOf(this.lengthBytes);
  }

  /** The hashes of the two subtrees of a node at `level`; a subtree of zeros has such children too. */
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

  /** The pages from `first` up to, not including, `end`, in order. A subtree of zeros is one run, and costs one step. */
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
