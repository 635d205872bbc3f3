import { sha256 } from '@noble/hashes/sha2.js';
import { hexToBytes } from '@noble/hashes/utils.js';
import { VmoBuilder } from './content/builder.js';
import { BuilderStore } from './content/builder-store.js';
import { CanonicalHasher, type HashFunction, MAX_LEVEL, STANDARD_FORMAT } from './content/canonical-form.js';
import { CanonicalStreamReader } from './records/canonical-stream-reader.js';
import { requireRange, requireWhole, VmoRangeError } from './errors.js';
import { VmoHandle } from './handle.js';
import { differingPages, type PageRange } from './content/page-difference.js';
import { RecordBatch } from './records/record-batch.js';
import type { RecordStore } from './records/record-store.js';
import { missingRecords, placeOf } from './records/record-walk.js';
import { RemoteTrees } from './records/remote-trees.js';
import { Revival } from './content/revival.js';
import { finished, type Steps } from './steps.js';
import { appendAll, replace, type Rope, slice, wholePiece } from './content/rope.js';
import type { Subtree } from './content/subtree.js';
import { SUBTREE_HOST_BYTES, SubtreeTable } from './content/subtree-table.js';
import { TreeImport } from './records/tree-import.js';
import { type Canonical, type Shared, Vmo, type VmoImage } from './content/vmo.js';

/** Bytes that replace those of a VMO from `offset` on. */
export interface Patch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The parts of a store, for saving and restoring content. */
export interface StoreParts {
  readonly shared: Shared;
  readonly builders: BuilderStore;
  readonly remoteTrees: RemoteTrees;
}

/** Limits for `hasFullCaches`: subtrees cached by views, and fetched subtrees; about 40 MB each. */
const REMEMBERED_MAX = 8192;
const FETCHED_MAX = 8192;

/** Statistics of a store. */
export interface VmoCounters {
  /** Number of leaf hashes computed. */
  readonly leavesHashed: number;
  /** Number of node hashes computed, including those of zero subtrees, which are computed once per level. */
  readonly nodesHashed: number;
  /** Number of distinct pages that currently hold bytes, excluding the page of zeros. */
  readonly pagesStored: number;
  /** Number of identities that can be opened now. */
  readonly published: number;
  /** Number of extents visited by reads and by gathering pages. */
  readonly extentsVisited: number;
  /**
   * Number of records read from RecordStores. Each is hashed for verification; these hashes are not included in the
   * counts above.
   */
  readonly recordsRead: number;
}

/**
 * A store of virtual memory objects: immutable byte strings, addressed by the hash of their content. design/vmo.md.
 *
 * Each method that makes a VMO returns a new handle, copies bytes passed to it, hashes nothing, and shares existing
 * content. A slice at an offset that is not a multiple of 4096 shares no page with its base, so computing its identity
 * means hashing all of it.
 *
 * Errors are thrown before anything changes: VmoRangeError for numbers out of range, VmoHandleError for a handle that
 * is closed or belongs to another store.
 */
export class VmoStore {
  private readonly shared: Shared;
  private readonly builders: BuilderStore;
  private readonly remoteTrees: RemoteTrees;

  /**
   * `hash` is SHA-256; hosts may provide a faster one than the portable default. A `format` other than that of
   * BD0-VMO-1 is only for tests of deep trees, since identities are then not those of the format. `bytesMax` is the
   * threshold for `isFull`.
   */
  constructor(
    private readonly hash: HashFunction = sha256,
    private readonly format = STANDARD_FORMAT,
    private readonly bytesMax = Infinity,
  ) {
    const hasher = new CanonicalHasher(hash, format);
    this.shared = {
      hasher,
      table: new SubtreeTable(hasher),
      published: new Map(),
      viewed: new Set(),
      revival: undefined,
      extentsVisited: 0,
    };
    this.builders = new BuilderStore(this.shared);
    this.remoteTrees = new RemoteTrees(this.shared.table, hasher);
  }

