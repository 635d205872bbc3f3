/** `bd0 run --root DIR`: the files of a directory as names that guests see. */

import { closeSync, constants, fstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { isName, type VmoHandle, type VmoStore } from '../index.js';
import { fileFailure, isSystemError } from './failure.js';

/** Bytes read at once. */
const PART_BYTES = 2 ** 20;

/** Why there is no file of a name: nothing is there, or a link, or something else that is no file to be read. */
const NO_FILE = ['ENOENT', 'ELOOP', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'ENXIO', 'ENODEV', 'ENAMETOOLONG'];

/**
 * The regular files that lie in a directory itself. A name is no path: what is in directories below has none, and neither
 * has a link, wherever it leads, so that nothing outside of the directory can be had. Files are read as they are when a
 * guest asks.
 */
export class RootFiles {
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
      if (!fstatSync(file).isFile()) return undefined;
      return attempt(path, () => this.read(file));
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
    const part = new Uint8Array(PART_BYTES);
    for (let length = readSync(file, part); length > 0; length = readSync(file, part))
      builder.append(part.subarray(0, length));
    const vmo = builder.commit();
    void vmo.id;
    return vmo;
  }
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
