/** `bd0 run --root DIR`: the files of a directory as names that guests see. */

import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { PAGE_SIZE } from '../bits.js';
import { isName, type VmoHandle, type VmoStore } from '../index.js';
import { fileFailure, isSystemError } from './failure.js';

/** Bytes read at once. */
const PART_BYTES = 2 ** 20;

/** So many files are remembered, the ones that were asked for last, none of them longer than so many bytes. */
const REMEMBERED_FILES = 16;
const REMEMBERED_BYTES = 2 ** 24;
/** A file that was changed so short a time before it was read may be changed again without a later time on it. */
const SETTLED_NS = 2_000_000_000n;

/** A file that was read, and what tells that it is still the same. */
interface RememberedFile {
  readonly stamp: string;
  /** What it is put together from again: VMOs that are not the file's, so that the file's can be opened no longer than it is held. */
  readonly parts: readonly VmoHandle[];
}

/** Why there is no file of a name: nothing is there, or a link, or something else that is no file to be read. */
const NO_FILE = ['ENOENT', 'ELOOP', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'ENXIO', 'ENODEV', 'ENAMETOOLONG'];

/**
 * The regular files that lie in a directory itself. A name is no path: what is in directories below has none, and neither
 * has a link, wherever it leads, so that nothing outside of the directory can be had. Files are as they are when a guest
 * asks; those that have not changed since they were read are not read again.
 */
export class RootFiles {
  private readonly part = new Uint8Array(PART_BYTES);
  /** By name, the one that was asked for last at the end. */
  private readonly remembered = new Map<string, RememberedFile>();

  constructor(
    private readonly store: VmoStore,
    private readonly directory: string,
  ) {}

  /** The content of a file, whose id can be opened; undefined where there is none. The caller closes it. Throws Failure. */
  lookup(name: string): VmoHandle | undefined {
    if (!isName(name) || name.includes('/')) return undefined;
    const path = join(this.directory, name);
    const file = attempt(path, () => openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
    if (file === undefined) return undefined;
    try {
      const stats = fstatSync(file, { bigint: true });
      if (!stats.isFile()) return undefined;
      const vmo = this.recall(name, stats) ?? attempt(path, () => this.read(file));
      if (!vmo) return undefined;
      void vmo.id;
      this.remember(name, stats, vmo);
      return vmo;
    } finally {
      closeSync(file);
    }
  }

  names(): string[] {
    const entries = attempt(this.directory, () => readdirSync(this.directory, { withFileTypes: true })) ?? [];
    // A name that is not UTF-8 cannot be asked for.
    return entries.filter((entry) => entry.isFile() && !entry.name.includes('\ufffd')).map(({ name }) => name);
  }

  private read(file: number): VmoHandle {
    const builder = this.store.builder();
    const { part } = this;
    for (let length = readSync(file, part); length > 0; length = readSync(file, part))
      builder.append(part.subarray(0, length));
    return builder.commit();
  }

  /** What a file held when it was read, by a new handle, if it has not been changed since. */
  private recall(name: string, stats: BigIntStats): VmoHandle | undefined {
    const known = this.remembered.get(name);
    if (!known) return undefined;
    this.remembered.delete(name);
    if (known.stamp === stampOf(stats)) {
      this.remembered.set(name, known);
      return this.store.concat(known.parts);
    }
    closeAll(known.parts);
    return undefined;
  }

  /** Keeps the content of a file: its last page, and those before it. */
  private remember(name: string, stats: BigIntStats, vmo: VmoHandle): void {
    const { length } = vmo;
    if (this.remembered.has(name) || length <= PAGE_SIZE || length > REMEMBERED_BYTES) return;
    const lastPage = length - 1 - ((length - 1) % PAGE_SIZE);
    const parts = [this.store.slice(vmo, 0, lastPage), this.store.slice(vmo, lastPage, length - lastPage)];
    const isSettled = BigInt(Date.now()) * 1_000_000n - stats.ctimeNs > SETTLED_NS;
    // What is kept does not depend on the host's clock; whether it is read again does.
    const stamp = isSettled ? stampOf(stats) : 'to be read again';
    this.remembered.set(name, { stamp, parts });
    if (this.remembered.size <= REMEMBERED_FILES) return;
    const [oldest, { parts: forgotten }] = this.remembered.entries().next().value!;
    this.remembered.delete(oldest);
    closeAll(forgotten);
  }
}

function closeAll(vmos: readonly VmoHandle[]): void {
  for (const vmo of vmos) vmo.close();
}

function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join();
}

/** Undefined where there is no such file. Throws Failure where it is there and cannot be read. */
function attempt<T>(path: string, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isSystemError(error) && NO_FILE.includes(error.code)) return undefined;
    throw fileFailure('read', path, error);
  }
}
