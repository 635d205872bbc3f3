/** What a durable store asks of the file system: few calls, so that a test can cut, fail and count each of them. */

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';
import { HostError, isSystemError } from '../failure.js';

/** The status of a file. */
export interface FileStatus {
  /** Differs between a file and a later one of the same name. */
  readonly identity: string;
  readonly size: number;
  /** When it was last written; of a directory, when a name in it last changed. Milliseconds. */
  readonly modifiedMs: number;
}

/** Reads a file, creates one (which must not exist), or appends to one (which is created if it does not exist). */
export type OpenMode = 'read' | 'create' | 'append';

/**
 * Files by descriptor. Calls throw the errors of Node, with a `code`; and HostError for anything but a regular file, so that a
 * store neither waits for a fifo nor follows a link.
 */
export interface FileLayer {
  open(path: string, mode: OpenMode): number;
  close(file: number): void;
  /** Reads up to `target.length` bytes from byte `position`. Returns the number of bytes. */
  read(file: number, target: Uint8Array, position: number): number;
  /** Writes at the end. Returns the number of bytes, which may be less than all. */
  write(file: number, bytes: Uint8Array): number;
  /** Returns once everything written to the file lies on the disk. */
  sync(file: number): void;
  size(file: number): number;
  status(path: string): FileStatus | undefined;
  list(directory: string): string[];
  /** The names in a directory that are symbolic links. */
  links(directory: string): string[];
  /** Makes a directory, and those above it; they are on the disk when it returns. One that is there is no error. */
  makeDirectory(path: string): void;
  /** Puts a file in the place of another, at once. */
  rename(from: string, to: string): void;
  /** Takes a file away. One that is not there is no error. */
  remove(path: string): void;
  /** Returns once the names in a directory lie on the disk as they are. */
  syncDirectory(path: string): void;
}

const { O_RDONLY, O_RDWR, O_WRONLY, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;
const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
  create: O_WRONLY | O_APPEND | O_CREAT | O_EXCL,
  append: O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK,
};

/** By descriptor, the path of a file that is open: errors of its use name it. */
const openPaths = new Map<number, string>();

/** The files of the host. Every error names its path. */
export const hostFiles: FileLayer = {
  open(path, mode) {
    const file = named(path, () => openRegular(path, FLAGS[mode]));
    openPaths.set(file, path);
    return file;
  },
  close(file) {
    const path = openPaths.get(file);
    openPaths.delete(file);
    named(path, () => closeSync(file));
  },
  read: (file, target, position) =>
    named(openPaths.get(file), () => readSync(file, target, 0, target.length, position)),
  write: (file, bytes) => named(openPaths.get(file), () => writeSync(file, bytes)),
  sync: (file) => named(openPaths.get(file), () => fsyncSync(file)),
  size: (file) => named(openPaths.get(file), () => fstatSync(file).size),
  status(path) {
    const stat = named(path, () => statSync(path, { throwIfNoEntry: false }));
    const identity = stat && `${stat.dev}:${stat.ino}:${stat.birthtimeMs}`;
    return stat && { identity: identity!, size: stat.size, modifiedMs: stat.mtimeMs };
  },
  list: (directory) => named(directory, () => readdirSync(directory)),
  links: (directory) =>
    named(directory, () => readdirSync(directory, { withFileTypes: true }))
      .filter((entry) => entry.isSymbolicLink())
      .map(({ name }) => name),
  makeDirectory(path) {
    // Not by `recursive`, which never returns where a file system without new files, such as /proc, says ENOENT.
    for (const directory of missingDirectories(path)) {
      named(directory, () => makeOne(directory));
      syncNames(dirname(directory));
    }
  },
  rename: (from, to) => named(to, () => renameSync(from, to)),
  remove(path) {
    try {
      named(path, () => unlinkSync(path));
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'ENOENT') throw error;
    }
  },
  syncDirectory: syncNames,
};

/** Opens a regular file. O_NONBLOCK changes nothing for one, and does not wait for the other end of a fifo: open(2). */
function openRegular(path: string, flags: number): number {
  let file: number;
  try {
    file = openSync(path, flags, 0o666);
  } catch (error) {
    // ELOOP: O_NOFOLLOW met a link; ENXIO: a socket.
    throw isSystemError(error) && ['ELOOP', 'ENXIO', 'EISDIR'].includes(error.code) ? notRegular(path) : error;
  }
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw notRegular(path);
}

function notRegular(path: string): HostError {
  return new HostError(`'${path}' is not a regular file, as every file of a store is: move it away`, 'damaged');
}

/** Adds the path to an error of the operating system that has none. */
function named<T>(path: string | undefined, perform: () => T): T {
  try {
    return perform();
  } catch (error) {
    if (isSystemError(error)) error.path ??= path;
    throw error;
  }
}

/** The directories that must be made for `path` to be one, in their order. */
function missingDirectories(path: string): string[] {
  const missing: string[] = [];
  for (let at = resolve(path); !statSync(at, { throwIfNoEntry: false })?.isDirectory(); at = dirname(at))
    missing.unshift(at);
  return missing;
}

function makeOne(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process has made it.
    if (!isSystemError(error) || error.code !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
  }
}

function syncNames(path: string): void {
  named(path, () => {
    const directory = openSync(path, 'r');
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  });
}

/** Reads exactly `length` bytes from `position`; fewer where the file ends before. */
export function readAt(files: FileLayer, file: number, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const count = files.read(file, filled === 0 ? bytes : bytes.subarray(filled), position + filled);
    if (count === 0) return bytes.subarray(0, filled);
    filled += count;
  }
  return bytes;
}

/** Default length of the longest file that is read in one piece. */
const WHOLE_BYTES_MAX = 2 ** 31;

/** The whole of a file; undefined where there is none, or one of more than `most` bytes. */
export function readWhole(files: FileLayer, path: string, most = WHOLE_BYTES_MAX): Uint8Array | undefined {
  let file: number;
  try {
    file = files.open(path, 'read');
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const size = files.size(file);
    return size > most ? undefined : readAt(files, file, 0, size);
  } finally {
    files.close(file);
  }
}

/** Writes all of `bytes` at the end. A full disk takes a part, and throws when asked to take the rest. */
export function writeAll(files: FileLayer, file: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    const count = files.write(file, written === 0 ? bytes : bytes.subarray(written));
    if (count === 0) throw new Error('the file takes no more bytes');
    written += count;
  }
}

/** Whether the disk has no room left, or the user none on it. */
export function isFull(error: unknown): boolean {
  return isSystemError(error) && ['ENOSPC', 'EDQUOT'].includes(error.code);
}

/** Puts a file of `bytes` at `path`, whole or not at all; it is on the disk when this returns. */
export function replaceFile(files: FileLayer, path: string, temporary: string, bytes: Uint8Array): void {
  files.remove(temporary);
  const file = files.open(temporary, 'create');
  try {
    try {
      writeAll(files, file, bytes);
      files.sync(file);
    } finally {
      files.close(file);
    }
  } catch (error) {
    files.remove(temporary);
    throw error;
  }
  files.rename(temporary, path);
  files.syncDirectory(path.slice(0, path.lastIndexOf('/')));
}
