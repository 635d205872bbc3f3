import { requireRange, requireWhole, VmoHandleError, VmoRangeError } from '../errors.js';
import type { VmoHandle } from '../handle.js';
import { BuilderStore } from './builder-store.js';
import { append, appendAll, isRope, releaseRope, replace, retainRope, type Rope, split, wholePiece } from './rope.js';
import { MAX_LEVEL } from './canonical-form.js';
import { isSubtree, Leaf, type Subtree } from './subtree.js';
import { SavedSnapshotError } from '../../state/saved-values.js';
import { schema, type ContentNumbers, type NumberedContent, type Packed, type Schema } from '../../state/schema.js';

/** Level of the subtrees that appended pages are combined into. */
const FOLDED_LEVEL = 9;

const NO_TAGS: ReadonlyMap<string, string> = new Map();

/** What a snapshot keeps of a builder. */
interface BuilderImage {
  readonly store: BuilderStore;
  readonly lengthMax: number;
  readonly rope: Rope | undefined;
  readonly folded: readonly Subtree[];
  readonly leaves: readonly Leaf[];
  readonly pending: Uint8Array;
  readonly lengthBytes: number;
  readonly isOver: boolean;
}

/**
 * Builds a VMO incrementally, from bytes in parts of any size, written at any offset, and from parts of other VMOs,
 * which are shared. Appended pages are stored and deduplicated as they fill up; any other step costs O(log steps) plus
 * the size of its input.
 *
 * Errors are thrown before anything changes: VmoRangeError for numbers out of range and for content that would exceed
 * the builder's maximum length, VmoHandleError for a builder that is finished and for a handle that is closed or
 * belongs to another store.
 */
export class VmoBuilder {
  /** @internal */
  static readonly state: Schema = schema(
    'VMO builder',
    VmoBuilder,
    {},
    {
      custom: {
        capture: (builder: VmoBuilder): BuilderImage => builder.image(),
        restore: (builder, image: BuilderImage) => builder.restore(image),
        discard: (builder) => builder.discard(),
        identity: (builder) => builder.identity(),
        pack: packBuilder,
        unpack: unpackBuilder,
      },
    },
  );

  /** The bytes before those of `leaves`. The builder holds it. */
  private rope: Rope | undefined;
  /** Subtrees of level FOLDED_LEVEL over pages appended since. The builder holds them. */
  private folded: Subtree[] = [];
  /** Full pages appended since. The builder holds them. */
  private leaves: Leaf[] = [];
  /** Bytes appended since the last full page. */
  private readonly pending: Uint8Array;
  private pendingBytes = 0;
  private lengthBytes = 0;
  private isOver = false;

  /** Builders are created by VmoStore.builder. */
  constructor(
    private readonly store: BuilderStore,
    private readonly lengthMax: number,
  ) {
    this.pending = new Uint8Array(store.table.format.pageSize);
  }

  /** Bytes built so far. */
  get length(): number {
    return this.lengthBytes;
  }

  /** Appends a copy of `bytes`. */
  append(bytes: Uint8Array): this {
    this.requireOpen();
    this.requireRoom(this.lengthBytes, bytes.length);
    const { pending } = this;
    for (let from = 0; from < bytes.length;) {
      // Keeps pages aligned with those of the VMO, so that they are reused when it is hashed.
      const part = bytes.subarray(from, from + pending.length - (this.lengthBytes % pending.length));
      pending.set(part, this.pendingBytes);
      this.pendingBytes += part.length;
      this.lengthBytes += part.length;
      from += part.length;
      if (this.pendingBytes === pending.length) this.storePending();
      else if (this.lengthBytes % pending.length === 0) this.settled();
    }
    this.store.table.dropUnused();
    return this;
  }

  /**
   * Writes a copy of `bytes` at `offset`, which may be beyond the end: a gap is filled with zeros, which cost nothing.
   * Writing no bytes has no effect.
   */
  write(offset: number, bytes: Uint8Array): this {
    this.requireOpen();
    requireWhole('write offset', offset, this.lengthMax);
    this.requireRoom(offset, bytes.length);
    if (bytes.length === 0) return this;
    const { table } = this.store;
    const written = wholePiece(table.treeOfBytes(bytes), bytes.length, table.zero(MAX_LEVEL));
    const end = offset + bytes.length;
    const rope = this.settled();
    const gap = offset - this.lengthBytes;
    if (gap >= 0) {
      const zeros = wholePiece(table.zero(MAX_LEVEL), gap, table.zero(MAX_LEVEL));
      this.take(append(append(rope, zeros), written));
    } else if (end <= this.lengthBytes) this.take(replace(rope, offset, written));
    else this.take(append(split(rope!, offset)[0], written));
    return this;
  }

