/** The subtrees of a store: equal ones are stored once, hashed on demand, and freed when nothing holds them. */

import { bytesToHex } from '../../bits.js';
import { type CanonicalHasher, equalHashes, MAX_LEVEL, type PageFormat } from './canonical-form.js';
import { Leaf, type LeafBucket, Node, Remote, type RemoteSource, type Subtree } from './subtree.js';

/**
 * Maximum number of leaves with the same cheap hash that a new page is compared with. Guests choose the bytes, so they
 * can provoke collisions.
 */
const CANDIDATES_MAX = 4;

/**
 * Host memory of extents in bytes, measured with Node 20: an object, its arrays, and its entries in the tables. The
 * bytes of pages are outside the heap and are counted separately, as `ownedLeaves`.
 */
const LEAF_HOST_BYTES = 768;
const NODE_HOST_BYTES = 384;
/** Maximum host memory of an extent of any kind. */
export const SUBTREE_HOST_BYTES = Math.max(LEAF_HOST_BYTES, NODE_HOST_BYTES);

/**
 * Bound of serial numbers: two of them fit into the 53 bits of a number. This many live extents hold 128 GiB or more.
 */
const SERIALS = 2 ** 26;

/** Host memory used by the content of a store. */
export class ContentAccount {
  /**
   * Heap bytes of VMOs, ropes and owned extents. They depend only on ownership, not on which content was read or
   * hashed. Released extents count until they are freed.
   */
  hostBytes = 0;
  /** Number of owned leaves, counting equal leaves separately. */
  ownedLeaves = 0;
  /** Number of subtrees cached by views. */
  remembered = 0;
}

/**
 * The table of subtrees. New leaves are found by a cheap hash and a comparison of bytes, and always by their SHA-256
 * once that exists; nodes are found by their two children. Subtrees that a constructor created but did not use are
 * freed by `dropUnused` at its end.
 */
export class SubtreeTable {
  /** A page under construction: fill it, then call `leafOfScratch`. */
  readonly scratch: Uint8Array;
  readonly format: PageFormat;
  private readonly scratchWords: Int32Array;
  private readonly buckets = new Map<number, LeafBucket>();
  /** Hashed leaves of crowded buckets. */
  private readonly leavesByKey = new Map<string, Leaf>();
  private readonly nodesByChildren = new Map<number, Node>();
  private readonly zeros: readonly Subtree[];
  private readonly freeSerials: number[] = [];
  private serialsUsed = 0;
  private readonly unsettled: Subtree[] = [];
  /** Released subtrees; they may have been held again, or freed, since. */
  private readonly released: Subtree[] = [];
  private isDeferring = false;
  /** Number of leaves that hold bytes, which excludes the page of zeros. */
  leavesStored = 0;
  readonly account = new ContentAccount();

  constructor(private readonly hasher: CanonicalHasher) {
    this.format = hasher.format;
    this.scratch = new Uint8Array(this.format.pageSize);
    this.scratchWords = new Int32Array(this.scratch.buffer);
    const zeroLeaf = new Leaf(new Uint8Array(0), emptyBucket(0), this.takeSerial());
    zeroLeaf.hash = hasher.zero(0);
    const zeros: Subtree[] = [zeroLeaf];
    for (let level = 1; level <= MAX_LEVEL; level++) {
      const below = zeros[level - 1]!;
      zeros.push(new Node(below, below, this.takeSerial(), this.format.levelBytes[level - 1]!));
    }
    this.zeros = zeros;
    this.retain(zeros[MAX_LEVEL]!);
    for (const tree of zeros) {
      tree.owners = 1;
      tree.isCharged = true;
    }
  }

  /** The subtree of 2^level pages of zeros. */
  zero(level: number): Subtree {
    return this.zeros[level]!;
  }

  /** The leaf for `bytes`, at most a page, which are copied. */
  leaf(bytes: Uint8Array): Leaf {
    this.scratch.set(bytes);
    this.scratch.fill(0, bytes.length);
    return this.leafOfScratch();
  }

  /** The leaf for the content of `scratch`. */
  leafOfScratch(): Leaf {
    return this.leafOfPage(this.scratch, this.scratchWords);
  }

  /** The leaf for the content of `page`, which is copied; `allWords` is a view of it. */
  leafOfPage(page: Uint8Array, allWords: Int32Array): Leaf {
    const words = usedWords(allWords);
    if (words === 0) return this.zeros[0] as Leaf;
    let used = words * 4;
    while (page[used - 1] === 0) used--;
    const cheapHash = cheapHashOf(allWords, words);
    let bucket = this.buckets.get(cheapHash);
    const equal = bucket?.candidates.find((candidate) => holds(candidate, page, used));
    if (equal !== undefined) return equal;
    if (bucket === undefined) this.buckets.set(cheapHash, (bucket = emptyBucket(cheapHash)));
    const leaf = new Leaf(page.slice(0, used), bucket, this.takeSerial());
    bucket.leaves++;
    if (bucket.candidates.length < CANDIDATES_MAX) bucket.candidates.push(leaf);
    else bucket.isCrowded = true;
    this.leavesStored++;
    this.unsettled.push(leaf);
    return leaf;
  }