  get counters(): VmoCounters {
    const { hasher, table, published, extentsVisited } = this.shared;
    table.forgetReleased(Infinity);
    const { recordsRead } = this.remoteTrees;
    return {
      leavesHashed: hasher.leavesHashed,
      nodesHashed: hasher.nodesHashed,
      pagesStored: table.leavesStored,
      published: published.size,
      extentsVisited,
      recordsRead,
    };
  }

  /**
   * Whether pages have reached the quota. The store itself does not enforce it; callers that make VMOs for programs
   * must check.
   */
  get isFull(): boolean {
    this.shared.table.forgetReleased(Infinity);
    return this.shared.table.account.ownedLeaves * this.format.pageSize >= this.bytesMax;
  }

  /**
   * Host memory of VMOs in bytes, without that of their pages: an estimate that depends only on which VMOs exist and
   * how they were made, so that equal machines have equal figures.
   */
  get hostBytes(): number {
    this.shared.table.forgetReleased(Infinity);
    return this.shared.table.account.hostBytes;
  }

  /** Extents visited by reads and by gathering pages. */
  get extentsVisited(): number {
    return this.shared.extentsVisited;
  }

  /** Whether `dropCaches` should be called as soon as no read is in progress. */
  get hasFullCaches(): boolean {
    if (this.shared.table.account.remembered > REMEMBERED_MAX) return true;
    return this.remoteTrees.fetchedMost > FETCHED_MAX;
  }

  /** Drops pages that can be gathered or fetched again, except those that work in progress needs. */
  dropCaches(): void {
    for (const vmo of [...this.shared.viewed]) vmo.dropView();
    this.dropFetched();
  }

  /**
   * Runs `work`, which closes handles. Content that only they held is freed later, by `forgetSome`, and is counted
   * until then.
   */
  closing(work: () => void): void {
    this.shared.table.deferring(work);
  }

  /**
   * Runs `work`, which restores handles and builders to what they were (see `VmoHandle.state`): content that they had and
   * that was forgotten comes back.
   * @internal
   */
  restoring(work: () => void): void {
    const { shared } = this;
    const { table } = shared;
    shared.revival = new Revival(table);
    try {
      this.closing(work);
    } finally {
      shared.revival = undefined;
      table.dropUnused();
      table.forgetReleased(Infinity);
    }
  }

  /**
   * A new handle to a VMO that is as an image of it says (`VmoHandle.content.image`), even if it was forgotten since.
   * @internal
   */
  revived(image: VmoImage): VmoHandle {
    let handle: VmoHandle | undefined;
    this.restoring(() => {
      handle = new VmoHandle(this.shared.revival!.vmo(image));
    });
    return handle!;
  }

  /** Content that the host reads for a machine, which does not notice until it is recalled. */
  hostContent(): ReturnType<BuilderStore['hostContent']> {
    return this.builders.hostContent();
  }

  /**
   * Makes a VMO of content that `HostContent.finish` returned, now or earlier: content that was forgotten since is stored again, and
   * what was hashed is not hashed again.
   */
  recall({ tree, lengthBytes }: Canonical): VmoHandle {
    let handle: VmoHandle | undefined;
    this.restoring(() => {
      handle = new VmoHandle(new Vmo(this.shared, this.whole(this.shared.revival!.tree(tree), lengthBytes)));
    });
    return handle!;
  }

  /** @internal What saving and restoring content needs. */
  get parts(): StoreParts {
    const { shared, builders, remoteTrees } = this;
    return { shared, builders, remoteTrees };
  }

  /** Whether `forgetSome` has work to do. */
  get hasToForget(): boolean {
    return this.shared.table.hasReleased;
  }

  /** Frees at most `most` pages and nodes that nothing holds any more. */
  forgetSome(most: number): void {
    this.shared.table.forgetReleased(most);
  }

  /** Makes a VMO from one page extent: 1 to 4096 bytes. */
  page(bytes: Uint8Array): VmoHandle {
    const { pageSize } = this.format;
    if (bytes.length < 1 || bytes.length > pageSize)
      throw new VmoRangeError(`a page of ${bytes.length} bytes is not of 1 to ${pageSize}`);
    return this.fromBytes(bytes);
  }

