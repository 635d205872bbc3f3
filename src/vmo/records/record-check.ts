/** Checks of the form of canonical records: design/vmo.md "Identity". Their hashes are checked elsewhere. */

import {
  ALGORITHM_SHA256,
  type CanonicalHasher,
  HASH_BYTES,
  LEAF_TAG,
  NODE_OFFSET,
  NODE_RECORD_BYTES,
  NODE_TAG,
  type PageFormat,
  ROOT_OFFSET,
  ROOT_PREFIX,
  ROOT_RECORD_BYTES,
  VERSION,
} from '../content/canonical-form.js';

/** Kinds of faults in a record. */
export type RecordFault =
  | 'size'
  | 'hash'
  | 'tag'
  | 'level'
  | 'version'
  | 'algorithm'
  | 'page size'
  | 'reserved'
  | 'length'
  | 'beyond the length';

/** Throws, for a fault at byte `at` of the record. */
export type Refuse = (fault: RecordFault, at: number, message: string) => never;

/** The fields of a root record. */
export interface RootFields {
  readonly lengthBytes: number;
  /** The hash of the node at heightOf(lengthBytes). */
  readonly top: Uint8Array;
}

/** The fields of a node record: the hashes of the two subtrees of the level below. */
export interface NodeFields {
  readonly left: Uint8Array;
  readonly right: Uint8Array;
}

/** Size of a subtree's record in bytes. */
export function recordBytes(format: PageFormat, level: number): number {
  return level === 0 ? 1 + format.pageSize : NODE_RECORD_BYTES;
}

/** Reads a root, and rejects roots that are invalid in this format. The top of an empty VMO is the zero page. */
export function readRoot(hasher: CanonicalHasher, record: Uint8Array, refuse: Refuse): RootFields {
  const { format } = hasher;
  requireSize(record, ROOT_RECORD_BYTES, refuse);
  ROOT_PREFIX.forEach((byte, at) => {
    if (record[at] !== byte) refuse('tag', at, `a root has ${byte} there, not ${record[at]}`);
  });
  const refuseUnless = (fault: RecordFault, at: number, known: number): void => {
    if (record[at] !== known) refuse(fault, at, `${fault} ${record[at]} is not known, only ${known}`);
  };
  refuseUnless('version', ROOT_OFFSET.version, VERSION);
  refuseUnless('algorithm', ROOT_OFFSET.algorithm, ALGORITHM_SHA256);
  refuseUnless('page size', ROOT_OFFSET.pageShift, format.pageShift);
  for (let at = ROOT_OFFSET.reserved; at < ROOT_OFFSET.length; at++)
    if (record[at] !== 0) refuse('reserved', at, `reserved byte ${record[at]} is not 0`);
  const length = new DataView(record.buffer, record.byteOffset).getBigUint64(ROOT_OFFSET.length, true);
  if (length > format.lengthMax)
    refuse('length', ROOT_OFFSET.length, `length ${length} exceeds ${format.lengthMax} bytes`);
  const lengthBytes = Number(length);
  const top = record.slice(ROOT_OFFSET.top, ROOT_OFFSET.top + HASH_BYTES);
  if (lengthBytes === 0 && !hasher.isZero(0, top))
    refuse('beyond the length', ROOT_OFFSET.top, 'bytes that are not zero in a VMO of 0 bytes');
  return { lengthBytes, top };
}

/** Reads the node of a level, whose bytes from `usedMax` (1 or more) on are zeros. */
export function readNode(
  hasher: CanonicalHasher,
  record: Uint8Array,
  level: number,
  usedMax: number,
  refuse: Refuse,
): NodeFields {
  requireSize(record, NODE_RECORD_BYTES, refuse);
  if (record[0] !== NODE_TAG) refuse('tag', 0, `a node has tag ${NODE_TAG}, not ${record[0]}`);
  const k = record[NODE_OFFSET.level]!;
  if (k !== level)
    refuse('level', NODE_OFFSET.level, `a node of level ${k} stands where one of level ${level} belongs`);
  const left = record.slice(NODE_OFFSET.left, NODE_OFFSET.right);
  const right = record.slice(NODE_OFFSET.right);
  if (usedMax <= hasher.format.levelBytes[level - 1]! && !hasher.isZero(level - 1, right))
    refuse(
      'beyond the length',
      NODE_OFFSET.right,
      `bytes that are not zero lie beyond byte ${usedMax} of level ${level}`,
    );
  return { left, right };
}

/** Reads a leaf, whose bytes from `usedMax` on are zeros. Returns the page as a view of the record. */
export function readLeaf(format: PageFormat, record: Uint8Array, usedMax: number, refuse: Refuse): Uint8Array {
  requireSize(record, 1 + format.pageSize, refuse);
  if (record[0] !== LEAF_TAG) refuse('tag', 0, `a leaf has tag ${LEAF_TAG}, not ${record[0]}`);
  const page = record.subarray(1);
  for (let at = usedMax; at < page.length; at++)
    if (page[at] !== 0) refuse('beyond the length', 1 + at, `byte ${page[at]} beyond byte ${usedMax} of the last page`);
  return page;
}

function requireSize(record: Uint8Array, bytes: number, refuse: Refuse): void {
  if (record.length !== bytes) refuse('size', 0, `a record of ${record.length} bytes stands for one of ${bytes}`);
}
