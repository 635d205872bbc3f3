/**
 * BD0-VMO-1: the records that are hashed, and the sizes that follow from them. design/vmo.md "Identity".
 *
 *     leaf  00 ‖ page[4096]                                               4097 bytes
 *     node  01 ‖ k:u8 ‖ left[32] ‖ right[32]                                66 bytes
 *     root  02 ‖ "BD0VMO" ‖ 01 ‖ 01 ‖ 0C ‖ 00 x 6 ‖ len:u64 ‖ top[32]       56 bytes
 */

import { PAGE_SHIFT, PAGE_SIZE } from '../bits.js';

/** SHA-256 of `data`: 32 bytes, in an array of their own. `data` is reused once it returns. */
export type HashFunction = (data: Uint8Array) => Uint8Array;

/** The longest VMO, in bytes. */
export const MAX_LENGTH = 2 ** 48;

/** The level of a tree over MAX_LENGTH bytes. */
export const MAX_LEVEL = 36;

/** Bytes under a subtree, by its level: 4096 * 2^level. */
export const LEVEL_BYTES: readonly number[] = Array.from(
  { length: MAX_LEVEL + 1 },
  (_, level) => PAGE_SIZE * 2 ** level,
);

/** Z0, the leaf hash of a page of zeros: a page of zeros is never hashed. */
export const ZERO_LEAF = 'b587fa297299ce9c602e58292b51379402bf7b1074f6b18679c2fb871c917ca8';

const LEAF_TAG = 0;
const NODE_TAG = 1;
const ROOT_TAG = 2;
const HASH_BYTES = 32;
const ROOT_PREFIX = [ROOT_TAG, ...'BD0VMO'].map((part) => (typeof part === 'string' ? part.charCodeAt(0) : part));
const VERSION = 1;
const ALGORITHM_SHA256 = 1;
const RESERVED_BYTES = 6;
const ROOT_LENGTH_OFFSET = ROOT_PREFIX.length + 3 + RESERVED_BYTES;

/** The level of the top node of a VMO: the least k with 2^k >= max(1, pages). */
export function heightOf(lengthBytes: number): number {
  let level = 0;
  while (LEVEL_BYTES[level]! < lengthBytes) level++;
  return level;
}

/** The pages of a VMO, the last one perhaps cut. */
export function pagesOf(lengthBytes: number): number {
  return Math.ceil(lengthBytes / PAGE_SIZE);
}

/** Writes the records and hashes them; counts what it hashed. */
export class CanonicalHasher {
  leavesHashed = 0;
  nodesHashed = 0;
  private readonly leafRecord = new Uint8Array(1 + PAGE_SIZE);
  private readonly nodeRecord = new Uint8Array(2 + 2 * HASH_BYTES);
  private readonly rootRecord = new Uint8Array(ROOT_LENGTH_OFFSET + 8 + HASH_BYTES);

  constructor(private readonly hash: HashFunction) {
    this.leafRecord[0] = LEAF_TAG;
    this.nodeRecord[0] = NODE_TAG;
    this.rootRecord.set([...ROOT_PREFIX, VERSION, ALGORITHM_SHA256, PAGE_SHIFT]);
  }

  /** The hash of the page that holds `bytes` (at most 4096) and zeros after them. */
  leaf(bytes: Uint8Array): Uint8Array {
    this.leavesHashed++;
    this.leafRecord.set(bytes, 1);
    this.leafRecord.fill(0, 1 + bytes.length);
    return this.hash(this.leafRecord);
  }

  /** The hash of the node at `level` over two hashes of the level below. */
  node(level: number, left: Uint8Array, right: Uint8Array): Uint8Array {
    this.nodesHashed++;
    this.nodeRecord[1] = level;
    this.nodeRecord.set(left, 2);
    this.nodeRecord.set(right, 2 + HASH_BYTES);
    return this.hash(this.nodeRecord);
  }

  /** The identity of `lengthBytes` bytes under a node at heightOf(lengthBytes). */
  root(lengthBytes: number, top: Uint8Array): Uint8Array {
    const view = new DataView(this.rootRecord.buffer);
    view.setBigUint64(ROOT_LENGTH_OFFSET, BigInt(lengthBytes), true);
    this.rootRecord.set(top, ROOT_LENGTH_OFFSET + 8);
    return this.hash(this.rootRecord);
  }
}
