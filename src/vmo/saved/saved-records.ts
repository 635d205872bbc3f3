import { bytesToHex } from '../../bits.js';
import type { ValueReader } from '../../state/saved-values.js';
import { type CanonicalHasher, HASH_BYTES } from '../content/canonical-form.js';
import type { RecordStore } from '../records/record-store.js';
import type { SavedSource } from '../records/remote-trees.js';
import { RECORD } from './saved-kinds.js';

/** Returns a page that was saved, 4096 bytes. Throws SavedSnapshotError for a number that no page has. */
export type SavedPage = (number: number) => Uint8Array;

type SavedRecord =
  | { readonly page: number; readonly used: number }
  | { readonly level: number; readonly left: Uint8Array; readonly right: Uint8Array };

/** The records of remote subtrees in a saved snapshot, whose pages are read from there as they are touched. */
export class SavedRecords implements SavedSource {
  others: Pick<RecordStore, 'get'> | undefined;
  private readonly records = new Map<string, SavedRecord>();

  constructor(
    private readonly hasher: CanonicalHasher,
    private readonly page: SavedPage,
  ) {}

  /** Reads a record that a ContentSaver wrote. Records are verified when they are used. */
  read(source: ValueReader): void {
    const kind = source.byte();
    if (kind === RECORD.leaf) return this.add({ page: source.count(), used: source.count() });
    if (kind !== RECORD.node) throw source.malformed();
    const level = source.count();
    this.add({ level, left: source.raw(HASH_BYTES).slice(), right: source.raw(HASH_BYTES).slice() });
  }

  get(hash: Uint8Array): Uint8Array | undefined {
    const record = this.records.get(bytesToHex(hash));
    return record ? this.recordOf(record) : this.others?.get(hash);
  }

  private add(record: SavedRecord): void {
    this.records.set(bytesToHex(this.hasher.ofRecord(this.recordOf(record))), record);
  }

  private recordOf(record: SavedRecord): Uint8Array {
    if ('page' in record) return this.hasher.recordOfLeaf(this.page(record.page).subarray(0, record.used));
    return this.hasher.recordOfNode(record.level, record.left, record.right);
  }
}
