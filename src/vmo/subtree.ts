/** Canonical subtrees: pages and the perfect binary tree of concats over them, whether or not hashed yet. */

import { PAGE_SIZE } from '../bits.js';
import { LEVEL_BYTES } from './canonical-form.js';

/** Leaves of one cheap hash. */
export interface LeafBucket {
  readonly cheapHash: number;
  /** Those that a new page is compared with. */
  readonly candidates: Leaf[];
  /** Live leaves, candidates or not. */
  leaves: number;
  /** There was a leaf that did not become a candidate: equal leaves may be about. */
  isCrowded: boolean;
}

/**
 * A page extent: 4096 bytes, of which those up to the last that is not zero are stored. Two leaves with equal bytes are
 * one object; where their bucket was crowded, they share the bytes once both are hashed.
 */
export class Leaf {
  readonly level = 0;
  /** Ropes, nodes and views that hold this subtree; at 0 the table forgets it. */
  users = 0;
  /** The SHA-256 of its record, once somebody asked. */
  hash: Uint8Array | undefined;
  /** The hash in hexadecimal, once somebody asked. */
  key: string | undefined;
  /** The equal leaf that was hashed first; the bytes are its bytes. */
  twin: Leaf | undefined;

  constructor(
    public bytes: Uint8Array,
    readonly bucket: LeafBucket,
    /** Its number in the table; -1 once forgotten. */
    public serial: number,
  ) {}

  /** Bytes up to the last that is not zero; 0 for a zero subtree. */
  get used(): number {
    return this.bytes.length;
  }
}

/** A concat of two subtrees of the level below, 2^level pages. */
export class Node {
  readonly level: number;
  readonly used: number;
  users = 0;
  hash: Uint8Array | undefined;

  constructor(
    readonly left: Subtree,
    readonly right: Subtree,
    public serial: number,
  ) {
    this.level = left.level + 1;
    this.used = right.used === 0 ? left.used : LEVEL_BYTES[left.level]! + right.used;
  }
}

export type Subtree = Leaf | Node;

/**
 * Copies `length` bytes of a subtree from `offset` into `target` at `at`. Answers how many extents it visited.
 */
export function copySubtree(tree: Subtree, offset: number, length: number, target: Uint8Array, at: number): number {
  if (offset >= tree.used) {
    target.fill(0, at, at + length);
    return 1;
  }
  if (tree instanceof Leaf) {
    const stored = Math.min(length, tree.used - offset);
    target.set(stored === tree.used ? tree.bytes : tree.bytes.subarray(offset, offset + stored), at);
    target.fill(0, at + stored, at + length);
    return 1;
  }
  const half = LEVEL_BYTES[tree.level - 1]!;
  const inLeft = Math.min(Math.max(half - offset, 0), length);
  let visited = 1;
  if (inLeft > 0) visited += copySubtree(tree.left, offset, inLeft, target, at);
  if (inLeft < length) visited += copySubtree(tree.right, offset + inLeft - half, length - inLeft, target, at + inLeft);
  return visited;
}

/** Copies the 4096 bytes of a page into `target` at `at`. */
export function copyPage(leaf: Leaf, target: Uint8Array, at: number): void {
  copySubtree(leaf, 0, PAGE_SIZE, target, at);
}
