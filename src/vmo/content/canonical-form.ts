/**
 * The canonical form BD0-VMO-1: the records that are hashed, and the resulting sizes. design/vmo.md "Identity".
 *
 *     leaf  00 ‖ page[4096]                                               4097 bytes
 *     node  01 ‖ k:u8 ‖ left[32] ‖ right[32]                                66 bytes
 *     root  02 ‖ "BD0VMO" ‖ 01 ‖ 01 ‖ 0C ‖ 00 x 6 ‖ len:u64 ‖ top[32]       56 bytes
 */

import { hexToBytes } from '@noble/hashes/utils.js';
import { PAGE_SHIFT } from '../../bits.js';

/** Computes SHA-256: 32 bytes in a new array. The caller may reuse `data` afterwards. */
export type HashFunction = (data: Uint8Array) => Uint8Array;

/** The longest VMO, in bytes. */
export const MAX_LENGTH = 2 ** 48;

/** The level of a tree over MAX_LENGTH bytes. */
export const MAX_LEVEL = 36;

/** The sizes that follow from a page size. The format has a single page size; tests of deep trees use smaller pages. */
export class PageFormat {
  readonly pageSize: number;
  /** Bytes under a subtree, by its level: pageSize * 2^level. */
  readonly levelBytes: readonly number[];
  /** The longest VMO, in bytes. */
  readonly lengthMax: number;

  /** Pages of 2^pageShift bytes, at least 4. */
  constructor(readonly pageShift: number) {
    this.pageSize = 2 ** pageShift;
    this.levelBytes = Array.from({ length: MAX_LEVEL + 1 }, (_, level) => this.pageSize * 2 ** level);
    this.lengthMax = this.levelBytes[MAX_LEVEL]!;
  }

  /** The level of the top node of a VMO: the least k with 2^k >= max(1, pages). */
  heightOf(lengthBytes: number): number {
    let level = 0;
    while (this.levelBytes[level]! < lengthBytes) level++;
    return level;
  }

  /** Number of pages of a VMO, including a partial last one. */
  pagesOf(lengthBytes: number): number {
    return Math.ceil(lengthBytes / this.pageSize);
  }
}

/** BD0-VMO-1: pages of 4096 bytes. */
export const STANDARD_FORMAT = new PageFormat(PAGE_SHIFT);

/** Bytes under a subtree, by its level: 4096 * 2^level. */
export const LEVEL_BYTES = STANDARD_FORMAT.levelBytes;

/** Z0, the leaf hash of a page of zeros, which is never computed. */
export const ZERO_LEAF = 'b587fa297299ce9c602e58292b51379402bf7b1074f6b18679c2fb871c917ca8';

export const LEAF_TAG = 0;
export const NODE_TAG = 1;
export const ROOT_TAG = 2;
export const HASH_BYTES = 32;
/** The tag of a root and the name of the format. */
export const ROOT_PREFIX: readonly number[] = [ROOT_TAG, ...[...'BD0VMO'].map((character) => character.charCodeAt(0))];
export const VERSION = 1;
export const ALGORITHM_SHA256 = 1;
const RESERVED_BYTES = 6;

/** Offsets of the fields of a root in bytes. */
export const ROOT_OFFSET = {
  version: ROOT_PREFIX.length,
  algorithm: ROOT_PREFIX.length + 1,
  pageShift: ROOT_PREFIX.length + 2,
  reserved: ROOT_PREFIX.length + 3,
  length: ROOT_PREFIX.length + 3 + RESERVED_BYTES,
  top: ROOT_PREFIX.length + 3 + RESERVED_BYTES + 8,
} as const;

/** Offsets of the fields of a node in bytes. */
export const NODE_OFFSET = { level: 1, left: 2, right: 2 + HASH_BYTES } as const;

export const NODE_RECORD_BYTES = NODE_OFFSET.right + HASH_BYTES;
export const ROOT_RECORD_BYTES = ROOT_OFFSET.top + HASH_BYTES;

/** The level of the top node of a VMO: the least k with 2^k >= max(1, pages). */
export function heightOf(lengthBytes: number): number {
  return STANDARD_FORMAT.heightOf(lengthBytes);
}

