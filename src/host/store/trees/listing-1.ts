/**
 * Listings of version 1, which are read but no longer written:
 *
 *     "bd0 tree 1\n"
 *     an entry each, by ascending bytes of the names:
 *       f ‖ id, 64 digits ‖ space ‖ name ‖ 00                a file
 *       x ‖ id, 64 digits ‖ space ‖ name ‖ 00                a file that its owner may execute
 *       t ‖ id, 64 digits ‖ space ‖ name ‖ 00                a directory; the identity is that of its listing
 *       l ‖ space ‖ name ‖ 00 ‖ target ‖ 00                  a symbolic link
 *
 * Names and targets are UTF-8.
 */

import { byteText, decoded, type ByteText } from '../../byte-text.js';
import { checkOrder, refuse } from './listing-check.js';
import { LINK_MODE, type Listing, type TreeEntry } from './tree-entry.js';

const ENTRY = /^(?:([fxt])([0-9a-f]{64})|l) ([^/]+)$/s;
const FILE_MODE = 0o666;
const EXECUTABLE_MODE = 0o777;

/** The entries that follow the first line. Throws HostError for what version 1 does not allow. */
export function readListing1(bytes: Uint8Array): Listing {
  const entries: TreeEntry[] = [];
  if (bytes.length > 0 && bytes.at(-1) !== 0) refuse('its end is missing');
  if (decoded(byteText(bytes)) === undefined) refuse('it is not UTF-8');
  const parts = bytes.length === 0 ? [] : (byteText(bytes.subarray(0, -1)).split('\0') as ByteText[]);
  for (let at = 0; at < parts.length; at++) {
    const [, letter, id, found] = ENTRY.exec(parts[at]!) ?? refuse(`entry ${entries.length} is malformed`);
    const name = found as ByteText;
    if (letter === undefined) {
      const target = parts[++at] ?? refuse('a target is missing');
      entries.push({ type: 'link', name, attributes: { mode: LINK_MODE }, target });
    } else if (letter === 't') entries.push({ type: 'tree', name, id: id! });
    else {
      const mode = letter === 'x' ? EXECUTABLE_MODE : FILE_MODE;
      entries.push({ type: 'file', name, attributes: { mode }, id: id! });
    }
  }
  checkOrder(entries);
  return { version: 1, attributes: undefined, entries, hardLinks: [] };
}
