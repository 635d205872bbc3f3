/** `bd0 run --root DIR`: the files of a directory as names that guests see. */

import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { PAGE_SIZE } from '../../bits.js';
import { isName, type VmoHandle, type VmoStore } from '../../index.js';
import { finished, type Steps } from '../../vmo/steps.js';
import { fileFailure, isSystemError } from '../failure.js';

/** Bytes read at once. */
const PART_BYTES = 2 ** 20;

/** Steps in which a store hashes them, of 64 pages each. */
const STEPS_IN_PART = PART_BYTES / (64 * PAGE_SIZE);

/** The most recently used files are remembered, up to this number and length. */
const REMEMBERED_FILES = 16;
const REMEMBERED_BYTES = 2 ** 24;
/** A file that changed within this time before it was opened may change again without a new timestamp. */
const SETTLED_NS = 2_000_000_000n;

/** A file that was read, with the metadata by which a change is detected. */
interface RememberedFile {
  /** Undefined if the file must be read again. */
  readonly stamp: BigIntStats | undefined;
  /** A private VMO, so that the identity of the file can be opened only while a guest holds it. */
  readonly content: VmoHandle;
}

const STAMP = ['ctimeNs', 'mtimeNs', 'size', 'ino', 'dev'] as const;

/** Errors that mean that a name is not a readable file: nothing is there, or a link, or something else. */
const NO_FILE = ['ENOENT', 'ELOOP', 'ENOTDIR', 'EISDIR', 'EACCES', 'EPERM', 'ENXIO', 'ENODEV', 'ENAMETOOLONG'];

/**
 * The regular files directly in a directory. Files in subdirectories and symbolic links have no names, so that guests cannot
 * reach anything outside of the directory. Files are read when a guest looks them up, and read again only if they have changed.
 */
export class RootFiles {
  private readonly part = new Uint8Array(PART_BYTES);
  /** By name, the most recently used one last. */
  private readonly remembered = new Map<string, RememberedFile>();

  constructor(
    private readonly store: VmoStore,
    private readonly directory: string,
  ) {}

  /** The content of a file, whose id can be opened; undefined if there is none. The caller closes it. Throws HostError. */
  lookup(name: string): VmoHandle | undefined {
    return finished(this.lookupInSteps(name));
  }

  /**
   * Like `lookup`, in steps that each read or hash a part of the file and yield its length. A file of one part takes no steps;
   * a remembered file takes as many as when it was read.
   */
  *lookupInSteps(name: string): Steps<VmoHandle | undefined, number> {
    if (!isName(name) || name.includes('/')) return undefined;
    const path = join(this.directory, name);
    const known = this.recall(name, path);
    if (known) {
      for (let part = 1; part < partsOf(known.length); part++) yield PART_BYTES;
      yield* this.hash(known);
      return known;
    }
    const file = attempt(path, () => openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
    if (file === undefined) return undefined;
    try {
      const openedMs = Date.now();
      const stats = fstatSync(file, { bigint: true });
      if (!stats.isFile()) return undefined;
      const vmo = yield* this.read(path, file);
      if (!vmo) return undefined;
      yield* this.hash(vmo);
      this.remember(name, stats, openedMs, vmo);
      return vmo;
    } finally {
      closeSync(file);
    }
  }

  names(): string[] {
    const entries = attempt(this.directory, () => readdirSync(this.directory, { withFileTypes: true })) ?? [];
    // Guests cannot look up a name that is not UTF-8.
    return entries.filter((entry) => entry.isFile() && !entry.name.includes('\ufffd')).map(({ name }) => name);
  }

  private *read(path: string, file: number): Steps<VmoHandle | undefined, number> {
    const builder = this.store.builder();
    const { part } = this;
    let isDone = false;
    try {
      for (;;) {
        const length = attempt(path, () => readFully(file, part));
        if (length === undefined) return undefined;
        builder.append(part.subarray(0, length));
        isDone = length < PART_BYTES;
        if (isDone) return builder.commit();
        yield PART_BYTES;
      }
    } finally {
      if (!isDone) builder.discard();
    }
  }

  /** Hashes a VMO in steps of a part each, or fewer. */
  private *hash(vmo: VmoHandle): Steps<void, number> {
    const steps = this.store.identifyInSteps(vmo);
    let isDone = false;
    for (let part = 1; part < partsOf(vmo.length); part++) {
      for (let step = 0; step < STEPS_IN_PART && !isDone; step++) isDone = steps.next().done === true;
      yield PART_BYTES;
    }
    while (!isDone) isDone = steps.next().done === true;
  }

  /** A new handle of a remembered file, unless the file has changed. */
  private recall(name: string, path: string): VmoHandle | undefined {
    const known = this.remembered.get(name);
    if (!known) return undefined;
    this.remembered.delete(name);
    const stats = attempt(path, () => lstatSync(path, { bigint: true }));
    if (stats && known.stamp && isSame(known.stamp, stats)) {
      this.remembered.set(name, known);
      return this.store.apart(known.content);
    }
    known.content.close();
    return undefined;
  }

  private remember(name: string, stats: BigIntStats, openedMs: number, vmo: VmoHandle): void {
    // Two lookups may have read it at the same time.
    if (this.remembered.has(name) || vmo.length > REMEMBERED_BYTES) return;
    const isSettled = BigInt(openedMs) * 1_000_000n - stats.ctimeNs > SETTLED_NS;
    // Whether a file is remembered does not depend on the host's clock; whether it is read again does.
    this.remembered.set(name, { stamp: isSettled ? stats : undefined, content: this.store.apart(vmo) });
    if (this.remembered.size <= REMEMBERED_FILES) return;
    const [oldest, { content }] = this.remembered.entries().next().value!;
    this.remembered.delete(oldest);
    content.close();
  }
}

/** Number of parts of a file; the last one is shorter, and may be empty. */
function partsOf(lengthBytes: number): number {
  return Math.floor(lengthBytes / PART_BYTES) + 1;
}

/** Reads until the array is full, or the file ends. Returns the number of bytes. */
function readFully(file: number, bytes: Uint8Array): number {
  let filled = 0;
  for (let length = -1; length !== 0 && filled < bytes.length; filled += length)
    length = readSync(file, bytes, filled, bytes.length - filled, null);
  return filled;
}

/** Whether two stamps are those of the same unchanged file. */
function isSame(before: BigIntStats, now: BigIntStats): boolean {
  return STAMP.every((field) => before[field] === now[field]);
}

/** Returns undefined if there is no such file. Throws HostError if it exists but cannot be read. */
function attempt<T>(path: string, work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isSystemError(error) && NO_FILE.includes(error.code)) return undefined;
    throw fileFailure('read', path, error);
  }
}
