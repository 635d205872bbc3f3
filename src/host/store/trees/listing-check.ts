/** The rules of a listing, checked when one is written and when one is read, so that whatever is written can be read. */

import { shown, type ByteText } from '../../byte-text.js';
import { HostError } from '../../failure.js';
import { comparePaths, LINK_MODE, MODE_BITS, type Attributes, type Listing, type TreeEntry } from './tree-entry.js';

/** Fields of a length: two bytes. */
export const NAME_BYTES_MAX = 0xffff;

const U32_MAX = 0xffffffff;
const NANOSECONDS = 1_000_000_000n;
const SECONDS_MAX = 2n ** 63n;
const ID = /^[0-9a-f]{64}$/;

/** Throws HostError for a listing of version 2 that breaks a rule. */
export function checkListing(listing: Listing): void {
  const { attributes, entries, hardLinks } = listing;
  if (attributes === undefined) refuse('the attributes of the directory are missing');
  checkAttributes(attributes!, 'the directory', attributes!);
  checkOrder(entries);
  for (const entry of entries) checkEntry(entry, attributes!);
  checkHardLinks(hardLinks, new Map(entries.map((entry) => [entry.name, entry])));
}

/** Throws HostError for names that no directory has, or that are not in their order. */
export function checkOrder(entries: readonly TreeEntry[]): void {
  let before: ByteText | undefined;
  for (const { name } of entries) {
    checkName(name);
    if (before !== undefined && before >= name) refuse(`'${shown(name)}' is out of its order`);
    before = name;
  }
}

/** Throws HostError. */
export function refuse(why: string): never {
  throw new HostError(`not the listing of a directory: ${why}`, 'invalid');
}

function checkName(name: ByteText): void {
  checkBytes(name, 'a name');
  if (name === '.' || name === '..' || name.includes('/')) refuse(`'${shown(name)}' is not the name of a file`);
}

/** Bytes that end with a NUL on the host. */
function checkBytes(bytes: ByteText, what: string): void {
  if (bytes.length < 1 || bytes.length > NAME_BYTES_MAX) refuse(`${what} has ${bytes.length} bytes`);
  if (/[\0\u0100-\uffff]/.test(bytes)) refuse(`${what} has a byte that no name can have: '${shown(bytes)}'`);
}

function checkEntry(entry: TreeEntry, like: Attributes): void {
  const what = `'${shown(entry.name)}'`;
  if (entry.type !== 'tree') checkAttributes(entry.attributes, what, like);
  if ((entry.type === 'file' || entry.type === 'tree') && !ID.test(entry.id)) refuse(`${what} has no identity`);
  if (entry.type === 'link') {
    checkBytes(entry.target, `the target of ${what}`);
    if (entry.attributes.mode !== LINK_MODE) refuse(`${what} is a link with a mode of its own`);
  }
  if ('major' in entry) for (const number of [entry.major, entry.minor]) checkNumber(number, U32_MAX, what);
}

function checkAttributes({ mode, mtimeNs, owner, xattrs }: Attributes, what: string, like: Attributes): void {
  checkNumber(mode, MODE_BITS, what);
  const isAlike = [mtimeNs, owner, xattrs].every(
    (part, i) => (part === undefined) === ([like.mtimeNs, like.owner, like.xattrs][i] === undefined),
  );
  if (!isAlike) refuse(`${what} has other kinds of attributes than its directory`);
  if (mtimeNs !== undefined && (mtimeNs < -SECONDS_MAX * NANOSECONDS || mtimeNs >= SECONDS_MAX * NANOSECONDS))
    refuse(`${what} has a time out of range: ${mtimeNs} ns`);
  if (owner) for (const number of [owner.uid, owner.gid]) checkNumber(number, U32_MAX, what);
  if (xattrs === undefined) return;
  if (xattrs.length > NAME_BYTES_MAX) refuse(`${what} has ${xattrs.length} extended attributes`);
  let before: ByteText | undefined;
  for (const { name, value } of xattrs) {
    checkBytes(name, `an extended attribute of ${what}`);
    if (before !== undefined && before >= name) refuse(`extended attributes of ${what} are out of their order`);
    if (value.length > U32_MAX || /[\u0100-\uffff]/.test(value))
      refuse(`an extended attribute of ${what} is not bytes`);
    before = name;
  }
}

function checkNumber(value: number, most: number, what: string): void {
  if (!Number.isInteger(value) || value < 0 || value > most) refuse(`${what} has a number out of range: ${value}`);
}

/** Of each entry one path at most is in a group; each group, and all groups by their first paths, are in order. */
function checkHardLinks(groups: Listing['hardLinks'], entries: ReadonlyMap<string, TreeEntry>): void {
  const seen = new Set<ByteText>();
  let before: ByteText | undefined;
  for (const group of groups) {
    if (group.length < 2) refuse('a file is linked with no other');
    if (before !== undefined && comparePaths(before, group[0]!) >= 0) refuse('hard links are out of their order');
    before = group[0];
    let above: string | undefined;
    for (const path of group) {
      const [first, ...below] = path.split('/') as ByteText[];
      [first!, ...below].forEach(checkName);
      if (above !== undefined && above >= first!) refuse('hard links are out of their order');
      above = first;
      if (seen.has(path)) refuse(`'${shown(path)}' is linked twice`);
      seen.add(path);
      const entry = entries.get(first!);
      if (!entry || (entry.type === 'tree') !== below.length > 0) refuse(`there is no '${shown(path)}' to be linked`);
    }
    checkAlike(group, entries);
  }
}

/** Entries of one directory that are one file say the same of it. Those of other directories are compared where they are read. */
function checkAlike(group: readonly ByteText[], entries: ReadonlyMap<string, TreeEntry>): void {
  const [first, ...others] = group.flatMap((path) => entries.get(path) ?? []);
  for (const other of others)
    if (!isOneFile(first!, other))
      refuse(`'${shown(first!.name)}' and '${shown(other.name)}' cannot be one file: they differ`);
}

/** Whether two entries say the same, but for their names. */
export function isOneFile(a: TreeEntry, b: TreeEntry): boolean {
  const textOf = (entry: TreeEntry): string =>
    JSON.stringify({ ...entry, name: '' }, (_, value: unknown) => (typeof value === 'bigint' ? `${value}` : value));
  return a.type !== 'tree' && textOf(a) === textOf(b);
}
