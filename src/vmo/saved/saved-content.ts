import type { NumberedContent } from '../../state/schema.js';
import type { ValueReader } from '../../state/saved-values.js';
import type { BuilderStore } from '../content/builder-store.js';
import { HASH_BYTES, MAX_LEVEL } from '../content/canonical-form.js';
import { Branch, isRope, Piece, releaseRope, retainRope, type Rope, SIDES_RATIO_MAX } from '../content/rope.js';
import { isSubtree, type Subtree } from '../content/subtree.js';
import { type Canonical, type Shared, Vmo } from '../content/vmo.js';
import type { RemoteTree } from '../records/remote-tree.js';
import { ITEM } from './saved-kinds.js';
import { type SavedPage, SavedRecords } from './saved-records.js';
import type { VmoStore } from '../store.js';

/** What reading saved content needs. */
interface ContentTarget {
  readonly shared: Shared;
  readonly builders: BuilderStore;
  /** The source of remote subtrees. */
  readonly remotes: RemoteTree;
  readonly page: SavedPage;
}

/**
 * Reads content that a ContentSaver wrote into a store, and calls `use` with it, to restore handles and builders to. `page` must
 * work as long as the store is used. Throws SavedSnapshotError.
 */
export function restoringSaved(
  store: VmoStore,
  source: ValueReader,
  page: SavedPage,
  use: (content: NumberedContent) => void,
): void {
  const { shared, builders, remoteTrees } = store.parts;
  const records = new SavedRecords(shared.hasher, page);
  for (let left = source.countOfItems(); left > 0; left--) records.read(source);
  const remotes = remoteTrees.ofSaved(records);
  store.restoring(() => {
    const content = new SavedContent({ shared, builders, remotes, page }, source);
    try {
      use(content);
    } finally {
      content.close();
    }
  });
}

/** Content that a ContentSaver wrote, in a store. It is held until `close`. */
class SavedContent implements NumberedContent {
  private readonly items: object[] = [];

  /** Throws SavedSnapshotError for content that cannot be. */
  constructor(
    private readonly target: ContentTarget,
    private readonly source: ValueReader,
  ) {
    for (let left = source.countOfItems(); left > 0; left--) {
      const item = this.read();
      this.hold(item);
      this.items.push(item);
    }
  }

  contentOf<Content extends object>(number: unknown, isKind: (content: object) => content is Content): Content {
    const item = this.items[number as number];
    if (!item || !isKind(item)) throw this.source.malformed();
    return item;
  }

  close(): void {
    const { table } = this.target.shared;
    for (const item of this.items.splice(0).reverse())
      if (item instanceof Vmo) item.release();
      else if (isRope(item)) releaseRope(item, table);
      else if (isSubtree(item)) table.release(item);
  }

  private hold(item: object): void {
    const { table } = this.target.shared;
    if (item instanceof Vmo) item.retain();
    else if (isRope(item)) retainRope(item, table);
    else if (isSubtree(item)) table.retain(item);
  }

  private read(): object {
    const { source, target } = this;
    const { table } = target.shared;
    switch (source.byte()) {
      case ITEM.zero:
        return table.zero(this.level());
      case ITEM.leaf: {
        const page = target.page(source.count());
        return table.leaf(page.subarray(0, source.count()));
      }
      case ITEM.node:
        return this.node(this.tree(), this.tree());
      case ITEM.remote:
        return this.remote();
      case ITEM.piece:
        return this.piece(this.tree(), source.count(), source.count());
      case ITEM.branch:
        return this.branch(this.rope(), this.rope());
      case ITEM.vmo:
        return this.vmo();
      case ITEM.builders:
        return target.builders;
      default:
        throw source.malformed();
    }
  }

  private level(): number {
    const level = this.source.count();
    this.require(level <= MAX_LEVEL);
    return level;
  }

  private tree(): Subtree {
    return this.contentOf(this.source.count(), isSubtree);
  }

  private rope(): Rope {
    return this.contentOf(this.source.count(), isRope);
  }

  private node(left: Subtree, right: Subtree): Subtree {
    this.require(left.level === right.level && left.level < MAX_LEVEL);
    return this.target.shared.table.node(left, right);
  }

  private remote(): Subtree {
    const { source, target } = this;
    const level = this.level();
    const used = source.count();
    const hash = source.raw(HASH_BYTES).slice();
    if (used === 0 || used > target.shared.table.format.levelBytes[level]!) throw source.malformed();
    return target.remotes.subtree(hash, level, used);
  }

  private piece(tree: Subtree, start: number, length: number): Piece {
    const { levelBytes } = this.target.shared.table.format;
    this.require(length > 0 && start + length <= levelBytes[tree.level]!);
    return new Piece(tree, start, length);
  }

  private branch(left: Rope, right: Rope): Branch {
    const [light, heavy] = left.weight < right.weight ? [left, right] : [right, left];
    const { lengthMax } = this.target.shared.table.format;
    this.require(heavy.weight <= SIDES_RATIO_MAX * light.weight && left.length + right.length <= lengthMax);
    return new Branch(left, right);
  }

  private vmo(): Vmo {
    const { source, target } = this;
    const { shared } = target;
    const fields = source.value();
    this.require(Array.isArray(fields) && fields.length === 4);
    const [rope, isCanonical, isPublished, published] = fields as readonly unknown[];
    const root = rope === undefined ? undefined : this.contentOf(rope, isRope);
    const canonicalForm = isCanonical === true ? this.canonicalForm(root) : undefined;
    const publishedTree = published === undefined ? undefined : this.contentOf(published, isSubtree);
    this.require(typeof isPublished === 'boolean' && (!isPublished || canonicalForm !== undefined));
    const vmo = Vmo.from(shared, { root, canonicalForm, knownId: undefined, isPublished: false, publishedTree });
    if (isPublished !== true) return vmo;
    this.require(publishedTree !== undefined && shared.table.isSame(publishedTree, vmo.canonical().tree));
    vmo.publish(publishedTree);
    return vmo;
  }

  /** The canonical form of a rope that has it. */
  private canonicalForm(root: Rope | undefined): Canonical {
    const { table } = this.target.shared;
    if (!root) return { tree: table.zero(0), lengthBytes: 0 };
    const level = table.format.heightOf(root.length);
    if (!(root instanceof Piece)) throw this.source.malformed();
    const { tree, length } = root;
    if (tree.used === 0) return { tree: table.zero(level), lengthBytes: length };
    this.require(root.start === 0 && tree.level === level && tree.used <= length);
    return { tree, lengthBytes: length };
  }

  private require(condition: boolean): void {
    if (!condition) throw this.source.malformed();
  }
}
