import { bytesToHex } from '../../bits.js';
import type { RecordStore } from './record-store.js';

/** Records that are put at once: about a megabyte of pages. */
const RECORDS_AT_ONCE = 256;

/** Puts records into a store, a batch at a time, in the order in which they come. */
export class RecordBatch {
  /** Records put so far, those that wait included. */
  count = 0;
  private readonly waiting = new Map<string, { hash: Uint8Array; record: Uint8Array }>();

  constructor(private readonly records: Pick<RecordStore, 'put'>) {}

  /** Whether a record waits. */
  has(hash: Uint8Array): boolean {
    return this.waiting.has(bytesToHex(hash));
  }

  /** Answers whether a batch was full, and is put now. */
  add(entry: { hash: Uint8Array; record: Uint8Array }): boolean {
    this.waiting.set(bytesToHex(entry.hash), entry);
    this.count++;
    if (this.waiting.size < RECORDS_AT_ONCE) return false;
    this.put();
    return true;
  }

  /** Puts what waits. */
  put(): void {
    if (this.waiting.size === 0) return;
    const entries = [...this.waiting.values()];
    this.waiting.clear();
    this.records.put(entries);
  }
}
