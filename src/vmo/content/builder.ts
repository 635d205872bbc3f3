import { requireRange, requireWhole, VmoHandleError, VmoRangeError } from '../errors.js';
import type { VmoHandle } from '../handle.js';
import { append, releaseRope, replace, retainRope, type Rope, split, wholePiece } from './rope.js';
import { MAX_LEVEL } from './canonical-form.js';
import type { Leaf, Subtree } from './subtree.js';
import type { SubtreeTable } from './subtree-table.js';

/** Pages are put together to subtrees of so many, as a power of two, while they are appended. */
const FOLDED_LEVEL = 9;

const NO_TAGS: ReadonlyMap<string, string> = new Map();

/** What the store that makes a builder does for it. */
export interface BuilderStore {
  readonly table: SubtreeTable;
  /** The bytes of a VMO of this store as they are written down. Throws VmoHandleError, VmoRangeError. */
  sliceOf(vmo: VmoHandle, offset: number, length: number): Rope | undefined;
  /** A handle on what was built. */
  commit(rope: Rope | undefined, tags: ReadonlyMap<string, string>): VmoHandle;
}

/**
 * Makes a VMO step by step: of bytes that come in parts of any size, written where they belong, and of parts of other VMOs,
 * which are shared. Appended pages are stored, and equal ones found, as they fill; any other step costs O(log steps) and
 * what it is given.
 *
 * What is refused throws before anything changed: VmoRangeError for numbers out of range and for what would become longer
 * than the builder's bound, VmoHandleError for a builder that is used up, and for a handle that is closed or of another store.
 */
export class VmoBuilder {
  /** The bytes before those of `leaves`. The builder holds it. */
  private rope: Rope | undefined;
  /** Subtrees of pages appended since, of level FOLDED_LEVEL. The builder holds them. */
  private folded: Subtree[] = [];
  /** Full pages appended since. The builder holds them. */
  private leaves: Leaf[] = [];
  /** Bytes appended since the last full page. */
  private readonly pending: Uint8Array;
  private pendingBytes = 0;
  private lengthBytes = 0;
  private isOver = false;

  /** VmoStore.builder makes builders. */
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

  /** Copies `bytes` to the end. */
  append(bytes: Uint8Array): this {
    this.requireOpen();
    this.requireRoom(this.lengthBytes, bytes.length);
    const { pending } = this;
    for (let from = 0; from < bytes.length;) {
      // Pages end where those of the VMO end, so that they are found when it is hashed.
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
   * Copies `bytes` over those from `offset`. It may reach or lie beyond the end: what lies between becomes zeros, which
   * cost nothing. No bytes change nothing, wherever they are written.
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

  /** Copies `bytes` over those from `offset`, within what was built so far. */
  patch(offset: number, bytes: Uint8Array): this {
    this.requireOpen();
    requireRange('patch', offset, bytes.length, this.lengthBytes);
    return this.write(offset, bytes);
  }

  /** Puts `length` bytes of `vmo` from `offset` at the end. Nothing is copied. */
  copyFrom(vmo: VmoHandle, offset = 0, length = vmo.length - offset): this {
    this.requireOpen();
    const part = this.store.sliceOf(vmo, offset, length);
    this.requireRoom(this.lengthBytes, length);
    this.take(append(this.settled(), part));
    return this;
  }

  /**
   * The VMO of all bytes built. The builder is used up. `tags` are names for values that stay with the handle that is answered
   * (`VmoHandle.tags`) and are no part of the identity: equal bytes have one id, whatever their tags.
   */
  commit(tags: Readonly<Record<string, string>> = {}): VmoHandle {
    this.requireOpen();
    const handle = this.store.commit(this.settled(), new Map(Object.entries(tags)));
    this.discard();
    return handle;
  }

  /** The VMO of all bytes built so far. The builder goes on. */
  snapshot(): VmoHandle {
    this.requireOpen();
    return this.store.commit(this.settled(), NO_TAGS);
  }

  /** Gives up what was built. The builder is used up. */
  discard(): void {
    this.releaseLeaves();
    this.hold(undefined);
    this.isOver = true;
  }

  private storePending(): void {
    const { table } = this.store;
    const leaf = table.leaf(this.pending.subarray(0, this.pendingBytes));
    table.retain(leaf);
    this.leaves.push(leaf);
    this.pendingBytes = 0;
    if (this.leaves.length === 2 ** FOLDED_LEVEL) this.foldLeaves();
  }

  /** The tree over pages is made as they come, so that what is left to do at the end is little. */
  private foldLeaves(): void {
    const { table } = this.store;
    const tree = table.treeOf(this.leaves);
    table.retain(tree);
    for (const leaf of this.leaves.splice(0)) table.release(leaf);
    this.folded.push(tree);
  }

  private appendedTree(): Subtree {
    const { table } = this.store;
    const { leaves, folded } = this;
    if (folded.length === 0) return table.treeOf(leaves);
    return table.treeOf(leaves.length === 0 ? folded : [...folded, table.treeOf(leaves, FOLDED_LEVEL)]);
  }

  /** All bytes as one rope, which the builder holds. */
  private settled(): Rope | undefined {
    const { table } = this.store;
    const pages = this.folded.length * 2 ** FOLDED_LEVEL + this.leaves.length;
    const appended = pages * this.pending.length + this.pendingBytes;
    if (appended === 0) return this.rope;
    if (this.pendingBytes > 0) this.storePending();
    const tail = wholePiece(this.appendedTree(), appended, table.zero(MAX_LEVEL));
    this.hold(append(this.rope, tail));
    this.releaseLeaves();
    return this.rope;
  }

  /** What was built becomes `rope`. */
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
    for (const tree of [...this.folded, ...this.leaves]) this.store.table.release(tree);
    this.folded = [];
    this.leaves = [];
    this.pendingBytes = 0;
  }

  private requireOpen(): void {
    if (this.isOver) throw new VmoHandleError('the builder is used up');
  }

  /** Refuses `length` bytes from `offset` where they end beyond the builder's bound. */
  private requireRoom(offset: number, length: number): void {
    if (length > this.lengthMax - offset)
      throw new VmoRangeError(`${offset} + ${length} bytes exceed ${this.lengthMax}`);
  }
}
