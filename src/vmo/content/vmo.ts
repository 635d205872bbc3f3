/** An immutable byte string in a store, shared by handles. */

import { bytesToHex } from '../../bits.js';
import { type CanonicalHasher, MAX_LEVEL } from './canonical-form.js';
import { CanonicalView, hashInSteps } from './canonical-view.js';
import { copyRope, releaseRope, retainRope, type Rope, slice, wholePiece } from './rope.js';
import type { Steps } from '../steps.js';
import type { Leaf, Remote, Subtree } from './subtree.js';
import type { Revival } from './revival.js';
import type { SubtreeTable } from './subtree-table.js';

/** The canonical form of a VMO. */
export interface Canonical {
  /** The tree, at level heightOf(lengthBytes). */
  readonly tree: Subtree;
  readonly lengthBytes: number;
}

/** A published identity: it exists while a VMO lives whose identity was requested. It holds its tree. */
export interface Published extends Canonical {
  /** Number of VMOs whose identity was requested. */
  vmos: number;
}

/** What a VMO is at one moment, for snapshots: it may be forgotten since. */
export interface VmoImage {
  readonly vmo: Vmo;
  readonly root: Rope | undefined;
  readonly canonicalForm: Canonical | undefined;
  readonly knownId: string | undefined;
  readonly isPublished: boolean;
  /** The tree of the published identity, which may be that of another VMO. */
  readonly publishedTree: Subtree | undefined;
}

/** Host memory of VMOs and published identities in bytes, measured with Node 20. */
const VMO_HOST_BYTES = 320;
const PUBLISHED_HOST_BYTES = 384;

/** Data shared by the VMOs of a store. */
export interface Shared {
  readonly hasher: CanonicalHasher;
  readonly table: SubtreeTable;
  readonly published: Map<string, Published>;
  /** VMOs with a view, which can be made again. */
  readonly viewed: Set<Vmo>;
  /** While state is restored: see VmoStore.restoring. */
  revival: Revival | undefined;
  /** Extents visited by reads and by gathering pages. */
  extentsVisited: number;
}

/** The content of a VMO: a rope, which is replaced by the canonical tree once the identity is requested. */
export class Vmo {
  readonly lengthBytes: number;
  private view: CanonicalView | undefined;
  private handles = 0;
  private canonicalForm: Canonical | undefined;
  private knownId: string | undefined;
  private isPublished = false;
  /** Work in steps that needs the view. */
  private viewUsers = 0;

  constructor(
    readonly shared: Shared,
    private root: Rope | undefined,
  ) {
    this.lengthBytes = root?.length ?? 0;
    shared.table.account.hostBytes += VMO_HOST_BYTES;
    if (root !== undefined) retainRope(root, shared.table);
  }

  /** A VMO that is as an image says, whose extents can be held. */
  static from(shared: Shared, image: Omit<VmoImage, 'vmo'>): Vmo {
    const { root, canonicalForm, knownId, isPublished, publishedTree } = image;
    const vmo = new Vmo(shared, root);
    vmo.canonicalForm = canonicalForm;
    vmo.knownId = knownId;
    if (isPublished) vmo.publish(publishedTree);
    return vmo;
  }

  /** What it is now. */
  get image(): VmoImage {
    const { root, canonicalForm, knownId, isPublished } = this;
    const publishedTree = isPublished ? this.shared.published.get(knownId!)?.tree : undefined;
    return { vmo: this, root, canonicalForm, knownId, isPublished, publishedTree };
  }

  /** Whether it is held, and is still what an image of it says, as far as that can be observed. */
  isAs({ root, isPublished }: VmoImage): boolean {
    return this.handles > 0 && this.root === root && this.isPublished === isPublished;
  }

  /** A VMO of `length` bytes from `offset`, which lie within this one. */
  part(offset: number, length: number): Vmo {
    return new Vmo(this.shared, slice(this.root, offset, length));
  }

  /** The bytes as a rope. */
  get rope(): Rope | undefined {
    return this.root;
  }

  retain(): void {
    this.handles++;
  }

  release(): void {
    if (--this.handles > 0) return;
    const { table, published } = this.shared;
    table.account.hostBytes -= VMO_HOST_BYTES;
    const entry = this.isPublished ? published.get(this.knownId!) : undefined;
    if (entry !== undefined && --entry.vmos === 0) {
      published.delete(this.knownId!);
      table.account.hostBytes -= PUBLISHED_HOST_BYTES;
      table.disown(entry.tree);
    }
    this.clearView();
    if (this.root !== undefined) releaseRope(this.root, table);
  }

  /** Copies bytes; the range must lie within the VMO. */
  copy(offset: number, length: number, target: Uint8Array): void {
    if (length > 0) this.shared.extentsVisited += copyRope(this.root!, offset, length, target, 0);
  }

