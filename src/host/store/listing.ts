/**
 * A directory as content, so that a tree has one identity: a listing of what is in it, as bytes. Integers are little-endian.
 *
 *     listing    = "bd0 tree 2\n" ‖ kept:u8 ‖ attributes of the directory ‖ n:u32 ‖ n entries ‖ g:u32 ‖ g groups
 *     kept       = 1 times | 2 owners | 4 extended attributes
 *     attributes = mode:u16 ‖ if kept & 1: seconds:i64 ‖ nanoseconds:u32 ‖ if kept & 2: uid:u32 ‖ gid:u32
 *                  ‖ if kept & 4: n:u16 ‖ n times: name ‖ length:u32 ‖ value
 *     name       = length:u16 ‖ bytes
 *     entry      = 'f' ‖ name ‖ attributes ‖ identity[32]                     a file
 *                | 't' ‖ name ‖ identity[32]                                  a directory: the identity of its listing
 *                | 'l' ‖ name ‖ attributes ‖ target, as a name                a symbolic link
 *                | 'p' ‖ name ‖ attributes                                    a fifo
 *                | 'c' or 'b' ‖ name ‖ attributes ‖ major:u32 ‖ minor:u32     a device
 *     group      = n:u32 ‖ n times: length:u32 ‖ path                         hard links
 *
 * trees/listing-check.ts has the rules beyond that. One directory has one listing: there is no second way to write it down.
 */

import { bytesToHex } from '../../bits.js';
import { byteText, bytesOfText, type ByteText } from '../byte-text.js';
import { HostError } from '../failure.js';
import { readListing1 } from './trees/listing-1.js';
import { checkListing, refuse } from './trees/listing-check.js';
import type { Attributes, Listing, TreeEntry } from './trees/tree-entry.js';

export { referencesOf, type Attributes, type Listing, type TreeEntry } from './trees/tree-entry.js';

/** What listings begin with, by version. */
const STARTS = { 1: Buffer.from('bd0 tree 1\n'), 2: Buffer.from('bd0 tree 2\n') } as const;

/** Bytes that tell a listing, and its version. */
export const LISTING_START_BYTES = STARTS[2].length;

export function isListing(bytes: Uint8Array): boolean {
  return Object.values(STARTS).some((start) => start.equals(bytes.subarray(0, LISTING_START_BYTES)));
}

/** The longest listing: some millions of entries. */
export const LISTING_BYTES_MAX = 2 ** 28;

const KEPT = { times: 1, owners: 2, xattrs: 4 } as const;
const LETTERS = { file: 'f', tree: 't', link: 'l', fifo: 'p', 'character device': 'c', 'block device': 'b' } as const;
const TYPES = new Map(Object.entries(LETTERS).map(([type, letter]) => [letter.charCodeAt(0), type as TreeEntry['type']])); // prettier-ignore
const NANOSECONDS = 1_000_000_000n;

/** The listing of a directory, of version 2; entries may come in any order. Throws HostError for what cannot be read back. */
export function encodeListing(listing: Omit<Listing, 'version'>): Uint8Array {
  const entries = [...listing.entries].sort((a, b) => (a.name < b.name ? -1 : 1));
  checkListing({ ...listing, version: 2, entries });
  const attributes = listing.attributes!;
  const kept =
    (attributes.mtimeNs === undefined ? 0 : KEPT.times) |
    (attributes.owner === undefined ? 0 : KEPT.owners) |
    (attributes.xattrs === undefined ? 0 : KEPT.xattrs);
  const bytes = Buffer.concat([
    ...[STARTS[2], Buffer.of(kept), ...partsOfAttributes(attributes), u32(entries.length)],
    ...entries.flatMap(partsOfEntry),
    u32(listing.hardLinks.length),
    ...listing.hardLinks.flatMap((group) => [u32(group.length), ...group.flatMap((path) => [u32(path.length), bytesOfText(path)])]), // prettier-ignore
  ]);
  if (bytes.length > LISTING_BYTES_MAX)
    throw new HostError(`a directory of ${entries.length} entries is too large for a listing`, 'invalid');
  return bytes;
}

function partsOfEntry(entry: TreeEntry): Buffer[] {
  const head = [Buffer.from(LETTERS[entry.type]), ...partsOfName(entry.name)];
  switch (entry.type) {
    case 'tree':
      return [...head, Buffer.from(entry.id, 'hex')];
    case 'file':
      return [...head, ...partsOfAttributes(entry.attributes), Buffer.from(entry.id, 'hex')];
    case 'link':
      return [...head, ...partsOfAttributes(entry.attributes), ...partsOfName(entry.target)];
    case 'fifo':
      return [...head, ...partsOfAttributes(entry.attributes)];
    default:
      return [...head, ...partsOfAttributes(entry.attributes), u32(entry.major), u32(entry.minor)];
  }
}