  /** Makes a VMO from a copy of `bytes`, any number of them. */
  fromBytes(bytes: Uint8Array): VmoHandle {
    return this.handleOf(this.ropeOfBytes(bytes));
  }

  /** Makes a VMO of `length` zeros. */
  zeros(length: number): VmoHandle {
    requireWhole('length', length, this.format.lengthMax);
    return this.handleOf(this.whole(this.shared.table.zero(MAX_LEVEL), length));
  }

  /** Makes a VMO from `length` bytes of `vmo` from `offset`. */
  slice(vmo: VmoHandle, offset: number, length: number): VmoHandle {
    const base = this.vmoOf(vmo);
    requireRange('slice', offset, length, base.lengthBytes);
    return length === base.lengthBytes ? new VmoHandle(base) : this.handleOf(slice(base.rope, offset, length));
  }

  /** Concatenates VMOs. */
  concat(vmos: readonly VmoHandle[]): VmoHandle {
    const parts = vmos.map((vmo) => this.vmoOf(vmo)).filter((part) => part.lengthBytes > 0);
    const { lengthMax } = this.format;
    let length = 0;
    for (const part of parts) {
      if (part.lengthBytes > lengthMax - length)
        throw new VmoRangeError(`concat of ${length} + ${part.lengthBytes} bytes exceeds ${lengthMax} bytes`);
      length += part.lengthBytes;
    }
    if (parts.length === 1) return new VmoHandle(parts[0]!);
    return this.handleOf(appendAll(parts.map(({ rope }) => rope)));
  }

  /** Applies patches to `base`; where two overlap, the later one in the list wins. */
  delta(base: VmoHandle, patches: readonly Patch[]): VmoHandle {
    const below = this.vmoOf(base);
    for (const { offset, bytes } of patches) requireRange('patch', offset, bytes.length, below.lengthBytes);
    const effective = patches.filter(({ bytes }) => bytes.length > 0);
    if (effective.length === 0) return new VmoHandle(below);
    return this.handleOf(
      effective.reduce((rope, { offset, bytes }) => replace(rope, offset, this.ropeOfBytes(bytes)), below.rope),
    );
  }

  /**
   * Opens the VMO with an identity. This works once the identity has been requested (`VmoHandle.id`) and until the last
   * handle to those VMOs is closed; otherwise returns undefined.
   */
  open(id: string): VmoHandle | undefined {
    const entry = this.shared.published.get(id);
    if (entry === undefined) return undefined;
    const vmo = new Vmo(this.shared, this.whole(entry.tree, entry.lengthBytes));
    vmo.publish();
    return new VmoHandle(vmo);
  }

  /** The identities that `open` finds. */
  openIds(): string[] {
    return [...this.shared.published.keys()];
  }

  /**
   * Opens the VMO with an identity whose root is in `records`; undefined if it has none. Its nodes and pages are
   * fetched on access, verified, and kept until `dropFetched` or until nothing holds them. Reading bytes or computing
   * an identity may therefore throw DamagedRecordError or MissingRecordError, and `records` must remain usable as long
   * as the VMO is in use.
   */
  openFrom(records: Pick<RecordStore, 'get'>, id: string): VmoHandle | undefined {
    const resident = this.open(id);
    if (resident !== undefined) return resident;
    const trees = this.remoteTrees.of(records);
    const root = trees.reader.root(id);
    if (root === undefined) return undefined;
    const { lengthBytes, top } = root.fields;
    const tree = trees.subtree(top, this.format.heightOf(lengthBytes), lengthBytes);
    const vmo = new Vmo(this.shared, this.whole(tree, lengthBytes));
    vmo.publish();
    return new VmoHandle(vmo);
  }

  /** Discards content fetched for `openFrom`; it is fetched again on access. */
  dropFetched(): void {
    this.remoteTrees.drop();
  }

  /**
   * Puts the records of a VMO that `records` lacks, bottom-up with the root last, so that `records` is consistent at
   * any time; existing subtrees are skipped. Hashes what was not hashed yet. Returns the number of records put.
   */
  saveTo(records: RecordStore, handle: VmoHandle): number {
    return finished(this.saveInSteps(records, handle));
  }

