/**
 * The canonical stream of a VMO: the records that were hashed (design/vmo.md "Identity"), the root first, then in
 * pre-order, without zero subtrees and without records sent before. It contains nothing else: each record determines
 * what comes next. `CanonicalStreamReader` reads it.
 */

import { CanonicalHasher, type HashFunction, type PageFormat, STANDARD_FORMAT } from '../content/canonical-form.js';
import type { VmoHandle } from '../handle.js';
import { RecordReader } from './record-reader.js';
import type { RecordStore } from './record-store.js';
import { placeOf, recordsInPreOrder, StoredPlace } from './record-walk.js';

/** The canonical stream of a VMO, a record at a time. Hashes what was not hashed yet. */
export function* exportVmo(handle: VmoHandle): Generator<Uint8Array, void, undefined> {
  const vmo = handle.content;
  const { hasher, table } = vmo.shared;
  vmo.publish();
  const { tree, lengthBytes } = vmo.canonical();
  yield hasher.recordOfRoot(lengthBytes, table.hashOf(tree));
  yield* recordsInPreOrder(placeOf(table, hasher, tree));
}

/**
 * The canonical stream of an identity whose records are in a store, a record at a time; undefined if the store has no
 * such root. Every record is verified. Throws DamagedRecordError and MissingRecordError. Keeps every hash that it has
 * seen.
 */
export function exportRecords(
  records: Pick<RecordStore, 'get'>,
  id: string,
  hash: HashFunction,
  format: PageFormat = STANDARD_FORMAT,
): Generator<Uint8Array, void, undefined> | undefined {
  const reader = new RecordReader(records, new CanonicalHasher(hash, format));
  const root = reader.root(id);
  return root && recordsOf(reader, root.record, root.fields.top, root.fields.lengthBytes);
}

function* recordsOf(
  reader: RecordReader,
  root: Uint8Array,
  top: Uint8Array,
  lengthBytes: number,
): Generator<Uint8Array, void, undefined> {
  yield root;
  const height = reader.hasher.format.heightOf(lengthBytes);
  yield* recordsInPreOrder(new StoredPlace(reader, top, height, lengthBytes));
}
