/** A directory as it is kept: its entries, with what the host says of each. */

import type { Reference } from '../../../vmo/records/record-store.js';
import type { ByteText } from '../../byte-text.js';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** An extended attribute: `user.comment`, `security.capability`. */
export interface ExtendedAttribute {
  readonly name: ByteText;
  readonly value: ByteText;
}

/** Metadata of a file. Parts that were not requested are undefined, throughout a listing. */
export interface Attributes {
  /** The lower twelve bits: permissions, and setuid, setgid and sticky. */
  readonly mode: number;
  /** When the content last changed: nanoseconds since 1970-01-01 UTC. */
  readonly mtimeNs?: bigint | undefined;
  readonly owner?: Owner | undefined;
  /** By ascending bytes of their names. */
  readonly xattrs?: readonly ExtendedAttribute[] | undefined;
}

interface Named {
  readonly name: ByteText;
}

interface Described extends Named {
  readonly attributes: Attributes;
}

export interface FileEntry extends Described {
  readonly type: 'file';
  /** Of its content. */
  readonly id: string;
}

/** A directory. Its attributes stand in its own listing. */
export interface DirectoryEntry extends Named {
  readonly type: 'tree';
  /** Of its listing. */
  readonly id: string;
}

export interface LinkEntry extends Described {
  readonly type: 'link';
  readonly target: ByteText;
}

export interface FifoEntry extends Described {
  readonly type: 'fifo';
}

export interface DeviceEntry extends Described {
  readonly type: 'character device' | 'block device';
  readonly major: number;
  readonly minor: number;
}

/** An entry of a directory. */
export type TreeEntry = FileEntry | DirectoryEntry | LinkEntry | FifoEntry | DeviceEntry;

/** A directory. */
export interface Listing {
  /** 1: modes say only whether the owner may execute a file, and all else is unknown. */
  readonly version: 1 | 2;
  /** Of the directory itself; undefined in version 1. */
  readonly attributes: Attributes | undefined;
  /** By ascending bytes of their names. */
  readonly entries: readonly TreeEntry[];
  /**
   * Paths below the directory that are one file (hard links), at least two each: of each entry of the directory that is or
   * holds such a path, the first one. Paths that lie in one entry are joined in the listing of that entry.
   */
  readonly hardLinks: readonly (readonly ByteText[])[];
}

/** Permissions, setuid, setgid, sticky. */
export const MODE_BITS = 0o7777;

/** POSIX leaves the mode of a symbolic link open; Linux has this one for all. */
export const LINK_MODE = 0o777;

export const OWNER_EXECUTES = 0o100;

/** The VMOs that a listing refers to, in its order. */
export function referencesOf({ entries }: Listing): Reference[] {
  return entries.flatMap((entry) =>
    entry.type === 'file' || entry.type === 'tree' ? [{ id: entry.id, kind: entry.type }] : [],
  );
}

/** The order of paths: by their names, each by its bytes. */
export function comparePaths(a: ByteText, b: ByteText): number {
  const [left, right] = [a.split('/'), b.split('/')];
  const common = Math.min(left.length, right.length);
  for (let i = 0; i < common; i++) if (left[i] !== right[i]) return left[i]! < right[i]! ? -1 : 1;
  return left.length - right.length;
}
