import { bytesToHex } from '../../bits.js';
import type { RecordStore } from './record-store.js';

/** Records per batch: about a megabyte of pages. */
const RECORDS_AT_ONCE = 256;

/** Puts records into a store, a batch at a time, in the order in which they come. */
export class RecordBatch {
  /** Number of records added so far, including waiting ones. */
  count = 0;
  private readonly waiting = new Map<string, { hash: Uint8Array; record: Uint8Array }>();

  constructor(private readonly records: Pick<RecordStore, 'put'>) {}

  /** Whether a record is waiting to be put. */
  has(hash: Uint8Array): boolean {
    return this.waiting.has(bytesToHex(hash));
  }

  /** Adds a record; returns true if this completed a batch, which has been put. */
  add(entry: { hash: Uint8Array; record: Uint8Array }): boolean {
    this.waiting.set(bytesToHex(entry.hash), entry);
    this.count++;
    if (this.waiting.size < RECORDS_AT_ONCE) return false;
    this.put();
    return true;
  }

  /** Puts the waiting records. */
  put(): void {
    if (this.waiting.size === 0) return;
    const entries = [...this.waiting.values()];
    this.waiting.clear();
    this.records.put(entries);
  }
}
