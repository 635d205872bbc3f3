/**
 * A rope is a VMO as it was assembled: a weight-balanced tree over windows on canonical subtrees. Slice is `split`,
 * concat is `append`, delta is `replace`; each makes O(log pieces) nodes and shares the rest. A rope that is
 * `undefined` is empty.
 *
 * Immutable except for `users`. The weights obey Hirai and Yamamoto, "Balancing weight-balanced trees" (2011): <3, 2>.
 */

import { copySubtree, type Subtree } from './subtree.js';
import type { SubtreeTable } from './subtree-table.js';

/** A window on a subtree: `length` bytes from `start`. */
export class Piece {
  readonly weight = 1;
  /** Branches and VMOs that hold this node. */
  users = 0;

  constructor(
    readonly tree: Subtree,
    readonly start: number,
    readonly length: number,
  ) {}
}

/** The bytes of `left`, then those of `right`. */
export class Branch {
  readonly length: number;
  /** Number of pieces below, counting repeated ones each time. */
  readonly weight: number;
  users = 0;

  constructor(
    readonly left: Rope,
    readonly right: Rope,
  ) {
    this.length = left.length + right.length;
    this.weight = left.weight + right.weight;
  }
}

export type Rope = Piece | Branch;

export function isRope(item: object): item is Rope {
  return item instanceof Piece || item instanceof Branch;
}

/** Host memory of rope nodes in bytes, measured with Node 20. */
const PIECE_HOST_BYTES = 96;
const BRANCH_HOST_BYTES = 64;

/** Neither side of a branch weighs more than this many times the other. */
export const SIDES_RATIO_MAX = 3;
/** An inner grandchild lighter than this many times its outer sibling is moved by a single rotation. */
const SINGLE_ROTATION_RATIO = 2;

/** The first `length` bytes of a subtree. `zeros` is the largest zero subtree: all runs of zeros are windows on it. */
export function wholePiece(tree: Subtree, length: number, zeros: Subtree): Rope | undefined {
  return length === 0 ? undefined : new Piece(tree.used === 0 ? zeros : tree, 0, length);
}

/** Concatenates `a` and `b`; adjacent windows are merged. */
export function append(a: Rope | undefined, b: Rope | undefined): Rope | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  const last = lastPiece(a);
  const first = firstPiece(b);
  const seam = seamOf(last, first);
  if (seam === undefined) return join(a, b);
  const [head] = split(a, a.length - last.length);
  const [, tail] = split(b, first.length);
  const front = head === undefined ? seam : join(head, seam);
  return tail === undefined ? front : join(front, tail);
}

/** Concatenates ropes from `from` up to `to`. Takes time in proportion to their number, however many pieces they have. */
export function appendAll(ropes: readonly (Rope | undefined)[], from = 0, to = ropes.length): Rope | undefined {
  if (to - from < 2) return ropes[from];
  const middle = (from + to) >>> 1;
  return append(appendAll(ropes, from, middle), appendAll(ropes, middle, to));
}

/** Splits a rope into the first `at` bytes and the rest. */
export function split(rope: Rope, at: number): [Rope | undefined, Rope | undefined] {
  if (at <= 0) return [undefined, rope];
  if (at >= rope.length) return [rope, undefined];
  if (rope instanceof Piece) return [window(rope, 0, at), window(rope, at, rope.length - at)];
  const { left, right } = rope;
  if (at < left.length) {
    const [before, after] = split(left, at);
    return [before, after === undefined ? right : join(after, right)];
  }
  const [before, after] = split(right, at - left.length);
  return [before === undefined ? left : join(left, before), after];
}

/** `length` bytes from `offset`, which lie within the rope. */
export function slice(rope: Rope | undefined, offset: number, length: number): Rope | undefined {
  if (rope === undefined || length === 0) return undefined;
  const [, from] = split(rope, offset);
  return from === undefined ? undefined : split(from, length)[0];
}

