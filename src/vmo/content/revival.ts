import { Branch, Piece, type Rope } from './rope.js';
import { Leaf, Node, type Subtree } from './subtree.js';
import type { SubtreeTable } from './subtree-table.js';
import { Vmo, type VmoImage } from './vmo.js';

/**
 * Brings content back that a snapshot remembers, whether or not the store has forgotten it since. A snapshot holds extents as
 * any object holds another, and the store knows nothing of it: what nothing else held was taken out of the store's tables and
 * accounts. Each extent is brought back once, so that what was shared is shared again.
 */
export class Revival {
  private readonly vmos = new Map<Vmo, Vmo>();
  private readonly ropes = new Map<Rope, Rope>();
  private readonly trees = new Map<Subtree, Subtree>();

  constructor(private readonly table: SubtreeTable) {}

  /** A VMO that is as it was: the same object, where nothing has become of it. */
  vmo(image: VmoImage): Vmo {
    const { vmo } = image;
    if (vmo.isAs(image)) return vmo;
    const known = this.vmos.get(vmo);
    if (known) return known;
    const { canonicalForm, root, publishedTree } = image;
    const made = Vmo.from(vmo.shared, {
      ...image,
      root: root && this.rope(root),
      canonicalForm: canonicalForm && { ...canonicalForm, tree: this.tree(canonicalForm.tree) },
      publishedTree: publishedTree && this.tree(publishedTree),
    });
    this.vmos.set(vmo, made);
    return made;
  }

  /** A rope that can be held, with the same bytes in the same pieces. */
  rope(rope: Rope): Rope {
    if (rope.users > 0) return rope;
    const known = this.ropes.get(rope);
    if (known) return known;
    const made = rope instanceof Piece ? this.piece(rope) : this.branch(rope);
    this.ropes.set(rope, made);
    return made;
  }

  /** A subtree that can be held, with the same content. */
  tree(tree: Subtree): Subtree {
    if (tree.serial >= 0) return tree;
    const known = this.trees.get(tree);
    if (known) return known;
    const made = this.remade(tree);
    this.trees.set(tree, made);
    return made;
  }

  private piece(piece: Piece): Piece {
    const tree = this.tree(piece.tree);
    return tree === piece.tree ? piece : new Piece(tree, piece.start, piece.length);
  }

  private branch(branch: Branch): Branch {
    const [left, right] = [this.rope(branch.left), this.rope(branch.right)];
    return left === branch.left && right === branch.right ? branch : new Branch(left, right);
  }

  private remade(tree: Subtree): Subtree {
    if (tree instanceof Leaf) return this.withHash(this.table.leaf(tree.bytes), tree.hash);
    if (tree instanceof Node)
      return this.withHash(this.table.node(this.tree(tree.left), this.tree(tree.right)), tree.hash);
    return tree.source.again(tree);
  }

  /** Spares hashing again what was hashed before. A leaf that may have a twin is left to the table. */
  private withHash(tree: Subtree, hash: Uint8Array | undefined): Subtree {
    if (tree instanceof Node || (tree instanceof Leaf && !tree.bucket.isCrowded)) tree.hash ??= hash;
    return tree;
  }
}
