import { PAGE_SIZE } from '../bits.js';
import { MAX_LENGTH } from './canonical-form.js';
import { VmoHandleError, VmoRangeError } from './errors.js';
import type { Leaf, Subtree } from './subtree.js';
import type { SubtreeTable } from './subtree-table.js';
import type { VmoHandle } from './handle.js';

/** Makes a VMO of bytes that come in parts of any size: full pages are stored, and equal ones found, as they fill. */
export class VmoBuilder {
  private leaves: Leaf[] = [];
  private readonly pending = new Uint8Array(PAGE_SIZE);
  private lengthBytes = 0;
  private isOver = false;

  /** VmoStore.builder makes builders. */
  constructor(
    private readonly table: SubtreeTable,
    private readonly makeHandle: (tree: Subtree, lengthBytes: number) => VmoHandle,
  ) {}

  /** Bytes appended so far. */
  get length(): number {
    return this.lengthBytes;
  }

  /** Copies `bytes` to the end. Throws VmoRangeError where that makes more than 2^48 bytes. */
  append(bytes: Uint8Array): this {
    this.requireOpen();
    if (bytes.length > MAX_LENGTH - this.lengthBytes)
      throw new VmoRangeError(`${this.lengthBytes} + ${bytes.length} bytes exceed ${MAX_LENGTH}`);
    for (let from = 0; from < bytes.length;) {
      const filled = this.lengthBytes % PAGE_SIZE;
      const part = bytes.subarray(from, from + PAGE_SIZE - filled);
      this.pending.set(part, filled);
      this.lengthBytes += part.length;
      from += part.length;
      if (filled + part.length === PAGE_SIZE) this.store(this.pending);
    }
    this.table.dropUnused();
    return this;
  }

  /** The VMO of all bytes appended. The builder is used up. */
  finish(): VmoHandle {
    this.requireOpen();
    const filled = this.lengthBytes % PAGE_SIZE;
    if (filled > 0) this.store(this.pending.subarray(0, filled));
    const tree = this.leaves.length === 0 ? this.table.zero(0) : this.table.treeOf(this.leaves);
    const handle = this.makeHandle(tree, this.lengthBytes);
    this.discard();
    return handle;
  }

  /** Gives up what was appended. The builder is used up. */
  discard(): void {
    for (const leaf of this.leaves) this.table.release(leaf);
    this.leaves = [];
    this.isOver = true;
  }

  private store(page: Uint8Array): void {
    const leaf = this.table.leaf(page);
    this.table.retain(leaf);
    this.leaves.push(leaf);
  }

  private requireOpen(): void {
    if (this.isOver) throw new VmoHandleError('the builder is used up');
  }
}
