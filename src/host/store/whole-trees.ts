/**
 * The trees of a store that are known to be complete. A record may be there although records below it are missing: garbage
 * collection may have been interrupted between two packs, or a pack may be damaged. Code that relies on existing content, to put
 * only what is missing or to name it, checks here.
 */

import { hexToBytes } from '@noble/hashes/utils.js';
import { NODE_TAG, ROOT_TAG } from '../../vmo/content/canonical-form.js';
import { DamagedRecordError, type Reference } from '../../vmo/records/record-store.js';
import { HostError } from '../failure.js';
import { readNode, readRoot } from './canonical-records.js';
import type { DiskStore } from './disk-store.js';
import { Kind } from './packs/pack-format.js';
import { RecordTable } from './packs/record-table.js';
import { listedReferences } from './reach.js';

const NOWHERE = { pack: 0, offset: 0, kind: Kind.node, number: 0 };

export class WholeTrees {
  /** Hashes of nodes and roots, in a table that is used as a set. */
  private readonly known = new RecordTable();
  /** Identities of listings of which all content is whole, too. */
  private readonly listings = new Set<string>();

  constructor(private readonly store: DiskStore) {}

  /** Whether a record and all below it are there. False also where `most` records do not suffice to tell. */
  has(hash: Uint8Array, most = Infinity): boolean {
    return this.walk(hash, { left: most });
  }

  /** Whether content is whole; of a tree, all that is in it. */
  hasAll(reference: Reference): boolean {
    const seen = new Set<string>();
    const steps = [reference];
    for (let step = steps.pop(); step; step = steps.pop()) {
      if (!this.has(hexToBytes(step.id))) return false;
      if (step.kind === 'file' || this.listings.has(step.id) || seen.has(step.id)) continue;
      seen.add(step.id);
      const listed = this.listed(step.id);
      if (!listed) return false;
      steps.push(...listed);
    }
    for (const id of seen) this.listings.add(id);
    return true;
  }

  /** Says that a record was put, so that it is known to be whole if what it refers to is. */
  note(hash: Uint8Array, record: Uint8Array): void {
    const below = childrenOf(record);
    if (below.length > 0 && below.every((child) => this.isKnown(child))) this.known.add(hash, NOWHERE);
  }

  /** Says that everything that a listing refers to was put. */
  noteListing(id: string): void {
    this.listings.add(id);
  }

  /** Trees have 38 levels at most. */
  private walk(hash: Uint8Array, budget: { left: number }): boolean {
    if (this.isKnown(hash)) return true;
    if (budget.left-- <= 0) return false;
    const record = this.read(hash);
    if (!record || !childrenOf(record).every((child) => this.walk(child, budget))) return false;
    this.known.add(hash, NOWHERE);
    return true;
  }

  private isKnown(hash: Uint8Array): boolean {
    if (this.store.isZero(hash)) return true;
    const { packs } = this.store;
    if (!packs.has(hash)) return false;
    return packs.table.kind(packs.table.find(hash)) === Kind.leaf || this.known.find(hash) >= 0;
  }

  private read(hash: Uint8Array): Uint8Array | undefined {
    try {
      return this.store.get(hash);
    } catch (error) {
      if (error instanceof DamagedRecordError) return undefined;
      throw error;
    }
  }

  /** What a listing refers to; undefined where that cannot be read. Its own records are there. */
  private listed(id: string): Reference[] | undefined {
    const record = this.read(hexToBytes(id));
    try {
      return record && listedReferences(this.store, readRoot(record));
    } catch (error) {
      if (error instanceof DamagedRecordError || error instanceof HostError) return undefined;
      throw error;
    }
  }
}

/** Hashes of what a record refers to. */
function childrenOf(record: Uint8Array): Uint8Array[] {
  if (record[0] === ROOT_TAG) return [readRoot(record).top];
  if (record[0] !== NODE_TAG) return [];
  const { left, right } = readNode(record);
  return [left, right];
}
