import type { CodeStore } from '../../index.js';
import { DamagedRecordError } from '../../vmo/records/record-store.js';
import { HASH_BYTES, Kind } from './packs/pack-format.js';
import type { PackSet } from './packs/pack-set.js';
import { compareBytes } from './packs/record-table.js';

/** Longer code is not stored, since a group is read in one piece. */
const CODE_BYTES_MAX = 2 ** 24;

/**
 * Translated code in packs. Damaged code counts as missing: it is translated and put again; besides, each record checks itself
 * (code-record.ts). Nothing is flushed before the store is closed, since code that is lost in a crash can be translated again.
 */
export class PackedCode implements CodeStore {
  constructor(private readonly packs: PackSet) {}

  get(key: Uint8Array): Uint8Array | undefined {
    try {
      const kept = this.packs.get(key)?.kept;
      const isWhole = kept && compareBytes(kept.subarray(0, HASH_BYTES), key) === 0;
      return isWhole ? kept.slice(HASH_BYTES) : undefined;
    } catch (error) {
      if (error instanceof DamagedRecordError) return undefined;
      throw error;
    }
  }

  put(key: Uint8Array, bytes: Uint8Array): void {
    if (bytes.length > CODE_BYTES_MAX) return;
    const kept = new Uint8Array(HASH_BYTES + bytes.length);
    kept.set(key);
    kept.set(bytes, HASH_BYTES);
    this.packs.put(Kind.code, key, kept);
  }
}