  /** The node over two subtrees of the same level. */
  node(left: Subtree, right: Subtree): Subtree {
    if (left.used === 0 && right.used === 0) return this.zeros[left.level + 1]!;
    if (left.level !== right.level || left.serial < 0 || right.serial < 0)
      throw new Error(`no node over levels ${left.level} and ${right.level}, serials ${left.serial}, ${right.serial}`);
    const children = childrenKey(left, right);
    const known = this.nodesByChildren.get(children);
    if (known !== undefined) return known;
    const node = new Node(left, right, this.takeSerial(), this.format.levelBytes[left.level]!);
    this.nodesByChildren.set(children, node);
    this.unsettled.push(node);
    return node;
  }

  /**
   * The perfect tree over one or more subtrees of the same level, padded on the right with zero subtrees, up to the
   * smallest sufficient level or `levelMin`.
   */
  treeOf(parts: readonly Subtree[], levelMin = 0): Subtree {
    let row = parts;
    for (let { level } = row[0]!; row.length > 1 || level < levelMin; level++) {
      const above: Subtree[] = [];
      for (let i = 0; i < row.length; i += 2) above.push(this.node(row[i]!, row[i + 1] ?? this.zero(level)));
      row = above;
    }
    return row[0]!;
  }

  /** The canonical tree of `bytes`, one or more, which are copied. */
  treeOfBytes(bytes: Uint8Array): Subtree {
    const leaves: Leaf[] = [];
    const { pageSize } = this.format;
    for (let at = 0; at < bytes.length; at += pageSize) leaves.push(this.leaf(bytes.subarray(at, at + pageSize)));
    return this.treeOf(leaves);
  }

  /** The SHA-256 of a subtree's record; hashes everything below it first, if necessary. */
  hashOf(tree: Subtree): Uint8Array {
    if (tree instanceof Remote) return tree.hash;
    if (tree.hash !== undefined) return tree.hash;
    if (tree instanceof Leaf) return this.hashLeaf(tree);
    return (tree.hash =
      tree.used === 0
        ? this.hasher.zero(tree.level)
        : this.hasher.node(tree.level, this.hashOf(tree.left), this.hashOf(tree.right)));
  }

  /** Whether two subtrees have the same content. Hashes them unless they are the same. */
  isSame(a: Subtree, b: Subtree): boolean {
    return a === b || (a.level === b.level && equalHashes(this.hashOf(a), this.hashOf(b)));
  }

  /** Sets a hash that was computed and verified elsewhere. The subtree must be held. */
  adoptHash(tree: Leaf | Node, hash: Uint8Array): void {
    if (tree.hash !== undefined) return;
    tree.hash = hash;
    if (tree instanceof Leaf && tree.bucket.isCrowded) this.findTwin(tree);
  }

  /** The hash of a page in hexadecimal: the key of its frame. */
  keyOf(page: Leaf | Remote): string {
    return page instanceof Remote ? page.key : (page.key ??= bytesToHex(this.hashOf(page)));
  }

  /** A subtree whose content comes from `source`. */
  remote(source: RemoteSource, hash: Uint8Array, key: string, level: number, used: number): Remote {
    return new Remote(source, hash, key, level, used, this.takeSerial());
  }

  retain(tree: Subtree): void {
    if (tree.serial < 0) throw new Error(`extent of level ${tree.level} held after it was forgotten`);
    if (tree.users++ > 0 || !(tree instanceof Node) || tree.isReleased) return;
    this.retain(tree.left);
    this.retain(tree.right);
  }

  release(tree: Subtree): void {
    if (--tree.users > 0 && !tree.isReleased) return;
    this.putReleased(tree);
    if (!this.isDeferring) this.forgetReleased(Infinity);
  }

  /**
   * Holds a subtree for a VMO or a builder. Owned subtrees, and everything below them, are charged to `account`; caches
   * use `retain` and are not charged.
   */
  own(tree: Subtree): void {
    this.retain(tree);
    this.addOwner(tree);
  }

  /** Undoes `own`. */
  disown(tree: Subtree): void {
    if (--tree.owners === 0) this.putReleased(tree);
    this.release(tree);
  }

  private addOwner(tree: Subtree): void {
    if (tree.owners++ > 0 || tree.isCharged) return;
    tree.isCharged = true;
    this.count(tree, 1);
    if (!(tree instanceof Node)) return;
    this.addOwner(tree.left);
    this.addOwner(tree.right);
  }