/** `base` with the bytes from `offset` replaced by `patch`, which lies within it. */
export function replace(base: Rope | undefined, offset: number, patch: Rope | undefined): Rope | undefined {
  if (base === undefined || patch === undefined) return base;
  const [before, rest] = split(base, offset);
  const after = rest === undefined ? undefined : split(rest, patch.length)[1];
  return append(append(before, patch), after);
}

/** Copies `length` bytes from `offset` into `target` at `at`. Returns the number of extents visited. */
export function copyRope(rope: Rope, offset: number, length: number, target: Uint8Array, at: number): number {
  if (rope instanceof Piece) return 1 + copySubtree(rope.tree, rope.start + offset, length, target, at);
  const { left, right } = rope;
  const inLeft = Math.min(Math.max(left.length - offset, 0), length);
  let visited = 1;
  if (inLeft > 0) visited += copyRope(left, offset, inLeft, target, at);
  if (inLeft < length) visited += copyRope(right, offset + inLeft - left.length, length - inLeft, target, at + inLeft);
  return visited;
}

/** Holds a rope, and thereby everything below it that was not held yet. */
export function retainRope(rope: Rope, table: SubtreeTable): void {
  if (rope.users++ > 0) return;
  table.account.hostBytes += hostBytesOf(rope);
  if (rope instanceof Piece) return table.own(rope.tree);
  retainRope(rope.left, table);
  retainRope(rope.right, table);
}

export function releaseRope(rope: Rope, table: SubtreeTable): void {
  if (--rope.users > 0) return;
  table.account.hostBytes -= hostBytesOf(rope);
  if (rope instanceof Piece) return table.disown(rope.tree);
  releaseRope(rope.left, table);
  releaseRope(rope.right, table);
}

function hostBytesOf(rope: Rope): number {
  return rope instanceof Piece ? PIECE_HOST_BYTES : BRANCH_HOST_BYTES;
}

function window(piece: Piece, offset: number, length: number): Piece {
  return new Piece(piece.tree, piece.tree.used === 0 ? 0 : piece.start + offset, length);
}

/** The merged window of two pieces, if they are adjacent in the same base. */
function seamOf(a: Piece, b: Piece): Piece | undefined {
  if (a.tree !== b.tree) return undefined;
  const touching = a.tree.used === 0 || a.start + a.length === b.start;
  return touching ? new Piece(a.tree, a.start, a.length + b.length) : undefined;
}

function firstPiece(rope: Rope): Piece {
  let node = rope;
  while (node instanceof Branch) node = node.left;
  return node;
}

function lastPiece(rope: Rope): Piece {
  let node = rope;
  while (node instanceof Branch) node = node.right;
  return node;
}

/** Concatenates `a` and `b` into a balanced rope, whatever their weights. */
function join(a: Rope, b: Rope): Rope {
  if (a instanceof Branch && a.weight > SIDES_RATIO_MAX * b.weight) return balance(a.left, join(a.right, b));
  if (b instanceof Branch && b.weight > SIDES_RATIO_MAX * a.weight) return balance(join(a, b.left), b.right);
  return new Branch(a, b);
}

/** A branch over two balanced ropes, one of which may be slightly too heavy. */
function balance(left: Rope, right: Rope): Branch {
  if (right instanceof Branch && right.weight > SIDES_RATIO_MAX * left.weight) {
    const { left: inner, right: outer } = right;
    if (inner instanceof Piece || inner.weight < SINGLE_ROTATION_RATIO * outer.weight)
      return new Branch(new Branch(left, inner), outer);
    return new Branch(new Branch(left, inner.left), new Branch(inner.right, outer));
  }
  if (left instanceof Branch && left.weight > SIDES_RATIO_MAX * right.weight) {
    const { left: outer, right: inner } = left;
    if (inner instanceof Piece || inner.weight < SINGLE_ROTATION_RATIO * outer.weight)
      return new Branch(outer, new Branch(inner, right));
    return new Branch(new Branch(outer, inner.left), new Branch(inner.right, right));
  }
  return new Branch(left, right);
}
