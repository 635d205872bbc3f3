/** Maps a rope to canonical subtrees over its bytes: aligned content is found, unaligned content is gathered once. */

import { Branch, copyRope, Piece, type Rope } from './rope.js';
import type { Steps } from '../steps.js';
import { copySubtree, type Leaf, Node, openedNode, Remote, type Subtree } from './subtree.js';
import type { SubtreeTable } from './subtree-table.js';

type Extent = Rope | Subtree;

/** Subtrees of 2^6 pages are built and hashed in one step. */
const STEP_LEVEL = 6;

/** A range of pages that no existing subtree covers: its start within the smallest extent that contains it. */
class Unbuilt {
  constructor(
    readonly extent: Extent,
    readonly offset: number,
  ) {}
}

/**
 * Canonical subtrees of one VMO. A range of pages within one aligned window is an existing subtree. Any other range is
 * built from its halves, down to single pages, whose bytes are gathered. It is cached by the smallest extent that
 * contains the range, the offset in it and the level, so that repeated content of a rope is built once.
 *
 * The cache belongs to the VMO and is freed with it, so that a long-lived base does not accumulate pages of discarded
 * slices.
 */
export class CanonicalView {
  private readonly remembered = new Map<Extent | string, Map<number, Subtree>[]>();
  /** Extents visited to gather pages. */
  visited = 0;
  /** Subtrees remembered. */
  size = 0;

  constructor(private readonly table: SubtreeTable) {}

  /**
   * The subtree over 2^level pages of `rope` from byte `offset`. The range may extend beyond the rope only at the end
   * of the VMO, where zeros follow.
   */
  subtreeOfRope(rope: Rope, offset: number, level: number): Subtree {
    const found = this.find(rope, offset, level);
    return found instanceof Unbuilt ? this.built(found.extent, found.offset, level) : found;
  }

  /** As `subtreeOfRope`, in steps that build and hash at most 64 pages each; everything is hashed in the end. */
  *steps(rope: Rope, offset: number, level: number): Steps<void> {
    const found = this.find(rope, offset, level);
    const known = found instanceof Unbuilt ? this.rememberedAt(found.extent, found.offset, level) : found;
    if (known) return yield* hashInSteps(known, this.table);
    if (level > STEP_LEVEL) {
      const half = this.table.format.levelBytes[level - 1]!;
      yield* this.steps(rope, offset, level - 1);
      if (offset + half < rope.length) yield* this.steps(rope, offset + half, level - 1);
    }
    this.table.hashOf(this.subtreeOfRope(rope, offset, level));
    if (level <= STEP_LEVEL) yield;
  }

  /** Discards the cache. */
  clear(): void {
    for (const levels of this.remembered.values())
      for (const level of levels) level?.forEach((tree) => this.table.release(tree));
    this.remembered.clear();
    this.table.account.remembered -= this.size;
    this.size = 0;
  }

  private find(rope: Rope, offset: number, level: number): Subtree | Unbuilt {
    const size = this.table.format.levelBytes[level]!;
    let extent = rope;
    let at = offset;
    while (extent instanceof Branch) {
      const middle = extent.left.length;
      if (at >= middle) {
        at -= middle;
        extent = extent.right;
      } else if (at + size <= middle) extent = extent.left;
      else return new Unbuilt(extent, at);
    }
    return this.findInPiece(extent, at, level);
  }

  private findInPiece(piece: Piece, offset: number, level: number): Subtree | Unbuilt {
    const { tree } = piece;
    const size = this.table.format.levelBytes[level]!;
    const at = piece.start + offset;
    const kept = piece.length - offset;
    if (kept >= size) return this.findInTree(tree, at, level);
    if (level <= tree.level && at % size === 0) {
      const aligned = this.findInTree(tree, at, level);
      if (!(aligned instanceof Unbuilt) && aligned.used <= kept) return aligned;
    }
    return new Unbuilt(piece, offset);
  }

  /** Finds 2^level pages within `tree`, starting at byte `offset`. */
  private findInTree(tree: Subtree, offset: number, level: number): Subtree | Unbuilt {
    const { levelBytes } = this.table.format;
    const size = levelBytes[level]!;
    let extent = tree;
    let at = offset;
    while (extent.level > level) {
      if (at >= extent.used) return this.table.zero(level);
      const half = levelBytes[extent.level - 1]!;
      if (at >= half) {
        at -= half;
        extent = openedNode(extent).right;
      } else if (at + size <= half) extent = openedNode(extent).left;
      else return new Unbuilt(extent, at);
    }
    return extent;
  }

  private subtreeOf(extent: Extent, offset: number, level: number): Subtree {
    if (extent instanceof Piece || extent instanceof Branch) return this.subtreeOfRope(extent, offset, level);
    const found = this.findInTree(extent, offset, level);
    return found instanceof Unbuilt ? this.built(found.extent, found.offset, level) : found;
  }

  private rememberedAt(extent: Extent, offset: number, level: number): Subtree | undefined {
    return this.remembered.get(nameOf(extent))?.[level]?.get(offset);
  }

  private built(extent: Extent, offset: number, level: number): Subtree {
    const known = this.rememberedAt(extent, offset, level);
    if (known !== undefined) return known;
    const made = level === 0 ? this.gather(extent, offset) : this.concat(extent, offset, level);
    this.table.retain(made);
    this.table.account.remembered++;
    this.size++;
    const name = nameOf(extent);
    let levels = this.remembered.get(name);
    if (levels === undefined) this.remembered.set(name, (levels = []));
    (levels[level] ??= new Map()).set(offset, made);
    return made;
  }

  private concat(extent: Extent, offset: number, level: number): Subtree {
    const half = this.table.format.levelBytes[level - 1]!;
    const left = this.subtreeOf(extent, offset, level - 1);
    const isBeyond = (extent instanceof Piece || extent instanceof Branch) && offset + half >= extent.length;
    return this.table.node(
      left,
      isBeyond ? this.table.zero(level - 1) : this.subtreeOf(extent, offset + half, level - 1),
    );
  }

  private gather(extent: Extent, offset: number): Leaf {
    const { scratch } = this.table;
    if (extent instanceof Piece || extent instanceof Branch) {
      const length = Math.min(scratch.length, extent.length - offset);
      this.visited += copyRope(extent, offset, length, scratch, 0);
      scratch.fill(0, length);
    } else this.visited += copySubtree(extent, offset, scratch.length, scratch, 0);
    return this.table.leafOfScratch();
  }
}

/** Cache key of an extent. A Remote's content may be evicted and re-fetched, so it is identified by its hash. */
function nameOf(extent: Extent): Extent | string {
  return extent instanceof Remote ? extent.key : extent;
}

/** Hashes a subtree, at most 64 pages in a step. */
export function* hashInSteps(tree: Subtree, table: SubtreeTable): Steps<void> {
  if (tree instanceof Remote || tree.hash !== undefined || tree.used === 0) return;
  if (tree instanceof Node && tree.level > STEP_LEVEL) {
    yield* hashInSteps(tree.left, table);
    yield* hashInSteps(tree.right, table);
  }
  table.hashOf(tree);
  if (tree.level <= STEP_LEVEL) yield;
}
