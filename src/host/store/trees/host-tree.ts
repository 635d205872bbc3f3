/** What an import asks of the files of the host: few calls, so that a test can fail and change each of them. Paths are bytes. */

import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readlinkSync, readSync, realpathSync, type BigIntStats } from 'node:fs'; // prettier-ignore
import { byteText, bytesOfText, type ByteText } from '../../byte-text.js';
import { LINK_MODE, MODE_BITS, type Owner } from './tree-entry.js';

export type HostKind = 'file' | 'tree' | 'link' | 'fifo' | 'character device' | 'block device' | 'socket' | 'unknown';

/** What stands at a path. */
export interface HostStatus {
  readonly kind: HostKind;
  /** Unique on the host while the file exists. */
  readonly identity: string;
  /** Number of its names. */
  readonly links: number;
  readonly size: number;
  readonly mode: number;
  readonly mtimeNs: bigint;
  /** Changes with every change of content or attributes. */
  readonly ctimeNs: bigint;
  readonly owner: Owner;
  /** Of a device. */
  readonly major: number;
  readonly minor: number;
}

/** Each call throws what Node's own throws: errors with a `code`. */
export interface HostTree {
  /** Names in a directory, in any order. */
  list(path: ByteText): ByteText[];
  /** Follows no link. */
  status(path: ByteText): HostStatus;
  /** Opens a file to read; neither follows a link nor waits for a writer. */
  open(path: ByteText): number;
  statusOf(file: number): HostStatus;
  /** Reads on, up to `target.length` bytes; returns the count. */
  read(file: number, target: Uint8Array): number;
  close(file: number): void;
  linkTarget(path: ByteText): ByteText;
  /** The path without links in it. */
  resolve(path: ByteText): ByteText;
}

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** The files of the host. */
export const hostTree: HostTree = {
  list: (path) => readdirSync(bytesOfText(path), { encoding: 'buffer' }).map(byteText),
  status: (path) => statusFrom(lstatSync(bytesOfText(path), { bigint: true })),
  open: (path) => openSync(bytesOfText(path), READ),
  statusOf: (file) => statusFrom(fstatSync(file, { bigint: true })),
  read: (file, target) => readSync(file, target),
  close: closeSync,
  linkTarget: (path) => byteText(readlinkSync(bytesOfText(path), { encoding: 'buffer' })),
  resolve: (path) => byteText(realpathSync(bytesOfText(path), { encoding: 'buffer' })),
};

function statusFrom(stat: BigIntStats): HostStatus {
  const kind = kindOf(stat);
  const { rdev } = stat;
  return {
    kind,
    identity: `${stat.dev}:${stat.ino}`,
    links: Number(stat.nlink),
    size: Number(stat.size),
    mode: kind === 'link' ? LINK_MODE : Number(stat.mode) & MODE_BITS,
    mtimeNs: stat.mtimeNs,
    ctimeNs: stat.ctimeNs,
    owner: { uid: Number(stat.uid), gid: Number(stat.gid) },
    // As glibc's gnu_dev_major and gnu_dev_minor take a dev_t apart.
    major: Number(((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & 0xfffff000n)),
    minor: Number((rdev & 0xffn) | ((rdev >> 12n) & 0xffffff00n)),
  };
}

function kindOf(stat: BigIntStats): HostKind {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'tree';
  if (stat.isSymbolicLink()) return 'link';
  if (stat.isFIFO()) return 'fifo';
  if (stat.isCharacterDevice()) return 'character device';
  if (stat.isBlockDevice()) return 'block device';
  return stat.isSocket() ? 'socket' : 'unknown';
}
