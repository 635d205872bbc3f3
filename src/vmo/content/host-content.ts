import { VmoRangeError } from '../errors.js';
import type { Steps } from '../steps.js';
import { hashInSteps } from './canonical-view.js';
import type { Leaf, Subtree } from './subtree.js';
import type { SubtreeTable } from './subtree-table.js';
import type { Canonical } from './vmo.js';

/** Level of the subtrees that appended pages are combined into. */
const FOLDED_LEVEL = 9;

/**
 * Content that the host reads for a machine, built from bytes in parts. Unlike a VmoBuilder it is in no account: the machine does
 * not notice how far it is, nor that it is there.
 */
export class HostContent {
  private folded: Subtree[] = [];
  private leaves: Leaf[] = [];
  private lengthBytes = 0;

  /** Made by `VmoStore.hostContent`. */
  constructor(private readonly table: SubtreeTable) {}

  /** Appends a copy of `bytes`: whole pages, but for the last part. */
  append(bytes: Uint8Array): this {
    const { table, lengthBytes } = this;
    const { pageSize } = table.format;
    if (lengthBytes % pageSize !== 0) throw new VmoRangeError(`content of ${lengthBytes} bytes ends within a page`);
    for (let at = 0; at < bytes.length; at += pageSize) {
      const leaf = table.leaf(bytes.subarray(at, at + pageSize));
      table.retain(leaf);
      this.leaves.push(leaf);
      if (this.leaves.length === 2 ** FOLDED_LEVEL) this.fold();
    }
    this.lengthBytes += bytes.length;
    table.dropUnused();
    return this;
  }

  /** Completes and hashes it, in steps of at most 64 pages each. Returns what `VmoStore.recall` takes; nothing is held then. */
  *finish(): Steps<Canonical> {
    const { table, lengthBytes } = this;
    if (this.leaves.length > 0) this.fold();
    const tree = this.folded.length > 0 ? table.treeOf(this.folded) : table.zero(0);
    table.retain(tree);
    table.dropUnused();
    this.discard();
    try {
      yield* hashInSteps(tree, table);
    } finally {
      table.release(tree);
    }
    return { tree, lengthBytes };
  }

  /** Gives up what was built. */
  discard(): void {
    for (const tree of [...this.folded.splice(0), ...this.leaves.splice(0)]) this.table.release(tree);
  }

  private fold(): void {
    const { table } = this;
    // Fewer leaves than that are all there is, or the last ones, whose subtree is as high as those before.
    const tree = table.treeOf(this.leaves, this.folded.length > 0 ? FOLDED_LEVEL : 0);
    table.retain(tree);
    for (const leaf of this.leaves.splice(0)) table.release(leaf);
    this.folded.push(tree);
  }
}
