import { sha256 } from '@noble/hashes/sha2.js';
import { hexToBytes } from '@noble/hashes/utils.js';
import { type BuilderStore, VmoBuilder } from './content/builder.js';
import { CanonicalHasher, type HashFunction, MAX_LEVEL, STANDARD_FORMAT } from './content/canonical-form.js';
import { CanonicalStreamReader } from './records/canonical-stream-reader.js';
import { requireRange, requireWhole, VmoHandleError, VmoRangeError } from './errors.js';
import { VmoHandle } from './handle.js';
import { differingPages, type PageRange } from './content/page-difference.js';
import { RecordBatch } from './records/record-batch.js';
import type { RecordStore } from './records/record-store.js';
import { missingRecords, placeOf } from './records/record-walk.js';
import { RemoteTree } from './records/remote-tree.js';
import { finished, type Steps } from './steps.js';
import { append, replace, type Rope, slice, wholePiece } from './content/rope.js';
import type { Subtree } from './content/subtree.js';
import { SubtreeTable } from './content/subtree-table.js';
import { TreeImport } from './records/tree-import.js';
import { type Shared, Vmo } from './content/vmo.js';

/** Bytes laid over a VMO at `offset`. */
export interface Patch {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** What a store holds and has done. */
export interface VmoCounters {
  /** Leaf hashes computed. */
  readonly leavesHashed: number;
  /** Node hashes computed, those of zero subtrees included: once for each level. */
  readonly nodesHashed: number;
  /** Distinct pages that hold bytes now; pages of zeros hold none. */
  readonly pagesStored: number;
  /** Identities that can be opened now. */
  readonly published: number;
  /** Extents visited by reads and by gathering pages. */
  readonly extentsVisited: number;
  /** Records read from RecordStores, each of them hashed to verify it; those hashes are not among the counts above. */
  readonly recordsRead: number;
}

/**
 * Virtual memory objects: immutable strings of bytes, addressed by the hash of their content. design/vmo.md.
 *
 * Each constructor answers a new handle, copies what it is given, hashes nothing, and shares what it can. A slice that
 * is shifted by a number of bytes that is not a multiple of 4096 shares no page with its base: its identity costs as
 * much as hashing all of it.
 *
 * What is refused throws before anything changed: VmoRangeError for numbers out of range, VmoHandleError for a handle
 * that is closed or of another store.
 */
export class VmoStore {
  private readonly shared: Shared;
  private readonly remoteTrees = new Map<Pick<RecordStore, 'get'>, RemoteTree>();

  /**
   * `hash` is SHA-256: a host may bring a faster one than the default, which runs everywhere. Another `format` than that
   * of BD0-VMO-1 is for tests of deep trees: no identity is then that of the format. `bytesMax` is what `isFull` goes by.
   */
  constructor(
    private readonly hash: HashFunction = sha256,
    private readonly format = STANDARD_FORMAT,
    private readonly bytesMax = Infinity,
  ) {
    const hasher = new CanonicalHasher(hash, format);
    this.shared = { hasher, table: new SubtreeTable(hasher), published: new Map(), extentsVisited: 0 };
  }

  get counters(): VmoCounters {
    const { hasher, table, published, extentsVisited } = this.shared;
    table.forgetReleased(Infinity);
    let recordsRead = 0;
    for (const { reader } of this.remoteTrees.values()) recordsRead += reader.recordsRead;
    return {
      leavesHashed: hasher.leavesHashed,
      nodesHashed: hasher.nodesHashed,
      pagesStored: table.leavesStored,
      published: published.size,
      extentsVisited,
      recordsRead,
    };
  }

  /** True where pages take as much as they should. Nothing is refused for that: who makes VMOs for somebody else asks. */
  get isFull(): boolean {
    this.shared.table.forgetReleased(Infinity);
    return this.shared.table.leavesStored * this.format.pageSize >= this.bytesMax;
  }

  /**
   * Does `work`, which closes handles; what they alone held is forgotten later, by `forgetSome`, and is counted until then.
   */
  closing(work: () => void): void {
    this.shared.table.deferring(work);
  }

  /** True where `forgetSome` has something to do. */
  get hasToForget(): boolean {
    return this.shared.table.hasReleased;
  }

  /** Forgets pages and nodes that nothing holds any more, at most so many. */
  forgetSome(most: number): void {
    this.shared.table.forgetReleased(most);
  }

  /** A page extent: 1 to 4096 bytes. */
  page(bytes: Uint8Array): VmoHandle {
    const { pageSize } = this.format;
    if (bytes.length < 1 || bytes.length > pageSize)
      throw new VmoRangeError(`a page of ${bytes.length} bytes is not of 1 to ${pageSize}`);
    return this.fromBytes(bytes);
  }

