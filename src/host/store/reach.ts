/** What identities reach: the records of their trees; for a directory, also those of its entries. */

import { hexToBytes } from '@noble/hashes/utils.js';
import { PAGE_SIZE, bytesToHex } from '../../bits.js';
import { heightOf, NODE_OFFSET, ROOT_TAG } from '../../vmo/content/canonical-form.js';
import { type ContentKind, DamagedRecordError, type Reference } from '../../vmo/records/record-store.js';
import { HostError } from '../failure.js';
import { readNode, readRoot, type Root } from './canonical-records.js';
import type { DiskStore } from './disk-store.js';
import { isListing, LISTING_BYTES_MAX, LISTING_START_BYTES, readListing, referencesOf } from './listing.js';
import { Kind } from './packs/pack-format.js';
import { RecordTable } from './packs/record-table.js';

/** A record that is to be visited. */
interface Step {
  readonly hash: Uint8Array;
  /** Of a node or a leaf; of a root, what it is by its reference. */
  readonly place: number | ContentKind;
}

/** A record that could not be followed. */
export interface Broken {
  readonly hash: string;
  /** Undefined for one that is missing. */
  readonly damage: DamagedRecordError | undefined;
  /** Said where it is neither: a tree that cannot be read as one. */
  readonly detail?: string | undefined;
}

const NOWHERE = { pack: 0, offset: 0, kind: Kind.leaf, number: 0 };

/** The records that references reach, each visited once as a file and once as a tree. */
export class Reach {
  /** The hashes visited, in a table that is used as a set. */
  readonly seen = new RecordTable();
  readonly broken: Broken[] = [];
  private readonly steps: Step[] = [];
  /** Roots that were followed as trees: 64 digits each. */
  private readonly trees = new Set<string>();

  constructor(private readonly store: DiskStore) {}

  has(hash: Uint8Array): boolean {
    return this.seen.find(hash) >= 0;
  }

  /** Adds everything that a reference reaches, a record per step. */
  *add({ id, kind }: Reference): Generator<void, void, undefined> {
    yield* this.follow({ hash: hexToBytes(id), place: kind });
  }

  private *follow(first: Step): Generator<void, void, undefined> {
    this.steps.push(first);
    for (let step = this.steps.pop(); step; step = this.steps.pop()) {
      if (this.store.isZero(step.hash) || !this.isNew(step)) continue;
      this.visit(step);
      yield;
    }
  }

  /** Adds a record of a kind and those below it; a root counts as that of a file. Missing records are omitted. */
  *addRecord(hash: Uint8Array, kind: Kind): Generator<void, void, undefined> {
    if (kind === Kind.root) return yield* this.add({ id: bytesToHex(hash), kind: 'file' });
    const level = kind === Kind.node ? this.levelOf(hash) : 0;
    yield* this.follow({ hash, place: level });
  }

  private levelOf(hash: Uint8Array): number {
    try {
      return this.store.get(hash)?.[NODE_OFFSET.level] ?? 0;
    } catch (error) {
      if (error instanceof DamagedRecordError) return 0;
      throw error;
    }
  }

  private isNew({ hash, place }: Step): boolean {
    const isNew = this.seen.add(hash, NOWHERE);
    if (place !== 'tree') return isNew;
    const before = this.trees.size;
    return this.trees.add(bytesToHex(hash)).size > before;
  }

  private visit({ hash, place }: Step): void {
    try {
      if (place === 0 && this.store.packs.has(hash)) return;
      const record = this.store.get(hash);
      if (!record) this.broken.push({ hash: bytesToHex(hash), damage: undefined });
      else if (typeof place === 'string') this.visitRoot(hash, record, place);
      else if (place > 0) this.pushHalves(record, place);
    } catch (error) {
      if (!(error instanceof DamagedRecordError)) throw error;
      this.broken.push({ hash: error.hash, damage: error });
    }
  }

  private pushHalves(record: Uint8Array, level: number): void {
    const { left, right } = readNode(record);
    for (const hash of [right, left]) this.steps.push({ hash, place: level - 1 });
  }

  private visitRoot(hash: Uint8Array, record: Uint8Array, kind: ContentKind): void {
    if (record[0] === ROOT_TAG) this.pushContent(hash, readRoot(record), kind);
    else this.broken.push({ hash: bytesToHex(hash), damage: undefined, detail: 'not the root of a VMO' });
  }

  private pushContent(hash: Uint8Array, root: Root, kind: ContentKind): void {
    this.steps.push({ hash: root.top, place: heightOf(root.lengthBytes) });
    if (kind === 'file') return;
    try {
      for (const reference of listedReferences(this.store, root))
        this.steps.push({ hash: hexToBytes(reference.id), place: reference.kind });
    } catch (error) {
      // Records of the listing that are missing or damaged are found as those of any other content.
      if (!(error instanceof HostError)) return;
      this.broken.push({ hash: bytesToHex(hash), damage: undefined, detail: error.message });
    }
  }
}

/** The references in a tree. Throws HostError for an invalid listing, DamagedRecordError, and Error if a record is missing. */
export function listedReferences(store: DiskStore, root: Root): Reference[] {
  if (root.lengthBytes > LISTING_BYTES_MAX) throw new HostError('it is longer than any listing', 'invalid');
  return referencesOf(readListing(readAll(store, root)));
}

/**
 * What content is of which nothing else says so: a tree if all of it is the listing of a directory. Undefined where that cannot be
 * read.
 */
export function kindByContent(store: DiskStore, id: string): ContentKind | undefined {
  try {
    const record = store.get(hexToBytes(id));
    if (!record) return undefined;
    const root = readRoot(record);
    if (root.lengthBytes < LISTING_START_BYTES) return 'file';
    const { value: first } = pagesOf(store, root).next();
    if (!first || !isListing(first)) return 'file';
    listedReferences(store, root);
    return 'tree';
  } catch (error) {
    return error instanceof HostError ? 'file' : undefined;
  }
}

/** The bytes of a VMO. Throws DamagedRecordError; where a record is missing, Error. */
export function readAll(store: DiskStore, root: Root): Uint8Array {
  const bytes = new Uint8Array(root.lengthBytes);
  let at = 0;
  for (const page of pagesOf(store, root)) {
    bytes.set(page.subarray(0, bytes.length - at), at);
    at += page.length;
  }
  return bytes;
}

/** The pages of a VMO in their order, up to its end. */
function* pagesOf(store: DiskStore, root: Root): Generator<Uint8Array> {
  let left = Math.ceil(root.lengthBytes / PAGE_SIZE);
  const steps: { hash: Uint8Array; level: number }[] = [{ hash: root.top, level: heightOf(root.lengthBytes) }];
  for (let step = steps.pop(); step && left > 0; step = steps.pop()) {
    const record = store.get(step.hash);
    if (!record) throw new Error(`the record ${bytesToHex(step.hash)} is missing`);
    if (step.level === 0) {
      left--;
      yield record.subarray(1);
    } else {
      const halves = readNode(record);
      const level = step.level - 1;
      steps.push({ hash: halves.right, level }, { hash: halves.left, level });
    }
  }
}
