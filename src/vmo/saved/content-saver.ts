import type { ContentNumbers } from '../../state/schema.js';
import { ValueWriter } from '../../state/saved-values.js';
import { BuilderStore } from '../content/builder-store.js';
import type { CanonicalHasher } from '../content/canonical-form.js';
import { isRope, Piece, type Rope } from '../content/rope.js';
import { isSubtree, Leaf, Node, opened, Remote, type Subtree } from '../content/subtree.js';
import type { VmoImage } from '../content/vmo.js';
import { ITEM, RECORD } from './saved-kinds.js';

/** Takes a page of at most 4096 bytes, which never changes; returns its number. */
export type SavePage = (bytes: Uint8Array) => number;

/**
 * Writes down the content that images of handles and builders lead to: each VMO, rope and subtree once, after those that it
 * consists of, so that it is read back in the same pieces. Subtrees of a store of the host stay such, and the records that they
 * stand for are saved with them.
 */
export class ContentSaver implements ContentNumbers {
  private readonly numbers = new Map<object, number>();
  private readonly items = new ValueWriter();
  private readonly records = new ValueWriter();
  private readonly savedRecords = new Set<string>();

  constructor(
    private readonly hasher: CanonicalHasher,
    private readonly savePage: SavePage,
  ) {}

  /** Throws DamagedRecordError, MissingRecordError for content that its store has lost. */
  numberOf(content: object): number {
    const key = 'vmo' in content ? (content as VmoImage).vmo : content;
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    if (isSubtree(content)) this.subtree(content);
    else if (isRope(content)) this.rope(content);
    else if (content instanceof BuilderStore) this.items.byte(ITEM.builders);
    else this.vmo(content as VmoImage);
    const number = this.numbers.size;
    this.numbers.set(key, number);
    return number;
  }

  /** Writes everything down. */
  writeTo(out: ValueWriter): void {
    out.count(this.savedRecords.size).raw(this.records.written);
    out.count(this.numbers.size).raw(this.items.written);
  }

  private subtree(tree: Subtree): void {
    const { items } = this;
    if (tree.used === 0) items.byte(ITEM.zero).count(tree.level);
    else if (tree instanceof Leaf) items.byte(ITEM.leaf).count(this.savePage(tree.bytes)).count(tree.used);
    else if (tree instanceof Remote) this.remote(tree);
    else {
      const [left, right] = [this.numberOf(tree.left), this.numberOf(tree.right)];
      items.byte(ITEM.node).count(left).count(right);
    }
  }

  private remote(remote: Remote): void {
    const { hash, level, used } = remote;
    this.record(remote);
    this.items.byte(ITEM.remote).count(level).count(used).raw(hash);
  }

  private rope(rope: Rope): void {
    const { items } = this;
    if (rope instanceof Piece) {
      const tree = this.numberOf(rope.tree);
      items.byte(ITEM.piece).count(tree).count(rope.start).count(rope.length);
    } else {
      const [left, right] = [this.numberOf(rope.left), this.numberOf(rope.right)];
      items.byte(ITEM.branch).count(left).count(right);
    }
  }

  private vmo({ root, canonicalForm, isPublished, publishedTree }: VmoImage): void {
    const rope = root && this.numberOf(root);
    const tree = publishedTree && this.numberOf(publishedTree);
    this.items.byte(ITEM.vmo).value([rope, canonicalForm !== undefined, isPublished, tree]);
  }

  /** Saves the records of a remote subtree. */
  private record(remote: Remote): void {
    if (this.savedRecords.has(remote.key)) return;
    this.savedRecords.add(remote.key);
    const tree = opened(remote);
    if (tree instanceof Node) {
      const hashes = [tree.left, tree.right].map((part) => this.hashOf(part));
      this.records.byte(RECORD.node).count(tree.level);
      for (const hash of hashes) this.records.raw(hash);
      for (const part of [tree.left, tree.right]) if (part instanceof Remote) this.record(part);
    } else this.records.byte(RECORD.leaf).count(this.savePage(tree.bytes)).count(tree.bytes.length);
  }

  private hashOf(part: Subtree): Uint8Array {
    if (part instanceof Remote) return part.hash;
    if (part.used === 0) return this.hasher.zero(part.level);
    throw new Error(`a part of level ${part.level} of a remote subtree is not remote`);
  }
}
