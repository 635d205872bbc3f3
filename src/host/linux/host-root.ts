/** The files of a directory of the host, for Linux programs, which only read them. */

import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  realpathSync,
  type BigIntStats,
  type Dirent,
} from 'node:fs';
import type { VmoHandle, VmoStore } from '../../index.js';
import { LinuxErrno } from '../../kernel/linux/errno.js';
import { S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK } from '../../kernel/linux/files/constants.js';
import type { LinuxRoot, RootEntry, RootStatus } from '../../kernel/linux/files/tree/linux-root.js';
import { byteText, bytesOfText, type ByteText } from '../byte-text.js';
import { isSystemError } from '../failure.js';
import { HiddenPaths } from './hidden-paths.js';

/** Opens a file as a place only: neither it nor a symbolic link at its name is touched. Linux alone has it. */
const O_PATH = 0o10000000;

/** Where Linux shows the files that this process has open. */
const OPEN_FILES = '/proc/self/fd';

/**
 * No path leads out of the directory, whatever happens on the host: symbolic links are never followed here, and a file counts
 * only if the host says, once it is open, that it is the one at the path. Devices, named pipes and sockets are seen, and never
 * opened.
 */
export class HostRoot implements LinuxRoot {
  /** Without a slash at its end: '' for `/`. */
  private readonly directory: ByteText;

  /** Throws what realpath of Node does where there is no such directory. `store` is that of the machine. */
  constructor(
    private readonly store: VmoStore,
    directory: string,
    private readonly hidden = new HiddenPaths(),
  ) {
    const real = byteText(realpathSync(directory, { encoding: 'buffer' }));
    this.directory = (real === '/' ? '' : real) as ByteText;
  }

  status(path: string): RootStatus | LinuxErrno {
    return this.visiting(path, (file, host) => {
      const stats = fstatSync(file, { bigint: true });
      const target = stats.isSymbolicLink() ? byteText(readlinkSync(bytesOfText(host), { encoding: 'buffer' })) : '';
      return {
        mode: Number(stats.mode),
        owner: Number(stats.uid),
        group: Number(stats.gid),
        links: Number(stats.nlink),
        size: Number(stats.size),
        blocks: Number(stats.blocks),
        modified: stats.mtimeNs,
        target,
        stamp: stampOf(stats),
      };
    });
  }

  list(path: string): readonly RootEntry[] | LinuxErrno {
    return this.visiting(path, (file, host) => {
      const entries = readdirSync(`${OPEN_FILES}/${file}`, { withFileTypes: true, encoding: 'buffer' as never });
      const found = (entries as unknown as Dirent<Buffer>[]).map((entry) => entryOf(entry));
      const parent = host === '/' ? '' : host;
      return found
        .filter(({ name }) => this.hidden.isVisible(`${parent}/${name}`))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    });
  }

  read(path: string, stamp: string, offset: number, length: number): VmoHandle | LinuxErrno {
    return this.visiting(path, (place) => {
      if (!fstatSync(place).isFile()) return LinuxErrno.EIO;
      const file = openSync(`${OPEN_FILES}/${place}`, constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        const bytes = new Uint8Array(length);
        const isRead = readFully(file, bytes, offset);
        const isSame = stampOf(fstatSync(file, { bigint: true })) === stamp;
        return isRead && isSame ? this.store.fromBytes(bytes) : LinuxErrno.EIO;
      } finally {
        closeSync(file);
      }
    });
  }

  /** Works on what is at a path of the guest, open as a place; `host` is its path on the host. */
  private visiting<T>(path: string, work: (file: number, host: ByteText) => T): T | LinuxErrno {
    const host = (path === '/' ? this.directory || '/' : this.directory + path) as ByteText;
    if (!this.hidden.isVisible(host)) return LinuxErrno.ENOENT;
    try {
      const file = openSync(bytesOfText(host), O_PATH | constants.O_NOFOLLOW);
      try {
        return isAt(file, host) ? work(file, host) : LinuxErrno.ENOENT;
      } finally {
        closeSync(file);
      }
    } catch (error) {
      return errnoOf(error);
    }
  }
}

/** Whether no symbolic link lies on the way to a file that is open, and it still has that name. */
function isAt(file: number, path: ByteText): boolean {
  return byteText(readlinkSync(`${OPEN_FILES}/${file}`, { encoding: 'buffer' })) === path;
}

/** Changes with the content. */
export function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

function readFully(file: number, bytes: Uint8Array, offset: number): boolean {
  for (let filled = 0; filled < bytes.length;) {
    const length = readSync(file, bytes, filled, bytes.length - filled, offset + filled);
    if (length === 0) return false;
    filled += length;
  }
  return true;
}

function entryOf(entry: Dirent<Buffer>): RootEntry {
  return { name: byteText(entry.name), type: typeOf(entry) };
}

function typeOf(entry: Dirent<Buffer>): number {
  if (entry.isFile()) return S_IFREG;
  if (entry.isDirectory()) return S_IFDIR;
  if (entry.isSymbolicLink()) return S_IFLNK;
  if (entry.isFIFO()) return S_IFIFO;
  if (entry.isSocket()) return S_IFSOCK;
  return entry.isBlockDevice() ? S_IFBLK : S_IFCHR;
}

/** Errors of the host that programs get as they are; all others are EIO. */
const PASSED_ON = ['ENOENT', 'EACCES', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG', 'EPERM', 'EIO'] as const;

function errnoOf(error: unknown): LinuxErrno {
  if (!isSystemError(error)) throw error;
  const known = PASSED_ON.find((code) => code === error.code);
  // On the way to a path of the guest, a file that is no directory is not there for others either.
  if (known === 'ENOTDIR' || known === 'ELOOP') return LinuxErrno.ENOENT;
  return known ? LinuxErrno[known] : LinuxErrno.EIO;
}