  /** The bytes given, any number of them. */
  fromBytes(bytes: Uint8Array): VmoHandle {
    return this.handleOf(this.ropeOfBytes(bytes));
  }

  /** `length` zeros. */
  zeros(length: number): VmoHandle {
    requireWhole('length', length, this.format.lengthMax);
    return this.handleOf(this.whole(this.shared.table.zero(MAX_LEVEL), length));
  }

  /** `length` bytes of `vmo` from `offset`. */
  slice(vmo: VmoHandle, offset: number, length: number): VmoHandle {
    const base = this.vmoOf(vmo);
    requireRange('slice', offset, length, base.lengthBytes);
    return length === base.lengthBytes ? new VmoHandle(base) : this.handleOf(slice(base.rope, offset, length));
  }

  /** A VMO of its own with the bytes of another, for who holds them but lets nobody open them by their identity. */
  apart(vmo: VmoHandle): VmoHandle {
    return new VmoHandle(this.vmoOf(vmo).apart());
  }

  /** The bytes of `vmos`, one after another. */
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
    return this.handleOf(parts.reduce<Rope | undefined>((rope, part) => append(rope, part.rope), undefined));
  }

  /** `base` with patches laid over it; where two overlap, the later one in the list wins. */
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
   * The VMO of an identity, from the moment somebody asked for it (`VmoHandle.id`) until the last handle of the VMOs of
   * which it was asked is closed; undefined otherwise.
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
   * The VMO of an identity whose root `records` has; undefined where it has none. Its nodes and pages are fetched when they
   * are touched, verified, and kept until `dropFetched` or until nothing holds them: from then on, whatever asks for bytes or for an
   * identity may throw DamagedRecordError or MissingRecordError. `records` is called again as long as the VMO is in use.
   */
  openFrom(records: Pick<RecordStore, 'get'>, id: string): VmoHandle | undefined {
    const resident = this.open(id);
    if (resident !== undefined) return resident;
    const { table, hasher } = this.shared;
    const trees = this.remoteTrees.get(records) ?? new RemoteTree(table, records, hasher);
    const root = trees.reader.root(id);
    if (root === undefined) return undefined;
    this.remoteTrees.set(records, trees);
    const { lengthBytes, top } = root.fields;
    const tree = trees.subtree(top, this.format.heightOf(lengthBytes), lengthBytes);
    const vmo = new Vmo(this.shared, this.whole(tree, lengthBytes));
    vmo.publish();
    return new VmoHandle(vmo);
  }

  /** Forgets what was fetched for `openFrom`. It is fetched again when it is touched. */
  dropFetched(): void {
    for (const trees of this.remoteTrees.values()) trees.drop();
  }

  /**
   * Puts the records of a VMO that `records` lacks, those below each first and the root last: what it has is whole at any
   * time, and subtrees that are there are not looked at. Hashes what was not hashed yet. Answers how many records it put.
   */
  saveTo(records: RecordStore, handle: VmoHandle): number {
    return finished(this.saveInSteps(records, handle));
  }

  /** As `saveTo`, in steps: 64 pages are hashed in each, or some 256 records put. */
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

  /** What `VmoHandle.id` does, in steps that build and hash at most 64 pages each. The VMO stays open until it is done. */
  identifyInSteps(handle: VmoHandle): Steps<string> {
    return this.vmoOf(handle).publishInSteps();
  }

  /**
   * The VMO of a canonical stream, which is verified as it is read. It is published: its id can be opened. Throws
   * CanonicalStreamError where the stream is none, or not that of `id` if one is given.
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

  /** Makes a VMO step by step, of at most `lengthMax` bytes: 2^48 if that is not given. */
  builder(lengthMax = this.format.lengthMax): VmoBuilder {
    requireWhole('builder bound', lengthMax, this.format.lengthMax);
    const store: BuilderStore = {
      table: this.shared.table,
      sliceOf: (vmo, offset, length) => {
        const base = this.vmoOf(vmo);
        requireRange('slice', offset, length, base.lengthBytes);
        return slice(base.rope, offset, length);
      },
      commit: (rope, tags) => this.handleOf(rope, tags),
    };
    return new VmoBuilder(store, lengthMax);
  }

  /** The ranges of pages in which two VMOs differ, ascending. Hashes both. */
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

  private handleOf(rope: Rope | undefined, tags?: ReadonlyMap<string, string>): VmoHandle {
    const vmo = new Vmo(this.shared, rope);
    this.shared.table.dropUnused();
    return new VmoHandle(vmo, tags);
  }

  private vmoOf(handle: VmoHandle): Vmo {
    const vmo = handle.content;
    if (vmo.shared !== this.shared) throw new VmoHandleError('the handle is of another store');
    return vmo;
  }
}