  /** The leaf of page `index`, which must exist. */
  leaf(index: number): Leaf | Remote {
    const { table } = this.shared;
    const leaf = this.subtree(this.root!, index * table.format.pageSize, 0);
    table.dropUnused();
    return leaf as Leaf | Remote;
  }

  /** The canonical form. Its tree replaces the rope and any subtrees cached for it. */
  canonical(): Canonical {
    if (this.canonicalForm !== undefined) return this.canonicalForm;
    const { lengthBytes, root } = this;
    const { table } = this.shared;
    const tree = root === undefined ? table.zero(0) : this.subtree(root, 0, table.format.heightOf(lengthBytes));
    const rope = wholePiece(tree, lengthBytes, table.zero(MAX_LEVEL));
    if (rope !== undefined) retainRope(rope, table);
    if (root !== undefined) releaseRope(root, table);
    this.root = rope;
    this.canonicalForm = { tree, lengthBytes };
    this.clearView();
    table.dropUnused();
    return this.canonicalForm;
  }

  /**
   * Computes the identity, hashing what was not hashed yet, and makes it available to `open`. If it is not available yet,
   * `preferred` becomes the tree that `open` finds: one with the same hash, by default that of this VMO.
   */
  publish(preferred?: Subtree): string {
    const id = this.identify();
    if (this.isPublished) return id;
    const { table, published } = this.shared;
    const { lengthBytes, tree: own } = this.canonical();
    const tree = preferred ?? own;
    const entry = published.get(id);
    if (entry === undefined) {
      table.account.hostBytes += PUBLISHED_HOST_BYTES;
      table.own(tree);
      published.set(id, { tree, lengthBytes, vmos: 1 });
    } else entry.vmos++;
    this.isPublished = true;
    return id;
  }

  /**
   * As `publish`, in steps that build and hash at most 64 pages each. `check` is called after each step, and once more
   * before any observable change; an error that it throws ends the work.
   */
  *publishInSteps(check: () => void = () => {}): Steps<string> {
    this.viewUsers++;
    try {
      for (const _ of this.hashAheadInSteps()) {
        check();
        yield;
      }
      check();
    } finally {
      this.viewUsers--;
    }
    yield* hashInSteps(this.canonical().tree, this.shared.table);
    return this.publish();
  }

  /** Builds and hashes the canonical form in advance, in the same steps; there is no observable change. */
  *hashAheadInSteps(): Steps<void> {
    const { root, shared, lengthBytes } = this;
    if (this.canonicalForm !== undefined) return yield* hashInSteps(this.canonicalForm.tree, shared.table);
    if (root === undefined) return;
    const view = this.openView();
    let { visited } = view;
    for (const _ of view.steps(root, 0, shared.table.format.heightOf(lengthBytes))) {
      shared.extentsVisited += view.visited - visited;
      visited = view.visited;
      yield;
      // It was dropped in the meantime: another request has finished, or caches were full.
      if (this.view !== view) return;
    }
  }

  /** Number of subtrees built so far that exist only for the canonical form. */
  get builtSubtrees(): number {
    return this.view?.size ?? 0;
  }

  /**
   * The identity that `publish` would return. The VMO keeps its rope, so that its host memory does not depend on
   * inspection.
   */
  identify(): string {
    if (this.knownId !== undefined) return this.knownId;
    const { hasher, table } = this.shared;
    const { lengthBytes, root } = this;
    const level = table.format.heightOf(lengthBytes);
    const tree = this.canonicalForm?.tree ?? (root === undefined ? table.zero(0) : this.subtree(root, 0, level));
    table.retain(tree);
    table.dropUnused();
    this.knownId = bytesToHex(hasher.root(lengthBytes, table.hashOf(tree)));
    table.release(tree);
    return this.knownId;
  }

  /** Drops content that can be rebuilt, unless work in progress needs it. */
  dropView(): void {
    if (this.viewUsers === 0) this.clearView();
  }

  /** The canonical subtree over 2^level pages from byte `offset`, which must lie within the rope. */
  private subtree(rope: Rope, offset: number, level: number): Subtree {
    const { shared } = this;
    const view = this.openView();
    const visitedBefore = view.visited;
    const tree = view.subtreeOfRope(rope, offset, level);
    shared.extentsVisited += view.visited - visitedBefore;
    // Aligned content is found without it.
    if (view.size === 0) this.dropView();
    return tree;
  }

  private openView(): CanonicalView {
    if (this.view === undefined) {
      this.view = new CanonicalView(this.shared.table);
      this.shared.viewed.add(this);
    }
    return this.view;
  }

  private clearView(): void {
    this.view?.clear();
    this.view = undefined;
    this.shared.viewed.delete(this);
  }
}