  /** Takes a subtree that has lost its last owner off the account. */
  private uncharge(tree: Subtree): void {
    tree.isCharged = false;
    this.count(tree, -1);
    if (!(tree instanceof Node)) return;
    for (const part of [tree.right, tree.left]) if (--part.owners === 0) this.putReleased(part);
  }

  private count(tree: Subtree, by: 1 | -1): void {
    this.account.hostBytes += by * (tree instanceof Leaf ? LEAF_HOST_BYTES : NODE_HOST_BYTES);
    if (tree instanceof Leaf) this.account.ownedLeaves += by;
  }

  /** Runs `work`; subtrees that it releases are freed later by `forgetReleased`, and can be held again until then. */
  deferring(work: () => void): void {
    this.isDeferring = true;
    try {
      work();
    } finally {
      this.isDeferring = false;
    }
  }

  /** Whether there are released subtrees that have not been freed yet. */
  get hasReleased(): boolean {
    return this.released.length > 0;
  }

  /** Frees at most `most` released subtrees. */
  forgetReleased(most: number): void {
    const { released } = this;
    for (let left = most; left > 0; left--) {
      const tree = released.pop();
      if (tree === undefined) return;
      tree.isReleased = false;
      if (tree.owners === 0 && tree.isCharged) this.uncharge(tree);
      if (tree.users > 0) continue;
      this.forget(tree);
      const below =
        tree instanceof Node ? [tree.right, tree.left] : tree instanceof Leaf && tree.twin ? [tree.twin] : [];
      for (const part of below) if (--part.users === 0) this.putReleased(part);
    }
  }

  private putReleased(tree: Subtree): void {
    if (tree.isReleased) return;
    tree.isReleased = true;
    this.released.push(tree);
  }

  /**
   * Frees the subtrees created since the last call that nothing holds, latest first, so that parents come before
   * children.
   */
  dropUnused(): void {
    for (let tree = this.unsettled.pop(); tree !== undefined; tree = this.unsettled.pop())
      if (tree.users === 0 && tree.serial >= 0 && !tree.isReleased) this.forget(tree);
  }

  private hashLeaf(leaf: Leaf): Uint8Array {
    leaf.hash = this.hasher.leaf(leaf.bytes);
    if (leaf.bucket.isCrowded && leaf.users > 0) this.findTwin(leaf);
    return leaf.hash;
  }

  /** Finds an equal leaf that the comparison missed; the two then share the bytes of the one that was hashed first. */
  private findTwin(leaf: Leaf): void {
    const key = this.keyOf(leaf);
    const first = this.leavesByKey.get(key);
    if (first === undefined) this.leavesByKey.set(key, leaf);
    else {
      leaf.bytes = first.bytes;
      leaf.twin = first;
      this.leavesStored--;
      this.retain(first);
    }
  }

  private forget(tree: Subtree): void {
    if (tree instanceof Leaf) this.forgetLeaf(tree);
    else if (tree instanceof Remote) tree.source.forget(tree);
    else this.nodesByChildren.delete(childrenKey(tree.left, tree.right));
    this.freeSerials.push(tree.serial);
    tree.serial = -1;
  }

  private forgetLeaf(leaf: Leaf): void {
    const { bucket } = leaf;
    const index = bucket.candidates.indexOf(leaf);
    if (index >= 0) bucket.candidates.splice(index, 1);
    if (--bucket.leaves === 0) this.buckets.delete(bucket.cheapHash);
    if (leaf.key !== undefined && this.leavesByKey.get(leaf.key) === leaf) this.leavesByKey.delete(leaf.key);
    if (leaf.twin === undefined) this.leavesStored--;
  }

  private takeSerial(): number {
    const serial = this.freeSerials.pop() ?? this.serialsUsed++;
    if (serial >= SERIALS) throw new RangeError(`a store holds at most ${SERIALS} extents`);
    return serial;
  }
}

function emptyBucket(cheapHash: number): LeafBucket {
  return { cheapHash, candidates: [], leaves: 0, isCrowded: false };
}

function childrenKey(left: Subtree, right: Subtree): number {
  return left.serial * SERIALS + right.serial;
}

/** Number of words up to the last nonzero one. */
function usedWords(words: Int32Array): number {
  let count = words.length;
  while (count > 0 && words[count - 1] === 0) count--;
  return count;
}

/** A 32-bit hash of `count` words. It is not observable by guests: it only selects pages worth comparing. */
export function cheapHashOf(words: Int32Array, count: number): number {
  let hash = count;
  for (let i = 0; i < count; i++) {
    hash = Math.imul(hash ^ words[i]!, 0x9e3779b1);
    hash = (hash << 15) | (hash >>> 17);
  }
  return hash;
}

function holds(leaf: Leaf, page: Uint8Array, used: number): boolean {
  const { bytes } = leaf;
  if (bytes.length !== used) return false;
  for (let i = 0; i < used; i++) if (bytes[i] !== page[i]) return false;
  return true;
}