  /** As `saveTo`, in steps of hashing 64 pages or putting about 256 records. */
  *saveInSteps(records: RecordStore, handle: VmoHandle): Steps<number> {
    const { hasher, table } = this.shared;
    const vmo = this.vmoOf(handle);
    const hash = hexToBytes(yield* vmo.publishInSteps());
    if (records.has(hash)) return 0;
    const { tree, lengthBytes } = vmo.canonical();
    const batch = new RecordBatch(records);
    const isThere = (hash: Uint8Array): boolean => batch.has(hash) || records.has(hash);
    for (const entry of missingRecords(placeOf(table, hasher, tree), isThere)) if (batch.add(entry)) yield;
    batch.add({ hash, record: hasher.recordOfRoot(lengthBytes, table.hashOf(tree)) });
    batch.put();
    return batch.count;
  }

  /**
   * Computes `VmoHandle.id` in steps that build and hash at most 64 pages each. The VMO stays open until then. `check`
   * is called after each step, before anything but caches has changed; an error that it throws ends the work.
   */
  identifyInSteps(handle: VmoHandle, check?: () => void): Steps<string> {
    return this.vmoOf(handle).publishInSteps(check);
  }

  /**
   * Builds and hashes in advance what `identifyInSteps` needs, in the same steps. The only effect is that
   * `identifyInSteps` takes less time.
   */
  hashAheadInSteps(handle: VmoHandle): Steps<void> {
    return this.vmoOf(handle).hashAheadInSteps();
  }

  /**
   * Host memory in bytes that `identifyInSteps` has used for a VMO so far, beyond `hostBytes`. At the end, this is the
   * most that it adds to `hostBytes`, and depends only on the VMO.
   */
  identifyingBytes(handle: VmoHandle): number {
    return this.vmoOf(handle).builtSubtrees * SUBTREE_HOST_BYTES;
  }

  /**
   * Makes a VMO from a canonical stream, which is verified as it is read. The VMO is published: it can be opened by id.
   * Throws CanonicalStreamError if the stream is malformed or does not match `id`, if given.
   */
  importStream(parts: Iterable<Uint8Array>, id?: string): VmoHandle {
    const { hasher, table } = this.shared;
    const trees = new TreeImport(table, hasher);
    try {
      const reader = new CanonicalStreamReader(trees, { hash: this.hash, id, format: this.format });
      for (const part of parts) reader.push(part);
      const { lengthBytes, top } = reader.finish();
      const tree = trees.subtree(top, this.format.heightOf(lengthBytes));
      const vmo = new Vmo(this.shared, this.whole(tree, lengthBytes));
      vmo.publish();
      return new VmoHandle(vmo);
    } finally {
      trees.close();
    }
  }

  /** Creates a builder for a VMO of at most `lengthMax` bytes (default: 2^48). */
  builder(lengthMax = this.format.lengthMax): VmoBuilder {
    requireWhole('builder bound', lengthMax, this.format.lengthMax);
    return new VmoBuilder(this.builders, lengthMax);
  }

  /** The ranges of pages in which two VMOs differ, in ascending order. Hashes both. */
  diff(a: VmoHandle, b: VmoHandle): Iterable<PageRange> {
    const [first, second] = [this.vmoOf(a), this.vmoOf(b)];
    return differingPages(this.shared.table, first.canonical(), second.canonical());
  }

  private ropeOfBytes(bytes: Uint8Array): Rope | undefined {
    return bytes.length === 0 ? undefined : this.whole(this.shared.table.treeOfBytes(bytes), bytes.length);
  }

  private whole(tree: Subtree, lengthBytes: number): Rope | undefined {
    return wholePiece(tree, lengthBytes, this.shared.table.zero(MAX_LEVEL));
  }

  private handleOf(rope: Rope | undefined): VmoHandle {
    return this.builders.commit(rope);
  }

  private vmoOf(handle: VmoHandle): Vmo {
    return this.builders.vmoOf(handle);
  }
}
