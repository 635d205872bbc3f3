import { bytesToHex } from '../../bits.js';
import { type CanonicalHasher, LEAF_TAG, NODE_OFFSET, NODE_TAG } from '../content/canonical-form.js';
import type { RecordStore } from './record-store.js';
import type { Leaf, Node, Subtree } from '../content/subtree.js';
import type { SubtreeTable } from '../content/subtree-table.js';

/** Makes subtrees from verified records, which must come after those below them, and holds them until `close`. */
export class TreeImport implements Pick<RecordStore, 'put'> {
  private readonly trees = new Map<string, Leaf | Node>();

  constructor(
    private readonly table: SubtreeTable,
    private readonly hasher: CanonicalHasher,
  ) {}

  put(batch: Iterable<{ hash: Uint8Array; record: Uint8Array }>): void {
    for (const { hash, record } of batch) {
      if (record[0] === LEAF_TAG) this.enter(hash, this.table.leaf(record.subarray(1)));
      else if (record[0] === NODE_TAG) this.enter(hash, this.nodeOf(record));
    }
  }

  /** The subtree of an imported record, or a zero subtree. */
  subtree(hash: Uint8Array, level: number): Subtree {
    if (this.hasher.isZero(level, hash)) return this.table.zero(level);
    const tree = this.trees.get(bytesToHex(hash));
    if (tree === undefined) throw new Error(`the record ${bytesToHex(hash)} did not come before what it is a part of`);
    return tree;
  }

  /** Releases the subtrees. */
  close(): void {
    for (const tree of this.trees.values()) this.table.release(tree);
    this.trees.clear();
    this.table.dropUnused();
  }

  private nodeOf(record: Uint8Array): Node {
    const below = record[NODE_OFFSET.level]! - 1;
    const left = this.subtree(record.subarray(NODE_OFFSET.left, NODE_OFFSET.right), below);
    const right = this.subtree(record.subarray(NODE_OFFSET.right), below);
    return this.table.node(left, right) as Node;
  }

  private enter(hash: Uint8Array, tree: Leaf | Node | Subtree): void {
    const made = tree as Leaf | Node;
    this.table.retain(made);
    this.table.adoptHash(made, hash.slice());
    this.trees.set(bytesToHex(hash), made);
  }
}