  /** Writes a copy of `bytes` at `offset`, within what was built so far. */
  patch(offset: number, bytes: Uint8Array): this {
    this.requireOpen();
    requireRange('patch', offset, bytes.length, this.lengthBytes);
    return this.write(offset, bytes);
  }

  /** Appends `length` bytes of `vmo` from `offset`, without copying them. */
  copyFrom(vmo: VmoHandle, offset = 0, length = vmo.length - offset): this {
    this.requireOpen();
    const part = this.store.sliceOf(vmo, offset, length);
    this.requireRoom(this.lengthBytes, length);
    this.take(append(this.settled(), part));
    return this;
  }

  /** Appends VMOs, without copying their bytes: as `copyFrom` for each of them, but faster. */
  copyAll(vmos: readonly VmoHandle[]): this {
    this.requireOpen();
    const parts = appendAll(vmos.map((vmo) => this.store.sliceOf(vmo, 0, vmo.length)));
    this.requireRoom(this.lengthBytes, parts?.length ?? 0);
    this.take(append(this.settled(), parts));
    return this;
  }

  /**
   * Makes the VMO of all bytes built; the builder cannot be used afterwards. `tags` are named values that stay with the
   * returned handle (`VmoHandle.tags`) and are not part of the identity: equal bytes have the same id, whatever their
   * tags.
   */
  commit(tags: Readonly<Record<string, string>> = {}): VmoHandle {
    this.requireOpen();
    const handle = this.store.commit(this.settled(), new Map(Object.entries(tags)));
    this.discard();
    return handle;
  }

  /**
   * Makes a VMO of all bytes built so far; the builder can still be used, and the layout of later content is not
   * affected.
   */
  snapshot(): VmoHandle {
    this.requireOpen();
    const { table } = this.store;
    const appended = this.appendedBytes;
    if (appended === 0) return this.store.commit(this.rope, NO_TAGS);
    const rest = this.pendingBytes > 0 ? [table.leaf(this.pending.subarray(0, this.pendingBytes))] : [];
    const tail = wholePiece(this.appendedTree([...this.leaves, ...rest]), appended, table.zero(MAX_LEVEL));
    return this.store.commit(append(this.rope, tail), NO_TAGS);
  }

  private image(): BuilderImage {
    const { store, lengthMax, rope, lengthBytes, isOver } = this;
    const pending = this.pending.slice(0, this.pendingBytes);
    return { store, lengthMax, rope, folded: [...this.folded], leaves: [...this.leaves], pending, lengthBytes, isOver };
  }

  private restore(image: BuilderImage): void {
    const { table, revival } = image.store;
    const trees = [...image.folded, ...image.leaves].map((tree) => revival!.tree(tree));
    const rope = image.rope && revival!.rope(image.rope);
    for (const tree of trees) table.own(tree);
    if (rope) retainRope(rope, table);
    this.releaseLeaves();
    this.hold(undefined);
    this.rope = rope;
    this.folded = trees.slice(0, image.folded.length);
    this.leaves = trees.slice(image.folded.length) as Leaf[];
    this.pending.set(image.pending);
    this.pendingBytes = image.pending.length;
    this.lengthBytes = image.lengthBytes;
    this.isOver = image.isOver;
  }

  private identity(): string {
    if (this.isOver) return 'used up';
    const built = this.snapshot();
    const { contentId } = built;
    built.close();
    return contentId;
  }

  /** Bytes that are not in the rope yet. */
  private get appendedBytes(): number {
    const pages = this.folded.length * 2 ** FOLDED_LEVEL + this.leaves.length;
    return pages * this.pending.length + this.pendingBytes;
  }

  /** Discards what was built; the builder cannot be used afterwards. */
  discard(): void {
    this.releaseLeaves();
    this.hold(undefined);
    this.isOver = true;
  }

  private storePending(): void {
    const { table } = this.store;
    const leaf = table.leaf(this.pending.subarray(0, this.pendingBytes));
    table.own(leaf);
    this.leaves.push(leaf);
    this.pendingBytes = 0;
    if (this.leaves.length === 2 ** FOLDED_LEVEL) this.foldLeaves();
  }

