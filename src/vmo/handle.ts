import { requirePage, requireRange, VmoHandleError } from './errors.js';
import { copySubtree, type Leaf, type Remote } from './content/subtree.js';
import type { SubtreeTable } from './content/subtree-table.js';
import type { Vmo } from './content/vmo.js';

/** A page of a VMO: 4096 bytes, zeros after the VMO's last byte. It stays valid when the handle is closed. */
export class VmoPage {
  constructor(
    private readonly table: SubtreeTable,
    private readonly extent: Leaf | Remote,
  ) {}

  /** The leaf hash, 64 hexadecimal digits: the key of the page's frame. Hashed when first asked for. */
  get leaf(): string {
    return this.table.keyOf(this.extent);
  }

  /** True where all 4096 bytes are 0. Costs no hash. */
  get isZero(): boolean {
    return this.extent.used === 0;
  }

  /** Puts the 4096 bytes into `target` at `at`. Throws VmoRangeError where they do not fit. */
  copyTo(target: Uint8Array, at = 0): void {
    const { pageSize } = this.table.format;
    requireRange('page copy', at, pageSize, target.length);
    copySubtree(this.extent, 0, pageSize, target, at);
  }
}

const NO_TAGS: ReadonlyMap<string, string> = new Map();

/**
 * A hold on a VMO, an immutable string of bytes. Close it: what no handle holds is forgotten. A closed handle throws
 * VmoHandleError whatever is asked of it, but whether it is closed.
 */
export class VmoHandle {
  private vmo: Vmo | undefined;

  /** VmoStore makes handles. */
  constructor(
    vmo: Vmo,
    /** What VmoBuilder.commit was given beside the bytes. It stays with this handle; others on the same VMO have none. */
    readonly tags: ReadonlyMap<string, string> = NO_TAGS,
  ) {
    vmo.retain();
    this.vmo = vmo;
  }

  /** The identity, 64 hexadecimal digits. Hashes what was not hashed yet; from then on the store opens it by this id. */
  get id(): string {
    return this.content.publish();
  }

  /** The same, but the store opens it no more than before: for those who look at a machine from outside. */
  get contentId(): string {
    return this.content.identify();
  }

  /** Bytes, up to 2^48. */
  get length(): number {
    return this.content.lengthBytes;
  }

  get isClosed(): boolean {
    return this.vmo === undefined;
  }

  /** A copy of `length` bytes from `offset`. Throws VmoRangeError where they do not lie within the VMO. */
  read(offset: number, length: number): Uint8Array {
    const vmo = this.content;
    requireRange('read', offset, length, vmo.lengthBytes);
    const bytes = new Uint8Array(length);
    vmo.copy(offset, length, bytes);
    return bytes;
  }

  /**
   * Page `index`. One that is a whole, aligned page extent is found; any other is gathered from the extents that back it,
   * and remembered. Throws VmoRangeError where the VMO has no such page.
   */
  page(index: number): VmoPage {
    const vmo = this.content;
    requirePage(index, vmo.shared.table.format.pagesOf(vmo.lengthBytes));
    return new VmoPage(vmo.shared.table, vmo.leaf(index));
  }

  /** The pages in order. */
  *pages(): Generator<VmoPage, void, undefined> {
    const count = this.content.shared.table.format.pagesOf(this.length);
    for (let index = 0; index < count; index++) yield this.page(index);
  }

  /** Gives up the hold. Closing again does nothing. */
  close(): void {
    this.vmo?.release();
    this.vmo = undefined;
  }

  /** The VMO that it holds, for the store that made it. */
  get content(): Vmo {
    if (this.vmo === undefined) throw new VmoHandleError('the handle is closed');
    return this.vmo;
  }
}