/** Number of pages of a VMO, including a partial last one. */
export function pagesOf(lengthBytes: number): number {
  return STANDARD_FORMAT.pagesOf(lengthBytes);
}

/** Writes and hashes records, and counts them. */
export class CanonicalHasher {
  leavesHashed = 0;
  nodesHashed = 0;
  private readonly leafRecord: Uint8Array;
  private readonly nodeRecord = new Uint8Array(NODE_RECORD_BYTES);
  private readonly rootRecord = new Uint8Array(ROOT_RECORD_BYTES);
  private readonly zeros: Uint8Array[] = [];

  constructor(
    private readonly hash: HashFunction,
    readonly format = STANDARD_FORMAT,
  ) {
    this.leafRecord = new Uint8Array(1 + format.pageSize);
    this.leafRecord[0] = LEAF_TAG;
    this.nodeRecord[0] = NODE_TAG;
    this.rootRecord.set([...ROOT_PREFIX, VERSION, ALGORITHM_SHA256, format.pageShift]);
  }

  /** The hash of the page that holds `bytes` (at most a page) and zeros after them. */
  leaf(bytes: Uint8Array): Uint8Array {
    this.leavesHashed++;
    return this.hash(this.fillLeaf(bytes));
  }

  /** The hash of the node at `level` over two hashes of the level below. */
  node(level: number, left: Uint8Array, right: Uint8Array): Uint8Array {
    this.nodesHashed++;
    return this.hash(this.fillNode(level, left, right));
  }

  /** The identity of `lengthBytes` bytes under a node at heightOf(lengthBytes). */
  root(lengthBytes: number, top: Uint8Array): Uint8Array {
    return this.hash(this.fillRoot(lengthBytes, top));
  }

  /**
   * Zk: the hash of the subtree of 2^level pages of zeros. Each is computed once, except for the leaf of 4096 zeros,
   * which is a constant.
   */
  zero(level: number): Uint8Array {
    if (this.zeros.length === 0) {
      const isStandard = this.format.pageShift === PAGE_SHIFT;
      this.zeros.push(isStandard ? hexToBytes(ZERO_LEAF) : this.hash(this.fillLeaf(new Uint8Array(0))));
    }
    for (let k = this.zeros.length; k <= level; k++) {
      const below = this.zeros[k - 1]!;
      this.zeros.push(this.node(k, below, below));
    }
    return this.zeros[level]!;
  }

  /** Whether a hash is that of the zero subtree of a level. */
  isZero(level: number, hash: Uint8Array): boolean {
    return equalHashes(hash, this.zero(level));
  }

  /** The hash of a record from elsewhere; not counted. */
  ofRecord(record: Uint8Array): Uint8Array {
    return this.hash(record);
  }

  /** The record that `leaf` hashes, in a new array; likewise for the next two methods. */
  recordOfLeaf(bytes: Uint8Array): Uint8Array {
    return this.fillLeaf(bytes).slice();
  }

  recordOfNode(level: number, left: Uint8Array, right: Uint8Array): Uint8Array {
    return this.fillNode(level, left, right).slice();
  }

  recordOfRoot(lengthBytes: number, top: Uint8Array): Uint8Array {
    return this.fillRoot(lengthBytes, top).slice();
  }

  private fillLeaf(bytes: Uint8Array): Uint8Array {
    this.leafRecord.set(bytes, 1);
    return this.leafRecord.fill(0, 1 + bytes.length);
  }

  private fillNode(level: number, left: Uint8Array, right: Uint8Array): Uint8Array {
    this.nodeRecord[NODE_OFFSET.level] = level;
    this.nodeRecord.set(left, NODE_OFFSET.left);
    this.nodeRecord.set(right, NODE_OFFSET.right);
    return this.nodeRecord;
  }

  private fillRoot(lengthBytes: number, top: Uint8Array): Uint8Array {
    const view = new DataView(this.rootRecord.buffer);
    view.setBigUint64(ROOT_OFFSET.length, BigInt(lengthBytes), true);
    this.rootRecord.set(top, ROOT_OFFSET.top);
    return this.rootRecord;
  }
}

export function equalHashes(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < HASH_BYTES; i++) if (a[i] !== b[i]) return false;
  return true;
}
