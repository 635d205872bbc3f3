/** What identities reach: the records of their trees; of a directory, those of what is in it. */

import { hexToBytes } from '@noble/hashes/utils.js';
import { PAGE_SIZE, bytesToHex } from '../../bits.js';
import { heightOf } from '../../vmo/content/canonical-form.js';
import { DamagedRecordError } from '../../vmo/records/record-store.js';
import { readNode, readRoot, type Root } from './canonical-records.js';
import type { DiskStore } from './disk-store.js';
import { isListing, LISTING_BYTES_MAX, LISTING_START, readListing } from './listing.js';
import { Kind } from './packs/pack-format.js';
import { RecordTable } from './packs/record-table.js';

/** A record that is to be visited. Level -1 is a root. */
interface Step {
  readonly hash: Uint8Array;
  readonly level: number;
  /** In a listing, which may be a file that only looks like one. */
  readonly isListed: boolean;
}

/** A record that could not be followed. */
export interface Broken {
  readonly hash: string;
  /** Undefined for one that is missing. */
  readonly damage: DamagedRecordError | undefined;
  readonly isListed: boolean;
}

const ROOT_LEVEL = -1;
const NOWHERE = { pack: 0, offset: 0, kind: Kind.leaf, number: 0 };

/** The records that identities reach, each visited once. */
export class Reach {
  /** The hashes visited, in a table that is used as a set. */
  readonly seen = new RecordTable();
  readonly broken: Broken[] = [];
  private readonly steps: Step[] = [];

  constructor(private readonly store: DiskStore) {}

  has(hash: Uint8Array): boolean {
    return this.seen.find(hash) >= 0;
  }

  /** Adds what an identity reaches, a record each time that the caller goes on. */
  *add(id: string): Generator<void, void, undefined> {
    this.steps.push({ hash: hexToBytes(id), level: ROOT_LEVEL, isListed: false });
    for (let step = this.steps.pop(); step; step = this.steps.pop()) {
      if (this.store.isZero(step.hash) || !this.seen.add(step.hash, NOWHERE)) continue;
      this.visit(step);
      yield;
    }
  }

  private visit(step: Step): void {
    const { hash, level, isListed } = step;
    try {
      if (level === 0 && this.store.has(hash)) return;
      const record = this.store.get(hash);
      if (!record) this.broken.push({ hash: bytesToHex(hash), damage: undefined, isListed });
      else if (level > 0) this.pushHalves(record, level);
      else if (level === ROOT_LEVEL) this.pushContent(readRoot(record));
    } catch (error) {
      if (!(error instanceof DamagedRecordError)) throw error;
      this.broken.push({ hash: error.hash, damage: error, isListed });
    }
  }

  private pushHalves(record: Uint8Array, level: number): void {
    const { left, right } = readNode(record);
    for (const hash of [right, left]) this.steps.push({ hash, level: level - 1, isListed: false });
  }

  private pushContent(root: Root): void {
    this.steps.push({ hash: root.top, level: heightOf(root.lengthBytes), isListed: false });
    for (const id of listedIds(this.store, root))
      this.steps.push({ hash: hexToBytes(id), level: ROOT_LEVEL, isListed: true });
  }
}

/** The identities that a VMO lists, if it is the listing of a directory and can be read. */
export function listedIds(store: DiskStore, root: Root): string[] {
  if (root.lengthBytes < LISTING_START.length || root.lengthBytes > LISTING_BYTES_MAX) return [];
  try {
    const { value: first } = pagesOf(store, root).next();
    if (!first || !isListing(first)) return [];
    return readListing(readAll(store, root)).flatMap((entry) => (entry.type === 'link' ? [] : [entry.id]));
  } catch {
    return [];
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
  const steps: Omit<Step, 'isListed'>[] = [{ hash: root.top, level: heightOf(root.lengthBytes) }];
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