function partsOfAttributes({ mode, mtimeNs, owner, xattrs }: Attributes): Buffer[] {
  const parts = [u16(mode)];
  if (mtimeNs !== undefined) {
    const time = Buffer.alloc(12);
    const nanoseconds = ((mtimeNs % NANOSECONDS) + NANOSECONDS) % NANOSECONDS;
    time.writeBigInt64LE((mtimeNs - nanoseconds) / NANOSECONDS);
    time.writeUInt32LE(Number(nanoseconds), 8);
    parts.push(time);
  }
  if (owner) parts.push(u32(owner.uid), u32(owner.gid));
  if (xattrs) parts.push(u16(xattrs.length));
  for (const { name, value } of xattrs ?? []) parts.push(...partsOfName(name), u32(value.length), bytesOfText(value));
  return parts;
}

function partsOfName(name: ByteText): Buffer[] {
  return [u16(name.length), bytesOfText(name)];
}

function u16(value: number): Buffer {
  return Buffer.of(value & 0xff, value >> 8);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** What a listing of any version says. Throws HostError for bytes that are not one. */
export function readListing(bytes: Uint8Array): Listing {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, LISTING_START_BYTES));
  if (bytes.length > LISTING_BYTES_MAX) refuse(`it has ${bytes.length} bytes`);
  if (start.equals(STARTS[1])) return readListing1(bytes.subarray(LISTING_START_BYTES));
  if (!start.equals(STARTS[2])) refuse('it begins otherwise');
  const cursor = new Cursor(bytes, LISTING_START_BYTES);
  const kept = cursor.u8();
  if (kept > (KEPT.times | KEPT.owners | KEPT.xattrs)) refuse(`it keeps something unknown: ${kept}`);
  const attributes = readAttributes(cursor, kept);
  const entries = cursor.list(cursor.u32(), () => readEntry(cursor, kept));
  const hardLinks = cursor.list(cursor.u32(), () => cursor.list(cursor.u32(), () => cursor.bytes(cursor.u32())));
  cursor.requireEnd();
  const listing: Listing = { version: 2, attributes, entries, hardLinks };
  checkListing(listing);
  return listing;
}

function readEntry(cursor: Cursor, kept: number): TreeEntry {
  const letter = cursor.u8();
  const type = TYPES.get(letter) ?? refuse(`an entry is of an unknown kind, ${letter}`);
  const name = cursor.bytes(cursor.u16());
  if (type === 'tree') return { type, name, id: cursor.identity() };
  const attributes = readAttributes(cursor, kept);
  if (type === 'file') return { type, name, attributes, id: cursor.identity() };
  if (type === 'link') return { type, name, attributes, target: cursor.bytes(cursor.u16()) };
  if (type === 'fifo') return { type, name, attributes };
  return { type, name, attributes, major: cursor.u32(), minor: cursor.u32() };
}

function readAttributes(cursor: Cursor, kept: number): Attributes {
  return {
    mode: cursor.u16(),
    ...(kept & KEPT.times && { mtimeNs: readTime(cursor) }),
    ...(kept & KEPT.owners && { owner: { uid: cursor.u32(), gid: cursor.u32() } }),
    ...(kept & KEPT.xattrs && { xattrs: cursor.list(cursor.u16(), () => readXattr(cursor)) }),
  };
}

function readTime(cursor: Cursor): bigint {
  const seconds = cursor.i64();
  const nanoseconds = BigInt(cursor.u32());
  if (nanoseconds >= NANOSECONDS) refuse(`a time has ${nanoseconds} nanoseconds`);
  return seconds * NANOSECONDS + nanoseconds;
}

function readXattr(cursor: Cursor): { name: ByteText; value: ByteText } {
  return { name: cursor.bytes(cursor.u16()), value: cursor.bytes(cursor.u32()) };
}

/** Reads fields, one after another. Each method throws Failure where bytes are missing. */
class Cursor {
  private readonly data: Buffer;

  constructor(
    bytes: Uint8Array,
    private at: number,
  ) {
    this.data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  u8 = (): number => this.data.readUInt8(this.skip(1));
  u16 = (): number => this.data.readUInt16LE(this.skip(2));
  u32 = (): number => this.data.readUInt32LE(this.skip(4));
  i64 = (): bigint => this.data.readBigInt64LE(this.skip(8));

  bytes(length: number): ByteText {
    const from = this.skip(length);
    return byteText(this.data.subarray(from, this.at));
  }

  identity(): string {
    const from = this.skip(32);
    return bytesToHex(this.data.subarray(from, this.at));
  }

  /** An element has a byte at least: a count that lies makes no long list. */
  list<T>(count: number, read: () => T): T[] {
    if (count > this.data.length - this.at) refuse('its end is missing');
    const list: T[] = [];
    for (let i = 0; i < count; i++) list.push(read());
    return list;
  }

  requireEnd(): void {
    if (this.at !== this.data.length) refuse(`${this.data.length - this.at} bytes follow its end`);
  }

  private skip(length: number): number {
    const from = this.at;
    if (length > this.data.length - from) refuse('its end is missing');
    this.at += length;
    return from;
  }
}
