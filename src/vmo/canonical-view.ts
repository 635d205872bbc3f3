/** From a rope to the canonical subtrees over its bytes: what lies aligned is found, what does not is gathered once. */

import { Branch, copyRope, Piece, type Rope } from './rope.js';
import { copySubtree, type Leaf, openedNode, Remote, type Subtree } from './subtree.js';
import type { SubtreeTable } from './subtree-table.js';

type Extent = Rope | Subtree;

/**
 * Canonical subtrees of one VMO. A range of pages that lies in one aligned window is a subtree that exists. Any other is
 * built from its halves, down to single pages, whose bytes are gathered; and remembered under the smallest extent that
 * holds the range, the offset in it and the level, so that what a rope repeats is built once.
 *
 * What is remembered belongs to the VMO and goes with it: a base that lives for ever does not pile up pages of slices
 * that are gone.
 */
export class CanonicalView {
  private readonly remembered = new Map<Extent | string, Map<number, Subtree>[]>();
  /** Extents visited to gather pages. */
  visited = 0;

  constructor(private readonly table: SubtreeTable) {}

  /**
   * The subtree over 2^level pages of `rope` from byte `offset`. The range lies within the rope, or goes beyond its end,
   * which then is the end of the VMO: zeros follow.
   */
  subtreeOfRope(rope: Rope, offset: number, level: number): Subtree {
    const size = this.table.format.levelBytes[level]!;
    let extent = rope;
    let at = offset;
    while (extent instanceof Branch) {
      const middle = extent.left.length;
      if (at >= middle) {
        at -= middle;
        extent = extent.right;
      } else if (at + size <= middle) extent = extent.left;
      else return this.built(extent, at, level);
    }
    return this.subtreeOfPiece(extent, at, level);
  }

  /** Forgets what was built. */
  clear(): void {
    for (const levels of this.remembered.values())
      for (const level of levels) level?.forEach((tree) => this.table.release(tree));
    this.remembered.clear();
  }

  private subtreeOfPiece(piece: Piece, offset: number, level: number): Subtree {
    const { tree } = piece;
    const size = this.table.format.levelBytes[level]!;
    const at = piece.start + offset;
    const kept = piece.length - offset;
    if (kept >= size) return this.subtreeOfTree(tree, at, level);
    if (level <= tree.level && at % size === 0) {
      const aligned = this.subtreeOfTree(tree, at, level);
      if (aligned.used <= kept) return aligned;
    }
    return this.built(piece, offset, level);
  }

  /** The subtree over 2^level pages that lie within `tree`, from byte `offset`. */
  private subtreeOfTree(tree: Subtree, offset: number, level: number): Subtree {
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
      else return this.built(extent, at, level);
    }
    return extent;
  }

  private subtreeOf(extent: Extent, offset: number, level: number): Subtree {
    return extent instanceof Piece || extent instanceof Branch
      ? this.subtreeOfRope(extent, offset, level)
      : this.subtreeOfTree(extent, offset, level);
  }

  private built(extent: Extent, offset: number, level: number): Subtree {
    // What a Remote stands for may go and come again.
    const name = extent instanceof Remote ? extent.key : extent;
    const known = this.remembered.get(name)?.[level]?.get(offset);
    if (known !== undefined) return known;
    const made = level === 0 ? this.gather(extent, offset) : this.concat(extent, offset, level);
    this.table.retain(made);
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
