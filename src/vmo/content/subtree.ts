/** Canonical subtrees: pages and the perfect binary tree of nodes over them, whether hashed yet or not. */

/** Leaves with the same cheap hash. */
export interface LeafBucket {
  readonly cheapHash: number;
  /** Leaves that a new page is compared with. */
  readonly candidates: Leaf[];
  /** Number of live leaves, candidates or not. */
  leaves: number;
  /** True if a leaf was not made a candidate, so that equal leaves may exist. */
  isCrowded: boolean;
}

/**
 * A page, stored up to its last nonzero byte. Leaves with equal bytes are the same object; if their bucket was crowded,
 * they share the bytes once both are hashed.
 */
export class Leaf {
  readonly level = 0;
  /** Number of ropes, nodes and views that hold this subtree; at 0 the table frees it. */
  users = 0;
  /** Number of those users that are not caches, but VMOs, builders and what they own: see `SubtreeTable.own`. */
  owners = 0;
  /** Whether it is charged to the store's account. */
  isCharged = false;
  /**
   * Whether it is in the table's list of released subtrees; until it is removed from there, it still holds its
   * children.
   */
  isReleased = false;
  /** The SHA-256 of its record, once computed. */
  hash: Uint8Array | undefined;
  /** The hash in hexadecimal, once computed. */
  key: string | undefined;
  /** The equal leaf that was hashed first and whose bytes this one shares. */
  twin: Leaf | undefined;

  constructor(
    public bytes: Uint8Array,
    readonly bucket: LeafBucket,
    /** Its number in the table; -1 once freed. */
    public serial: number,
  ) {}

  /** Number of bytes up to the last nonzero one; 0 for a zero subtree. */
  get used(): number {
    return this.bytes.length;
  }
}

/** A node over two subtrees of the level below: 2^level pages. */
export class Node {
  readonly level: number;
  /** Number of bytes up to the last nonzero one; an upper bound if a part has not been fetched. */
  readonly used: number;
  users = 0;
  owners = 0;
  isCharged = false;
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

/** The source of a Remote's content. */
export interface RemoteSource {
  /** Returns the leaf or node, fetching it if necessary. Throws DamagedRecordError, MissingRecordError. */
  open(remote: Remote): Leaf | Node;
  /** Returns a Remote like one that was forgotten. */
  again(remote: Remote): Subtree;
  /** Called when nothing holds a Remote any more. */
  forget(remote: Remote): void;
}

/**
 * A nonzero subtree known by its hash: it is fetched when it is touched and may be dropped again. The Remote owns its
 * fetched content; other extents hold the Remote.
 */
export class Remote {
  users = 0;
  owners = 0;
  isCharged = false;
  isReleased = false;
  fetched: Leaf | Node | undefined;

  constructor(
    readonly source: RemoteSource,
    readonly hash: Uint8Array,
    /** The hash in hexadecimal. */
    readonly key: string,
    readonly level: number,
    /** Bytes from here on are zeros: known from the length of the whole, and checked when the content is fetched. */
    readonly used: number,
    public serial: number,
  ) {}
}

export type Subtree = Leaf | Node | Remote;

export function isSubtree(item: object): item is Subtree {
  return item instanceof Leaf || item instanceof Node || item instanceof Remote;
}

/** The content of a Remote; any other subtree is returned unchanged. */
export function opened(tree: Subtree): Leaf | Node {
  return tree instanceof Remote ? tree.source.open(tree) : tree;
}

/** A subtree of level 1 or more, opened. */
export function openedNode(tree: Subtree): Node {
  const node = opened(tree);
  if (node instanceof Leaf) throw new Error('a page has no parts');
  return node;
}

/** Copies `length` bytes of a subtree from `offset` into `target` at `at`. Returns the number of extents visited. */
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
