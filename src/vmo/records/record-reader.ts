import { hexToBytes } from '@noble/hashes/utils.js';
import { bytesToHex } from '../../bits.js';
import { type CanonicalHasher, equalHashes } from '../content/canonical-form.js';
import { MissingRecordError } from '../errors.js';
import { type NodeFields, readLeaf, readNode, readRoot, type Refuse, type RootFields } from './record-check.js';
import { DamagedRecordError, type RecordStore } from './record-store.js';

/**
 * Reads canonical records from a RecordStore, which is not trusted: the hash of each record and its form are verified.
 * Throws DamagedRecordError for an invalid record, MissingRecordError for a missing one.
 */
export class RecordReader {
  /** Records read so far. */
  recordsRead = 0;

  constructor(
    readonly records: Pick<RecordStore, 'get'>,
    readonly hasher: CanonicalHasher,
  ) {}

  /** The root of an identity, 64 hexadecimal digits; undefined if the store has none. */
  root(id: string): { record: Uint8Array; fields: RootFields } | undefined {
    if (!/^[0-9a-f]{64}$/.test(id)) return undefined;
    const hash = hexToBytes(id);
    const record = this.records.get(hash);
    if (record === undefined) return undefined;
    this.check(hash, record, 'root');
    return { record, fields: readRoot(this.hasher, record, refusal(hash)) };
  }

  /** The record of a subtree whose bytes from `usedMax` on are zeros. */
  subtree(hash: Uint8Array, level: number, usedMax: number): Uint8Array {
    const what = level === 0 ? 'leaf' : `node of level ${level}`;
    const record = this.records.get(hash);
    if (record === undefined) throw new MissingRecordError(`the ${what} ${bytesToHex(hash)} is missing`);
    this.check(hash, record, what);
    if (level === 0) readLeaf(this.hasher.format, record, usedMax, refusal(hash));
    else this.node(hash, record, level, usedMax);
    return record;
  }

  /** The fields of a node's record. */
  node(hash: Uint8Array, record: Uint8Array, level: number, usedMax: number): NodeFields {
    return readNode(this.hasher, record, level, usedMax, refusal(hash));
  }

  private check(hash: Uint8Array, record: Uint8Array, what: string): void {
    this.recordsRead++;
    const actual = this.hasher.ofRecord(record);
    if (!equalHashes(actual, hash))
      throw new DamagedRecordError(bytesToHex(hash), `the hash of this ${what} is ${bytesToHex(actual)}`);
  }
}

function refusal(hash: Uint8Array): Refuse {
  return (fault, at, message) => {
    throw new DamagedRecordError(bytesToHex(hash), `byte ${at}: ${fault}: ${message}`);
  };
}
