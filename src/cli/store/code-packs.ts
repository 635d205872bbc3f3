import type { CodeStore } from '../../index.js';
import { DamagedRecordError } from '../../vmo/record-store.js';
import { CONTENT_BYTES_MAX, Kind } from './pack-format.js';
import type { PackSet } from './pack-set.js';

/**
 * Translated code in packs. What is damaged is not there: whoever asked translates anew and puts it again; the record checks
 * itself besides (code-record.ts). Nothing is flushed before the store is closed: code that a crash takes along can be made again.
 */
export class PackedCode implements CodeStore {
  constructor(private readonly packs: PackSet) {}

  get(key: Uint8Array): Uint8Array | undefined {
    try {
      return this.packs.get(key)?.content;
    } catch (error) {
      if (error instanceof DamagedRecordError) return undefined;
      throw error;
    }
  }

  put(key: Uint8Array, bytes: Uint8Array): void {
    if (bytes.length <= CONTENT_BYTES_MAX) this.packs.put(Kind.code, key, bytes);
  }
}
