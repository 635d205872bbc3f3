/**
 * A directory as content, so that a tree has one identity: a listing of what is in it, as bytes.
 *
 *     "bd0 tree 1\n"
 *     an entry each, by ascending bytes of the names:
 *       f ‖ id, 64 digits ‖ space ‖ name ‖ 00                a file
 *       x ‖ id, 64 digits ‖ space ‖ name ‖ 00                a file that its owner may execute
 *       t ‖ id, 64 digits ‖ space ‖ name ‖ 00                a directory; the identity is that of its listing
 *       l ‖ space ‖ name ‖ 00 ‖ target ‖ 00                  a symbolic link
 *
 * Names and targets are UTF-8. Times, owners and all other bits of the mode are left out: equal trees have equal listings.
 */

import { HostError } from '../failure.js';

/** What is in a directory. */
export type TreeEntry =
  | { readonly type: 'file'; readonly name: string; readonly id: string; readonly executable: boolean }
  | { readonly type: 'tree'; readonly name: string; readonly id: string }
  | { readonly type: 'link'; readonly name: string; readonly target: string };

/** What a listing begins with. */
export const LISTING_START = Buffer.from('bd0 tree 1\n');

/** The longest listing: some millions of entries. What is longer is a file. */
export const LISTING_BYTES_MAX = 2 ** 28;

const ENTRY = /^(?:([fxt])([0-9a-f]{64})|l) ([^/]+)$/s;

export function isListing(bytes: Uint8Array): boolean {
  return bytes.length >= LISTING_START.length && LISTING_START.every((byte, i) => bytes[i] === byte);
}

/** The listing of entries, which may come in any order. Throws HostError for too many. */
export function encodeListing(entries: readonly TreeEntry[]): Uint8Array {
  const named = entries.map((entry) => ({ entry, name: Buffer.from(entry.name) }));
  named.sort((a, b) => Buffer.compare(a.name, b.name));
  const bytes = Buffer.concat([LISTING_START, ...named.map(({ entry }) => Buffer.from(`${textOf(entry)}\0`))]);
  if (bytes.length > LISTING_BYTES_MAX)
    throw new HostError(`a directory of ${entries.length} entries is too large for a listing`, 'invalid');
  return bytes;
}

function textOf(entry: TreeEntry): string {
  if (entry.type === 'link') return `l ${entry.name}\0${entry.target}`;
  const letter = entry.type === 'tree' ? 't' : entry.executable ? 'x' : 'f';
  return `${letter}${entry.id} ${entry.name}`;
}

/** The entries of a listing. Throws HostError for bytes that `encodeListing` does not make. */
export function readListing(bytes: Uint8Array): TreeEntry[] {
  const refuse = (why: string): never => {
    throw new HostError(`not the listing of a directory: ${why}`, 'invalid');
  };
  if (!isListing(bytes)) refuse('it begins otherwise');
  if (bytes.length > LISTING_START.length && bytes.at(-1) !== 0) refuse('its end is missing');
  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const parts = decode(text, bytes.subarray(LISTING_START.length, -1)) ?? refuse('it is no UTF-8');
  const entries: TreeEntry[] = [];
  if (bytes.length === LISTING_START.length) return entries;
  let before: Buffer | undefined;
  for (let at = 0; at < parts.length; at++) {
    const [, letter, id, name] = ENTRY.exec(parts[at]!) ?? refuse(`entry ${entries.length} is none`);
    const bytesOfName = Buffer.from(name!);
    if (name === '.' || name === '..' || (before && Buffer.compare(before, bytesOfName) >= 0))
      refuse(`${JSON.stringify(name)} is no name, or out of its order`);
    before = bytesOfName;
    if (letter === undefined)
      entries.push({ type: 'link', name: name!, target: parts[++at] ?? refuse('a target is missing') });
    else if (letter === 't') entries.push({ type: 'tree', name: name!, id: id! });
    else entries.push({ type: 'file', name: name!, id: id!, executable: letter === 'x' });
  }
  return entries;
}

function decode(text: TextDecoder, bytes: Uint8Array): string[] | undefined {
  try {
    return text.decode(bytes).split('\0');
  } catch {
    return undefined;
  }
}
