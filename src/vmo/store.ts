import { sha256 } from '@noble/hashes/sha2.js';
import { PAGE_SIZE } from '../bits.js';
import { VmoBuilder } from './builder.js';
import { CanonicalHasher, type HashFunction, MAX_LENGTH, MAX_LEVEL } from './canonical-form.js';
import { requireRange, requireWhole, VmoHandleError, VmoRangeError } from './errors.js';
import { VmoHandle } from './handle.js';
import { differingPages, type PageRange } from './page-difference.js';
import { append, replace, type Rope, slice, wholePiece } from './rope.js';
import type { Subtree } from './subtree.js';
import { SubtreeTable } from './subtree-table.js';
import { type Shared, Vmo } from './vmo.js';

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

  /** `hash` is SHA-256: a host may bring a faster one than the default, which runs everywhere. */
  constructor(hash: HashFunction = sha256) {
    const hasher = new CanonicalHasher(hash);
    this.shared = { hasher, table: new SubtreeTable(hasher), published: new Map(), extentsVisited: 0 };
  }

  get counters(): VmoCounters {
    const { hasher, table, published, extentsVisited } = this.shared;
    return {
      leavesHashed: hasher.leavesHashed,
      nodesHashed: hasher.nodesHashed,
      pagesStored: table.leavesStored,
      published: published.size,
      extentsVisited,
    };
  }

  /** A page extent: 1 to 4096 bytes. */
  page(bytes: Uint8Array): VmoHandle {
    if (bytes.length < 1 || bytes.length > PAGE_SIZE)
      throw new VmoRangeError(`a page of ${bytes.length} bytes is not of 1 to ${PAGE_SIZE}`);
    return this.fromBytes(bytes);
  }

  /** The bytes given, any number of them. */
  fromBytes(bytes: Uint8Array): VmoHandle {
    return this.handleOf(this.ropeOfBytes(bytes));
  }

  /** `length` zeros. */
  zeros(length: number): VmoHandle {
    requireWhole('length', length);
    return this.handleOf(this.whole(this.shared.table.zero(MAX_LEVEL), length));
  }

  /** `length` bytes of `vmo` from `offset`. */
  slice(vmo: VmoHandle, offset: number, length: number): VmoHandle {
    const base = this.vmoOf(vmo);
    requireRange('slice', offset, length, base.lengthBytes);
    return length === base.lengthBytes ? new VmoHandle(base) : this.handleOf(slice(base.rope, offset, length));
  }

  /** The bytes of `vmos`, one after another. */
  concat(vmos: readonly VmoHandle[]): VmoHandle {
    const parts = vmos.map((vmo) => this.vmoOf(vmo)).filter((part) => part.lengthBytes > 0);
    let length = 0;
    for (const part of parts) {
      if (part.lengthBytes > MAX_LENGTH - length)
        throw new VmoRangeError(`concat of ${length} + ${part.lengthBytes} bytes exceeds ${MAX_LENGTH} bytes`);
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

  /** Makes a VMO of bytes that come in parts. */
  builder(): VmoBuilder {
    return new VmoBuilder(this.shared.table, (tree, lengthBytes) => this.handleOf(this.whole(tree, lengthBytes)));
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

  private handleOf(rope: Rope | undefined): VmoHandle {
    const vmo = new Vmo(this.shared, rope);
    this.shared.table.dropUnused();
    return new VmoHandle(vmo);
  }

  private vmoOf(handle: VmoHandle): Vmo {
    const vmo = handle.content;
    if (vmo.shared !== this.shared) throw new VmoHandleError('the handle is of another store');
    return vmo;
  }
}
