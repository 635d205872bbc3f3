import type { RecordStore } from '../../src/vmo/records/record-store.js';

function keyOf(hash: Uint8Array): string {
  return Buffer.from(hash).toString('hex');
}

/** A RecordStore in memory that verifies nothing and counts requests. */
export class MemoryRecords implements RecordStore {
  /** By hash in hexadecimal. */
  readonly records = new Map<string, Uint8Array>();
  readonly asked = { has: 0, get: 0, put: 0, flush: 0 };

  has(hash: Uint8Array): boolean {
    this.asked.has++;
    return this.records.has(keyOf(hash));
  }

  get(hash: Uint8Array): Uint8Array | undefined {
    this.asked.get++;
    return this.records.get(keyOf(hash));
  }

  put(batch: Iterable<{ hash: Uint8Array; record: Uint8Array }>): void {
    for (const { hash, record } of batch) {
      this.asked.put++;
      if (!this.records.has(keyOf(hash))) this.records.set(keyOf(hash), record);
    }
  }

  flush(): void {
    this.asked.flush++;
  }

  *hashes(from?: Uint8Array): Generator<Uint8Array, void, undefined> {
    const first = from === undefined ? '' : keyOf(from);
    for (const key of [...this.records.keys()].sort()) if (key >= first) yield Buffer.from(key, 'hex');
  }
}
