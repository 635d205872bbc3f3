/** From files and directories of the host to VMOs of a store, in parts: memory does not grow with what is read. */

import { closeSync, existsSync, openSync, readdirSync, readlinkSync, readSync, statSync, type Dirent } from 'node:fs';
import { ContentHasher } from '../../vmo/content/content-hasher.js';
import type { ContentKind, Reference } from '../../vmo/records/record-store.js';
import { HostError, fileFailure } from '../failure.js';
import { sha256 } from '../sha256.js';
import type { DiskStore } from './disk-store.js';
import { encodeListing, type TreeEntry } from './listing.js';
import { Pace, type Watch } from './pace.js';

export interface ImportProgress {
  readonly files: number;
  readonly bytes: number;
}

/** What was taken in. */
export interface Imported extends Reference {
  /** Bytes of the VMO of `id`. */
  readonly length: number;
  readonly files: number;
  readonly directories: number;
  readonly links: number;
  /** Of all files. */
  readonly bytes: number;
  /** Paths of what is neither a file nor a directory nor a link. */
  readonly skipped: readonly string[];
  /** Where packs of the store were put in which something was damaged; what was taken in is whole again. */
  readonly quarantined: readonly string[];
}

/** Bytes read at once. */
const PART_BYTES = 2 ** 20;

const OWNER_EXECUTES = 0o100;

/**
 * Takes in a file, or a directory with all that is in it; the last link of `path` is followed, none below it is. Durable when it
 * is done. Throws HostError for what cannot be read, the reason of a signal, StoreWriteError; the store is then as it was.
 */
export async function importPath(store: DiskStore, path: string, watch: Watch<ImportProgress> = {}): Promise<Imported> {
  const importer = new Importer(store, watch);
  const stat = attempt('read', path, () => statSync(path));
  if (!stat.isFile() && !stat.isDirectory())
    throw new HostError(`'${path}' is neither a file nor a directory`, 'invalid');
  const content = stat.isDirectory() ? await importer.directory(path) : await importer.file(path);
  return importer.finish(content);
}

/** Takes in bytes that come in parts, such as standard input. */
export async function importStream(
  store: DiskStore,
  parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  watch: Watch<ImportProgress> = {},
): Promise<Imported> {
  const importer = new Importer(store, watch);
  return importer.finish(await importer.stream(parts));
}

/** A VMO that was put. */
interface Content extends Reference {
  readonly length: number;
}

class Importer {
  private files = 0;
  private directories = 0;
  private links = 0;
  private bytes = 0;
  private readonly skipped: string[] = [];
  private readonly part = new Uint8Array(PART_BYTES);
  private readonly pace: Pace<ImportProgress>;

  constructor(
    private readonly store: DiskStore,
    watch: Watch<ImportProgress>,
  ) {
    this.pace = new Pace(watch, () => ({ files: this.files, bytes: this.bytes }));
  }

  async finish({ id, kind, length }: Content): Promise<Imported> {
    const { files, directories, links, bytes, skipped } = this;
    const quarantined = await this.store.settle();
    await this.pace.pause();
    return { id, kind, length, files, directories, links, bytes, skipped, quarantined };
  }

  async file(path: string): Promise<Content> {
    const file = attempt('read', path, () => openSync(path, 'r'));
    try {
      const hasher = this.newHasher();
      const read = (): number => attempt('read', path, () => readSync(file, this.part));
      for (let count = read(); count > 0; count = read()) await this.append(hasher, this.part.subarray(0, count));
      this.files++;
      return contentOf(hasher, 'file');
    } finally {
      closeSync(file);
    }
  }

  async stream(parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Content> {
    const hasher = this.newHasher();
    for await (const part of parts) await this.append(hasher, part);
    this.files++;
    return contentOf(hasher, 'file');
  }

  /** A directory, as its listing. */
  async directory(path: string): Promise<Content> {
    const entries: TreeEntry[] = [];
    for (const entry of attempt('read', path, () => readdirSync(path, { withFileTypes: true }))) {
      const made = await this.entry(`${path.replace(/\/$/, '')}/${entry.name}`, entry);
      if (made) entries.push(made);
    }
    this.directories++;
    return contentOf(this.newHasher().append(encodeListing(entries)), 'tree');
  }

  private async entry(path: string, entry: Dirent): Promise<TreeEntry | undefined> {
    const { name } = entry;
    if (name.includes('\ufffd') && !existsSync(path))
      throw new HostError(`the name of '${path}' is not UTF-8`, 'invalid');
    if (entry.isDirectory()) return { type: 'tree', name, id: (await this.directory(path)).id };
    if (entry.isFile()) {
      const executable = (attempt('read', path, () => statSync(path)).mode & OWNER_EXECUTES) !== 0;
      return { type: 'file', name, id: (await this.file(path)).id, executable };
    }
    if (entry.isSymbolicLink()) {
      this.links++;
      return { type: 'link', name, target: attempt('read', path, () => readlinkSync(path)) };
    }
    this.skipped.push(path);
    return undefined;
  }

  private async append(hasher: ContentHasher, part: Uint8Array): Promise<void> {
    hasher.append(part);
    this.bytes += part.length;
    await this.store.packs.ease();
    if (this.pace.isDue) await this.pace.pause();
  }

  /** Puts each record that it hashes. */
  private newHasher(): ContentHasher {
    return new ContentHasher((record) => {
      const hash = sha256(record);
      this.store.putHashed(hash, record);
      return hash;
    });
  }
}

function contentOf(hasher: ContentHasher, kind: ContentKind): Content {
  const { length } = hasher;
  return { id: hasher.finish(), kind, length };
}

function attempt<T>(doing: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fileFailure(doing, path, error);
  }
}
