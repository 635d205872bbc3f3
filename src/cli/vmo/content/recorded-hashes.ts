import { bytesToHex } from '@noble/hashes/utils.js';
import { PAGE_SIZE, type HashFunction, type RecordSource } from '../../../index.js';
import { sha256 } from '../../../host/sha256.js';

/**
 * The tree of what is hashed with `hash`, without its pages: every record that is hashed comes through there. About 200
 * bytes for each distinct page of a file.
 */
export class RecordedHashes implements RecordSource {
  private readonly records = new Map<string, Uint8Array>();

  readonly hash: HashFunction = (record) => {
    const hash = sha256(record);
    if (record.length < PAGE_SIZE) this.records.set(bytesToHex(hash), record.slice());
    return hash;
  };

  get(hash: Uint8Array): Uint8Array | undefined {
    return this.records.get(bytesToHex(hash));
  }
}
