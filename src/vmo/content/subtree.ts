/** Canonical subtrees: pages and the perfect binary tree of concats over them, whether or not hashed yet. */

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
 * A page extent, of whose bytes those up to the last that is not zero are stored. Two leaves with equal bytes are
 * one object; where their bucket was crowded, they share the bytes once both are hashed.
 */
export class Leaf {
  readonly level = 0;
  /** Ropes, nodes and views that hold this subtree; at 0 the table forgets it. */
  users = 0;
  /** Whether it stands in the table's list of what nothing holds any more: until it is taken from there, it holds what it held. */
  isReleased = false;
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
  /** Bytes up to the last that is not zero; at least that many where a part was not fetched. */
  readonly used: number;
  users = 0;
  isReleased = false;
  hash: Uint8Array | undefined;

  constructor(
    readonly left: Subtree,
    readonly right: Subtree,
    public serial: number,
    /** Bytes that each of its children covers. */
    readonly half: number,
  ) {
    this.level = left.level + 1;
    this.used = right.used === 0 ? left.used : half + right.used;
  }
}

/** Where the content of a Remote comes from. */
export interface RemoteSource {
  /** The leaf or node, fetched where it is not there. Throws DamagedRecordError, MissingRecordError. */
  open(remote: Remote): Leaf | Node;
  /** Nothing holds a Remote any more. */
  forget(remote: Remote): void;
}

/**
 * A subtree, not of zeros, that is known by its hash: fetched when it is touched, and perhaps dropped again. Its
 * content, where it is there, belongs to it; other extents hold the Remote.
 */
export class Remote {
  users = 0;
  isReleased = false;
  fetched: Leaf | Node | undefined;

  constructor(
    readonly source: RemoteSource,
    readonly hash: Uint8Array,
    /** The hash in hexadecimal. */
    readonly key: string,
    readonly level: number,
    /** Bytes beyond these are zeros: known from the length of what it is a part of, and checked when it is fetched. */
    readonly used: number,
    public serial: number,
  ) {}
}

export type Subtree = Leaf | Node | Remote;

/** What a Remote stands for; anything else is itself. */
export function opened(tree: Subtree): Leaf | Node {
  return tree instanceof Remote ? tree.source.open(tree) : tree;
}

/** A subtree of level 1 or more, opened. */
export function openedNode(tree: Subtree): Node {
  const node = opened(tree);
  if (node instanceof Leaf) throw new Error('a page has no parts');
  return node;
}

/**
 * Copies `length` bytes of a subtree from `offset` into `target` at `at`. Answers how many extents it visited.
 */
export function copySubtree(tree: Subtree, offset: number, length: number, target: Uint8Array, at: number): number {
  if (offset >= tree.used) {
    target.fill(0, at, at + length);
    return 1;
  }
  const extent = opened(tree);
  if (extent instanceof Leaf) {
    const stored = Math.min(length, extent.used - offset);
    if (stored === extent.used) target.set(extent.bytes, at);
    else if (stored > 0) target.set(extent.bytes.subarray(offset, offset + stored), at);
    target.fill(0, at + Math.max(stored, 0), at + length);
    return 1;
  }
  const { half } = extent;
  const inLeft = Math.min(Math.max(half - offset, 0), length);
  let visited = 1;
  if (inLeft > 0) visited += copySubtree(extent.left, offset, inLeft, target, at);
  if (inLeft < length)
    visited += copySubtree(extent.right, offset + inLeft - half, length - inLeft, target, at + inLeft);
  return visited;
}
