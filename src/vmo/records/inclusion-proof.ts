/**
 * Inclusion proofs: they show that a page is part of a VMO to a verifier who only knows the VMO's identity.
 *
 * A proof consists of the sibling hashes on the path from the leaf up to the top node, zero subtrees included: exactly
 * heightOf(length) of them, at most 36.
 */

import { bytesToHex } from '../../bits.js';
import {
  CanonicalHasher,
  HASH_BYTES,
  type HashFunction,
  type PageFormat,
  STANDARD_FORMAT,
} from '../content/canonical-form.js';
import { requirePage } from '../errors.js';
import type { VmoHandle } from '../handle.js';
import { placeOf } from './record-walk.js';

/**
 * The proof for a page of a VMO. Hashes what was not hashed yet. Throws VmoRangeError if the VMO has no such page, and
 * the errors of a RecordStore if a part of the VMO must be read from one.
 */
export function prove(handle: VmoHandle, pageIndex: number): Uint8Array[] {
  const vmo = handle.content;
  const { hasher, table } = vmo.shared;
  requirePage(pageIndex, table.format.pagesOf(vmo.lengthBytes));
  vmo.publish();
  const siblings: Uint8Array[] = [];
  let place = placeOf(table, hasher, vmo.canonical().tree);
  let index = pageIndex;
  while (place.level > 0 && !place.isZero) {
    const [left, right] = place.parts(place.record());
    const half = 2 ** left.level;
    const isRight = index >= half;
    siblings.push((isRight ? left : right).hash.slice());
    place = isRight ? right : left;
    if (isRight) index -= half;
  }
  // Below a subtree of zeros there are no records, and all siblings are zero subtrees as well.
  for (let level = place.level - 1; level >= 0; level--) siblings.push(hasher.zero(level).slice());
  return siblings.reverse();
}

/**
 * Whether `proof` shows that `page` (the bytes of the page, either without those beyond the VMO's length or with zeros
 * for them) is page `pageIndex` of the VMO with this id and length in bytes. False for anything that is not a proof of
 * that; never throws.
 */
export function verifyProof(
  id: string,
  lengthBytes: number,
  pageIndex: number,
  page: Uint8Array,
  proof: readonly Uint8Array[],
  hash: HashFunction,
  format: PageFormat = STANDARD_FORMAT,
): boolean {
  const { pageSize } = format;
  const isLength = Number.isInteger(lengthBytes) && lengthBytes >= 0 && lengthBytes <= format.lengthMax;
  const isPage = Number.isInteger(pageIndex) && pageIndex >= 0 && pageIndex < format.pagesOf(lengthBytes);
  if (!isLength || !isPage || proof.length !== format.heightOf(lengthBytes)) return false;
  if (page.length > pageSize || proof.some((sibling) => sibling.length !== HASH_BYTES)) return false;
  if (page.subarray(lengthBytes - pageIndex * pageSize).some((byte) => byte !== 0)) return false;
  const hasher = new CanonicalHasher(hash, format);
  let node = hasher.leaf(page);
  let index = pageIndex;
  proof.forEach((sibling, level) => {
    node = index % 2 === 0 ? hasher.node(level + 1, node, sibling) : hasher.node(level + 1, sibling, node);
    index = Math.floor(index / 2);
  });
  return bytesToHex(hasher.root(lengthBytes, node)) === id;
}
