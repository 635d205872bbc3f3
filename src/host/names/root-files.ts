/** `bd0 run --root DIR`: the files of a directory as names that guests see. */

import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { PAGE_SIZE } from '../../bits.js';
import { isName, type VmoHandle, type VmoStore } from '../../index.js';
import type { HostContent } from '../../vmo/content/host-content.js';
import type { Canonical } from '../../vmo/content/vmo.js';
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
  /** Without a handle: the machine does not notice that it is remembered. */
  readonly content: Canonical;
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
      // Reading and hashing it would take these.
      for (let step = 2; step < 2 * partsOf(known.lengthBytes); step++) yield PART_BYTES;
      return this.vmoOf(known);
    }
    const file = attempt(path, () => openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK));
    if (file === undefined) return undefined;
    try {
      const openedMs = Date.now();
      const stats = fstatSync(file, { bigint: true });
      if (!stats.isFile()) return undefined;
      const content = yield* this.read(path, file);
      if (!content) return undefined;
      this.remember(name, stats, openedMs, content);
      return this.vmoOf(content);
    } finally {
      closeSync(file);
    }
  }

  names(): string[] {
    const entries = attempt(this.directory, () => readdirSync(this.directory, { withFileTypes: true })) ?? [];
    // Guests cannot look up a name that is not UTF-8.
    return entries.filter((entry) => entry.isFile() && !entry.name.includes('\ufffd')).map(({ name }) => name);
  }

  /** The content of a file, hashed. The machine does not notice how far it has been read. */
  private *read(path: string, file: number): Steps<Canonical | undefined, number> {
    const content = this.store.hostContent();
    const { part } = this;
    try {
      for (let lengthBytes = 0; ;) {
        const length = attempt(path, () => readFully(file, part));
        if (length === undefined) return undefined;
        content.append(part.subarray(0, length));
        lengthBytes += length;
        if (length < PART_BYTES) return yield* hashed(content, lengthBytes);
        yield PART_BYTES;
      }
    } finally {
      content.discard();
    }
  }

  private vmoOf(content: Canonical): VmoHandle {
    const vmo = this.store.recall(content);
    void vmo.id;
    return vmo;
  }

  /** The content of a remembered file, unless the file has changed. */
  private recall(name: string, path: string): Canonical | undefined {
    const known = this.remembered.get(name);
    if (!known) return undefined;
    this.remembered.delete(name);
    const stats = attempt(path, () => lstatSync(path, { bigint: true }));
    if (stats && known.stamp && isSame(known.stamp, stats)) {
      this.remembered.set(name, known);
      return known.content;
    }
    return undefined;
  }

  private remember(name: string, stats: BigIntStats, openedMs: number, content: Canonical): void {
    // Two lookups may have read it at the same time.
    if (this.remembered.has(name) || content.lengthBytes > REMEMBERED_BYTES) return;
    const isSettled = BigInt(openedMs) * 1_000_000n - stats.ctimeNs > SETTLED_NS;
    // Whether a file is remembered does not depend on the host's clock; whether it is read again does.
    this.remembered.set(name, { stamp: isSettled ? stats : undefined, content });
    if (this.remembered.size <= REMEMBERED_FILES) return;
    const [oldest] = this.remembered.keys();
    this.remembered.delete(oldest!);
  }
}

/** Completes content of a file, in steps of a part each, or fewer. */
function* hashed(content: HostContent, lengthBytes: number): Steps<Canonical, number> {
  const steps = content.finish();
  let step = steps.next();
  for (let part = 1; part < partsOf(lengthBytes); part++) {
    for (let count = 1; count < STEPS_IN_PART && !step.done; count++) step = steps.next();
    yield PART_BYTES;
    if (!step.done) step = steps.next();
  }
  while (!step.done) step = steps.next();
  return step.value;
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
