/** Walks subtrees as canonical records, whether they are in memory or in a RecordStore, without keeping them. */

import { bytesToHex } from '../../bits.js';
import type { CanonicalHasher } from '../content/canonical-form.js';
import type { RecordReader } from './record-reader.js';
import { Leaf, type Node, Remote, type Subtree } from '../content/subtree.js';
import type { RemoteTree } from './remote-tree.js';
import type { SubtreeTable } from '../content/subtree-table.js';

/** A subtree at its position in a VMO. */
export interface Place {
  readonly level: number;
  readonly hash: Uint8Array;
  /** True for a subtree of zeros, which has no record in any store or stream. */
  readonly isZero: boolean;
  /** The record, in an array that must not be changed. */
  record(): Uint8Array;
  /** The left and right halves of a place of level 1 or more; the caller passes its record. */
  parts(record: Uint8Array): readonly [Place, Place];
}

/** The place of a hashed subtree in a table. */
export function placeOf(table: SubtreeTable, hasher: CanonicalHasher, tree: Subtree): Place {
  if (!(tree instanceof Remote)) return new TreePlace(table, hasher, tree);
  if (tree.fetched !== undefined) return new TreePlace(table, hasher, tree.fetched);
  return new StoredPlace((tree.source as RemoteTree).reader, tree.hash, tree.level, tree.used);
}

class TreePlace implements Place {
  readonly level: number;
  readonly hash: Uint8Array;

  constructor(
    private readonly table: SubtreeTable,
    private readonly hasher: CanonicalHasher,
    private readonly tree: Leaf | Node,
  ) {
    this.level = tree.level;
    this.hash = table.hashOf(tree);
  }

  get isZero(): boolean {
    return this.tree.used === 0;
  }

  record(): Uint8Array {
    const { table, hasher, tree } = this;
    return tree instanceof Leaf
      ? hasher.recordOfLeaf(tree.bytes)
      : hasher.recordOfNode(tree.level, table.hashOf(tree.left), table.hashOf(tree.right));
  }

  parts(): readonly [Place, Place] {
    const { left, right } = this.tree as Node;
    return [placeOf(this.table, this.hasher, left), placeOf(this.table, this.hasher, right)];
  }
}

/** A subtree in a record store, known by its hash; its bytes from `usedMax` on are zeros. */
export class StoredPlace implements Place {
  constructor(
    private readonly reader: RecordReader,
    readonly hash: Uint8Array,
    readonly level: number,
    private readonly usedMax: number,
  ) {}

  get isZero(): boolean {
    return this.reader.hasher.isZero(this.level, this.hash);
  }

  record(): Uint8Array {
    return this.reader.subtree(this.hash, this.level, this.usedMax);
  }

  parts(record: Uint8Array): readonly [Place, Place] {
    const { reader, level, usedMax } = this;
    const half = reader.hasher.format.levelBytes[level - 1]!;
    const { left, right } = reader.node(this.hash, record, level, usedMax);
    return [
      new StoredPlace(reader, left, level - 1, Math.min(usedMax, half)),
      new StoredPlace(reader, right, level - 1, Math.max(usedMax - half, 0)),
    ];
  }
}

/** The records at and below a place, in pre-order: each record once, and none for zero subtrees. */
export function* recordsInPreOrder(top: Place): Generator<Uint8Array, void, undefined> {
  const sent = new Set<string>();
  const open = [top];
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    if (place.isZero) continue;
    const key = bytesToHex(place.hash);
    if (sent.has(key)) continue;
    sent.add(key);
    const record = place.record();
    if (place.level > 0) {
      const [left, right] = place.parts(record);
      open.push(right, left);
    }
    yield record;
  }
}

/**
 * The records at and below a place for which `isThere` is false, each after those below it; subtrees below an existing
 * record are skipped. `isThere` must return true for a record once it was yielded.
 */
export function* missingRecords(
  top: Place,
  isThere: (hash: Uint8Array) => boolean,
): Generator<{ hash: Uint8Array; record: Uint8Array }, void, undefined> {
  const open: { place: Place; record: Uint8Array | undefined }[] = [{ place: top, record: undefined }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { place } = next;
    let { record } = next;
    if (record === undefined) {
      if (place.isZero || isThere(place.hash)) continue;
      record = place.record();
      if (place.level > 0) {
        const [left, right] = place.parts(record);
        open.push({ place, record }, { place: right, record: undefined }, { place: left, record: undefined });
        continue;
      }
    }
    yield { hash: place.hash, record };
  }
}
