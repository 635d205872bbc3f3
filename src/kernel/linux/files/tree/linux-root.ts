import type { VmoHandle } from '../../../../vmo/handle.js';
import type { VmoStore } from '../../../../vmo/store.js';
import { LinuxErrno } from '../../errno.js';

/** What the host tells of a file of the root, without following a symbolic link. */
export interface RootStatus {
  /** Type and permissions. */
  readonly mode: number;
  readonly owner: number;
  readonly group: number;
  readonly links: number;
  /** In bytes. */
  readonly size: number;
  /** Of 512 bytes. */
  readonly blocks: number;
  /** Nanoseconds since 1970. */
  readonly modified: bigint;
  /** What a symbolic link says; '' for other files. */
  readonly target: string;
  /** Tells this content of a file from others that the host has at the path at another time. */
  readonly stamp: string;
  /** Files of another place of the host begin here or at a name below: programs cannot move or remove it. */
  readonly mount?: 'here' | 'below';
}

/** A name in a directory of the root. */
export interface RootEntry {
  readonly name: string;
  /** The type bits of its mode. */
  readonly type: number;
}

/**
 * The files that a machine finds when it starts, which it never changes: those of a directory of the host. Paths are absolute,
 * `/` being that directory; they have neither `.` nor `..`, and no symbolic link before their last name. What is not there, and
 * what the machine shall not see, is ENOENT.
 */
export interface LinuxRoot {
  status(path: string): RootStatus | LinuxErrno;
  /** The names in a directory in the order of their bytes, without `.` and `..`. */
  list(path: string): readonly RootEntry[] | LinuxErrno;
  /**
   * Bytes of a file, as a new handle, which the caller closes. EIO where its content is not the one that the stamp of its
   * status is of any more.
   */
  read(path: string, stamp: string, offset: number, length: number): VmoHandle | LinuxErrno;
  /** Programs have asked that what they have written be kept, as by fsync(2): for roots that bring it to the host. */
  keep?(): void;
}

/** What makes the root of a machine over its store. */
export type MakeLinuxRoot = (store: VmoStore) => LinuxRoot;

/** A root without files. */
export const EMPTY_ROOT: LinuxRoot = {
  status: () => LinuxErrno.ENOENT,
  list: () => [],
  read: () => LinuxErrno.ENOENT,
};
