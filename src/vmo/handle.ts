import { requirePage, requireRange, VmoHandleError } from './errors.js';
import { copySubtree, type Leaf, type Remote } from './content/subtree.js';
import type { SubtreeTable } from './content/subtree-table.js';
import { Vmo, type VmoImage } from './content/vmo.js';
import { SavedSnapshotError } from '../state/saved-values.js';
import { schema, type ContentNumbers, type NumberedContent, type Packed, type Schema } from '../state/schema.js';

/** A page of a VMO: 4096 bytes, with zeros after the VMO's last byte. It stays valid after the handle is closed. */
export class VmoPage {
  constructor(
    private readonly table: SubtreeTable,
    private readonly extent: Leaf | Remote,
  ) {}

  /** The leaf hash, 64 hexadecimal digits: the key of the page's frame. Computed on first use. */
  get leaf(): string {
    return this.table.keyOf(this.extent);
  }

  /** Whether all 4096 bytes are 0. Does not hash the page. */
  get isZero(): boolean {
    return this.extent.used === 0;
  }

  /** Copies the 4096 bytes into `target` at `at`. Throws VmoRangeError if they do not fit. */
  copyTo(target: Uint8Array, at = 0): void {
    const { pageSize } = this.table.format;
    requireRange('page copy', at, pageSize, target.length);
    copySubtree(this.extent, 0, pageSize, target, at);
  }
}

/** What a snapshot keeps of a handle. */
interface HandleImage {
  /** Undefined if the handle was closed. */
  readonly image: VmoImage | undefined;
  readonly tags: ReadonlyMap<string, string>;
}

const NO_TAGS: ReadonlyMap<string, string> = new Map();

/**
 * A reference to a VMO, an immutable byte string. It must be closed: content that no handle holds is freed. A closed
 * handle throws VmoHandleError from everything except isClosed.
 */
export class VmoHandle {
  /** @internal */
  static readonly state: Schema = schema(
    'VMO handle',
    VmoHandle,
    {},
    {
      custom: {
        capture: ({ vmo, tags }: VmoHandle): HandleImage => ({ image: vmo?.image, tags }),
        restore: (handle, { image, tags }: HandleImage) => {
          const before = handle.vmo;
          const after = image && image.vmo.shared.revival!.vmo(image);
          after?.retain();
          before?.release();
          handle.vmo = after;
          (handle as { tags: HandleImage['tags'] }).tags = tags;
        },
        discard: (handle) => handle.close(),
        identity: (handle) => (handle.isClosed ? 'closed' : handle.contentId),
        pack: ({ image, tags }: HandleImage, content: ContentNumbers): Packed => [
          image && content.numberOf(image),
          ...[...tags].flat(),
        ],
        unpack: unpackHandle,
      },
    },
  );

  private vmo: Vmo | undefined;

  /** Handles are created by VmoStore. */
  constructor(
    vmo: Vmo,
    /** The tags passed to VmoBuilder.commit. They belong to this handle; other handles to the same VMO have none. */
    readonly tags: ReadonlyMap<string, string> = NO_TAGS,
  ) {
    vmo.retain();
    this.vmo = vmo;
  }

  /**
   * The identity, 64 hexadecimal digits. Hashes what was not hashed yet; from then on the store can open the VMO by
   * this id.
   */
  get id(): string {
    return this.content.publish();
  }

  /** The identity, without making it available to `open`: for inspecting a machine without affecting it. */
  get contentId(): string {
    return this.content.identify();
  }

  /** Length in bytes, up to 2^48. */
  get length(): number {
    return this.content.lengthBytes;
  }

  get isClosed(): boolean {
    return this.vmo === undefined;
  }

  /** Returns a copy of `length` bytes from `offset`. Throws VmoRangeError if they do not lie within the VMO. */
  read(offset: number, length: number): Uint8Array {
    const vmo = this.content;
    requireRange('read', offset, length, vmo.lengthBytes);
    const bytes = new Uint8Array(length);
    vmo.copy(offset, length, bytes);
    return bytes;
  }

  /**
   * Returns page `index`. An aligned page extent is used directly; any other page is gathered from its extents and
   * cached. Throws VmoRangeError if the VMO has no such page.
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

  /** Closes the handle. Closing it again has no effect. */
  close(): void {
    this.vmo?.release();
    this.vmo = undefined;
  }

  /** The content of the handle, for the store that created it. */
  get content(): Vmo {
    if (this.vmo === undefined) throw new VmoHandleError('the handle is closed');
    return this.vmo;
  }
}

function unpackHandle(packed: Packed, content: NumberedContent): { object: VmoHandle; image: HandleImage } {
  const [number, ...texts] = Array.isArray(packed) ? (packed as readonly Packed[]) : [];
  const tags = new Map<string, string>();
  for (let at = 0; at < texts.length; at += 2) {
    const [name, value] = [texts[at], texts[at + 1]];
    if (typeof name !== 'string' || typeof value !== 'string')
      throw new SavedSnapshotError('the saved snapshot is damaged: it has a VMO handle that cannot be');
    tags.set(name, value);
  }
  const vmo = number === undefined ? undefined : content.contentOf(number, (item) => item instanceof Vmo);
  const object = Object.create(VmoHandle.prototype) as VmoHandle;
  return { object, image: { image: vmo?.image, tags: tags.size === 0 ? NO_TAGS : tags } };
}