  /** Builds the tree over pages as they arrive, so that little work is left at the end. */
  private foldLeaves(): void {
    const { table } = this.store;
    const tree = table.treeOf(this.leaves);
    table.own(tree);
    for (const leaf of this.leaves.splice(0)) table.disown(leaf);
    this.folded.push(tree);
  }

  private appendedTree(leaves: readonly Leaf[]): Subtree {
    const { table } = this.store;
    const { folded } = this;
    if (folded.length === 0) return table.treeOf(leaves);
    return table.treeOf(leaves.length === 0 ? folded : [...folded, table.treeOf(leaves, FOLDED_LEVEL)]);
  }

  /** All bytes as one rope, which the builder holds. */
  private settled(): Rope | undefined {
    const { table } = this.store;
    const appended = this.appendedBytes;
    if (appended === 0) return this.rope;
    if (this.pendingBytes > 0) this.storePending();
    const tail = wholePiece(this.appendedTree(this.leaves), appended, table.zero(MAX_LEVEL));
    this.hold(append(this.rope, tail));
    this.releaseLeaves();
    return this.rope;
  }

  /** Replaces what was built with `rope`. */
  private take(rope: Rope | undefined): void {
    this.hold(rope);
    this.lengthBytes = rope?.length ?? 0;
    this.store.table.dropUnused();
  }

  private hold(rope: Rope | undefined): void {
    const { table } = this.store;
    const before = this.rope;
    if (rope !== undefined) retainRope(rope, table);
    if (before !== undefined) releaseRope(before, table);
    this.rope = rope;
  }

  private releaseLeaves(): void {
    for (const tree of [...this.folded, ...this.leaves]) this.store.table.disown(tree);
    this.folded = [];
    this.leaves = [];
    this.pendingBytes = 0;
  }

  private requireOpen(): void {
    if (this.isOver) throw new VmoHandleError('the builder is used up');
  }

  /** Throws if `length` bytes from `offset` would exceed the builder's maximum length. */
  private requireRoom(offset: number, length: number): void {
    if (length > this.lengthMax - offset)
      throw new VmoRangeError(`${offset} + ${length} bytes exceed ${this.lengthMax}`);
  }
}

function isFolded(item: object): item is Subtree {
  return isSubtree(item) && item.level === FOLDED_LEVEL;
}

function packBuilder(image: BuilderImage, content: ContentNumbers): Packed {
  const { store, lengthMax, rope, folded, leaves, pending, lengthBytes, isOver } = image;
  const numbers = (trees: readonly Subtree[]): number[] => trees.map((tree) => content.numberOf(tree));
  const parts = [rope && content.numberOf(rope), numbers(folded), numbers(leaves), pending];
  return [content.numberOf(store), lengthMax, ...parts, lengthBytes, isOver];
}

function unpackBuilder(packed: Packed, content: NumberedContent): { object: VmoBuilder; image: BuilderImage } {
  const fields = Array.isArray(packed) ? (packed as readonly Packed[]) : [];
  const [storeNumber, lengthMax, ropeNumber, foldedNumbers, leafNumbers, pending, lengthBytes, isOver] = fields;
  const store = content.contentOf(storeNumber, (item) => item instanceof BuilderStore);
  const rope = ropeNumber === undefined ? undefined : content.contentOf(ropeNumber, isRope);
  const listOf = <Kind extends Subtree>(numbers: Packed, isKind: (item: object) => item is Kind): Kind[] =>
    (Array.isArray(numbers) ? (numbers as readonly Packed[]) : []).map((number) => content.contentOf(number, isKind));
  const folded = listOf(foldedNumbers, isFolded);
  const leaves = listOf(leafNumbers, (item) => item instanceof Leaf);
  const { pageSize } = store.table.format;
  const pages = folded.length * 2 ** FOLDED_LEVEL + leaves.length;
  if (
    typeof lengthMax !== 'number' ||
    !(pending instanceof Uint8Array && pending.length < pageSize) ||
    lengthBytes !== (rope?.length ?? 0) + pages * pageSize + pending.length ||
    lengthBytes > lengthMax ||
    typeof isOver !== 'boolean'
  )
    throw new SavedSnapshotError('the saved snapshot is damaged: it has a VMO builder that cannot be');
  const object = new VmoBuilder(store, lengthMax);
  return { object, image: { store, lengthMax, rope, folded, leaves, pending, lengthBytes, isOver } };
}
