/** Imports files and directories of the host as VMOs of a store, in parts: memory does not grow with their size. */

import { ContentHasher } from '../../vmo/content/content-hasher.js';
import type { ContentKind, Reference } from '../../vmo/records/record-store.js';
import { byteText, byteTextOf, joined, shown, type ByteText } from '../byte-text.js';
import { HostError, fileFailure, isSystemError, systemReason } from '../failure.js';
import { sha256 } from '../sha256.js';
import type { DiskStore } from './disk-store.js';
import { encodeListing, type Attributes, type TreeEntry } from './listing.js';
import { Pace, type Watch } from './pace.js';
import { HardLinkFinder, openLinks, type OpenLinks } from './trees/hard-link-finder.js';
import { hostTree, type HostStatus, type HostTree } from './trees/host-tree.js';
import type { FoundXattrs } from './trees/host-xattrs.js';
import { comparePaths, type ExtendedAttribute } from './trees/tree-entry.js';

export interface ImportProgress {
  readonly files: number;
  readonly bytes: number;
}

/** What a tree stores in addition to content, names and modes; it is a part of the tree's identity. */
export interface KeptAttributes {
  /** When files and directories last changed. True unless said otherwise. */
  readonly times?: boolean | undefined;
  readonly owners?: boolean | undefined;
  /** Reads the extended attributes of paths; undefined: they are not kept. */
  readonly readXattrs?: ((paths: readonly ByteText[]) => FoundXattrs[]) | undefined;
}

export interface ImportOptions extends Watch<ImportProgress>, KeptAttributes {
  /** The files to read. Those of this host. */
  readonly host?: HostTree | undefined;
}

/** An entry of a tree that is not in the store as it was found. */
export interface ImportProblem {
  readonly path: ByteText;
  /** One line. */
  readonly reason: string;
  /** True where nothing of it was taken in. */
  readonly isLeftOut: boolean;
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
  /** The first problems, PROBLEMS_MAX of them at most. */
  readonly problems: readonly ImportProblem[];
  readonly problemCount: number;
  /** Where the store itself was met in the tree, which was left out. */
  readonly stores: readonly ByteText[];
  /** Where packs of the store were put in which something was damaged; what was taken in is whole again. */
  readonly quarantined: readonly string[];
}

/** Problems that are remembered. */
export const PROBLEMS_MAX = 100;

/** Bytes read at once. */
const PART_BYTES = 2 ** 20;

/** A reason to omit an entry and continue with the next. */
class EntryError extends Error {
  override readonly name = 'EntryError';

  constructor(
    reason: string,
    /** What the host said. */
    readonly error?: unknown,
  ) {
    super(reason);
  }
}

/**
 * Imports a file, or a directory with everything in it. Symbolic links are followed at the end of the path, but not below it. An
 * entry that cannot be read becomes a problem of the result, and the import continues. Durable when it is done. Throws HostError
 * if the path itself cannot be read, the reason of a signal, or StoreWriteError; the store is then as it was.
 */
export async function importPath(
  store: DiskStore,
  given: string | Uint8Array,
  options: ImportOptions = {},
): Promise<Imported> {
  const path = typeof given === 'string' ? byteTextOf(given) : byteText(given);
  const importer = new TreeImporter(store, options);
  try {
    return await importer.finish(await importer.root(path));
  } catch (error) {
    if (!(error instanceof EntryError)) throw error;
    if (error.error !== undefined) throw fileFailure('read', shown(path), error.error);
    throw new HostError(`cannot import '${shown(path)}': ${error.message}`, 'invalid');
  }
}

/** Takes in bytes that come in parts, such as standard input. */
export async function importStream(
  store: DiskStore,
  parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  watch: Watch<ImportProgress> = {},
): Promise<Imported> {
  const importer = new TreeImporter(store, watch);
  return importer.finish(await importer.stream(parts));
}

/** A VMO that was put. */
interface Content extends Reference {
  readonly length: number;
}

/** An entry, and the files in it that have names elsewhere. */
interface Taken {
  readonly entry: TreeEntry;
  readonly open: OpenLinks;
}

class TreeImporter {
  private files = 0;
  private directories = 0;
  private links = 0;
  private bytes = 0;
  private readonly problems: ImportProblem[] = [];
  private problemCount = 0;
  private readonly stores: ByteText[] = [];
  private readonly part = new Uint8Array(PART_BYTES);
  private readonly pace: Pace<ImportProgress>;
  private readonly host: HostTree;
  private readonly hardLinks = new HardLinkFinder();
  /** The directories of the store, by their identities on the host. */
  private readonly ownDirectories: ReadonlySet<string>;

  constructor(
    private readonly store: DiskStore,
    private readonly options: ImportOptions,
  ) {
    this.pace = new Pace(options, () => ({ files: this.files, bytes: this.bytes }));
    this.host = options.host ?? hostTree;
    this.ownDirectories = ownDirectories(this.host, byteTextOf(store.directory));
  }

  async finish({ id, kind, length }: Content): Promise<Imported> {
    const { files, directories, links, bytes, problems, problemCount, stores } = this;
    const quarantined = await this.store.settle();
    await this.pace.pause();
    return { id, kind, length, files, directories, links, bytes, problems, problemCount, stores, quarantined };
  }

  /** The path that was given. */
  async root(path: ByteText): Promise<Content> {
    const { host } = this;
    const isLink = attempt(() => host.status(path)).kind === 'link';
    const target = isLink ? attempt(() => host.resolve(path)) : path;
    const status = attempt(() => host.status(target));
    if (this.ownDirectories.has(status.identity)) throw new EntryError('it is the store itself');
    if (status.kind === 'file') return (await this.file(target, path, true)).content;
    if (status.kind !== 'tree') throw new EntryError('it is neither a file nor a directory');
    const [xattrs] = this.xattrsOf([path]);
    return (await this.directory(path, status, xattrs)).content;
  }

  async stream(parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Content> {
    const hasher = this.newHasher();
    for await (const part of parts) await this.append(hasher, part);
    this.files++;
    return contentOf(hasher, 'file');
  }

  /** A directory, as its listing. */
  private async directory(
    path: ByteText,
    status: HostStatus,
    xattrs: readonly ExtendedAttribute[] | undefined,
  ): Promise<{ content: Content; open: OpenLinks }> {
    const names = attempt(() => this.host.list(path)).sort();
    const taken: Taken[] = [];
    const allXattrs = this.xattrsOf(names.map((name) => joined(path, name)));
    for (const [i, name] of names.entries()) {
      const found = await this.tryEntry(joined(path, name), name, allXattrs[i]);
      if (found) taken.push(found);
    }
    this.directories++;
    const hardLinks: ByteText[][] = [];
    const open = this.hardLinks.join(taken.map(({ entry, open }) => ({ name: entry.name, open })), hardLinks); // prettier-ignore
    hardLinks.sort((a, b) => comparePaths(a[0]!, b[0]!));
    const attributes = this.attributesOf(status, xattrs);
    const listing = encoded(() => encodeListing({ attributes, entries: taken.map(({ entry }) => entry), hardLinks }));
    const content = contentOf(this.newHasher().append(listing), 'tree');
    this.store.noteListing(content.id);
    return { content, open };
  }

  /** Undefined for an entry that is omitted. */
  private async tryEntry(
    path: ByteText,
    name: ByteText,
    xattrs: readonly ExtendedAttribute[] | undefined,
  ): Promise<Taken | undefined> {
    try {
      return await this.entry(path, name, xattrs);
    } catch (error) {
      if (!(error instanceof EntryError)) throw error;
      this.report({ path, reason: error.message, isLeftOut: true });
    }
    return undefined;
  }

  private async entry(
    path: ByteText,
    name: ByteText,
    xattrs: readonly ExtendedAttribute[] | undefined,
  ): Promise<Taken | undefined> {
    const status = attempt(() => this.host.status(path));
    if (status.kind === 'tree') {
      if (this.ownDirectories.has(status.identity)) {
        this.stores.push(path);
        return undefined;
      }
      const { content, open } = await this.directory(path, status, xattrs);
      return { entry: { type: 'tree', name, id: content.id }, open };
    }
    const open = openLinks(status);
    const met = this.hardLinks.met(status, name);
    if (met) return { entry: met, open };
    const entry = await this.newEntry(path, name, status, xattrs);
    this.hardLinks.add(status, entry);
    return { entry, open };
  }

  private async newEntry(
    path: ByteText,
    name: ByteText,
    status: HostStatus,
    xattrs: readonly ExtendedAttribute[] | undefined,
  ): Promise<TreeEntry> {
    const { kind, major, minor } = status;
    if (kind === 'file') {
      const { content, opened } = await this.file(path, path, false);
      return { type: kind, name, attributes: this.attributesOf(opened, xattrs), id: content.id };
    }
    const attributes = this.attributesOf(status, xattrs);
    if (kind === 'link') {
      const target = attempt(() => this.host.linkTarget(path));
      this.links++;
      return { type: kind, name, attributes, target };
    }
    if (kind === 'fifo') return { type: kind, name, attributes };
    if (kind === 'character device' || kind === 'block device') return { type: kind, name, attributes, major, minor };
    throw new EntryError(kind === 'socket' ? 'it is a socket' : 'it is of a kind that cannot be kept');
  }

  /**
   * A file, as many bytes as it had when it was opened: one that grows while it is read ends. Some files of /proc have no
   * size: a file that was named is read to its end then.
   */
  private async file(
    path: ByteText,
    told: ByteText,
    isRoot: boolean,
  ): Promise<{ content: Content; opened: HostStatus }> {
    const { host } = this;
    const file = attempt(() => host.open(path));
    try {
      const opened = attempt(() => host.statusOf(file));
      if (opened.kind !== 'file') throw new EntryError(`it became a ${opened.kind} just now`);
      const hasher = this.newHasher();
      const most = isRoot && opened.size === 0 ? Infinity : opened.size;
      const read = (): number => attempt(() => host.read(file, this.part.subarray(0, Math.max(1, most - hasher.length)))); // prettier-ignore
      let count = read();
      for (; count > 0 && hasher.length < most; count = read()) await this.append(hasher, this.part.subarray(0, count));
      this.files++;
      const change = changeOf(opened, attempt(() => host.statusOf(file)), hasher.length, count > 0); // prettier-ignore
      if (change !== undefined && most !== Infinity) this.report({ path: told, reason: change, isLeftOut: false });
      return { content: contentOf(hasher, 'file'), opened };
    } finally {
      host.close(file);
    }
  }

  private attributesOf(
    { mode, mtimeNs, owner }: HostStatus,
    xattrs: readonly ExtendedAttribute[] | undefined,
  ): Attributes {
    const { times = true, owners = false } = this.options;
    return { mode, ...(times && { mtimeNs }), ...(owners && { owner }), ...(xattrs && { xattrs }) };
  }

  /** By path; nothing where they are not to be kept. */
  private xattrsOf(paths: readonly ByteText[]): (readonly ExtendedAttribute[])[] {
    const found = this.options.readXattrs?.(paths) ?? [];
    for (const [i, { problem }] of found.entries())
      if (problem !== undefined) this.report({ path: paths[i]!, reason: problem, isLeftOut: false });
    return found.map(({ xattrs }) => xattrs);
  }

  private report(problem: ImportProblem): void {
    this.problemCount++;
    if (this.problems.length < PROBLEMS_MAX) this.problems.push(problem);
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

/** What happened to a file between its opening and its end; undefined for nothing. */
function changeOf(opened: HostStatus, ended: HostStatus, length: number, goesOn: boolean): string | undefined {
  if (length < opened.size) return `it became shorter while it was read: ${length} of ${opened.size} bytes are in`;
  if (goesOn || ended.size > length) return `it has more bytes than the ${length} that it had when it was opened`;
  if (ended.mtimeNs !== opened.mtimeNs || ended.ctimeNs !== opened.ctimeNs) return 'it changed while it was read';
  return undefined;
}

/** Asks the host. Throws EntryError for what it refuses. */
function attempt<T>(ask: () => T): T {
  try {
    return ask();
  } catch (error) {
    if (!isSystemError(error)) throw error;
    throw new EntryError(error.code === 'ENOENT' ? 'it is no longer there' : systemReason(error), error);
  }
}

/** The directory of a store and those in it, by identity; none where the store is not on the host. */
function ownDirectories(host: HostTree, directory: ByteText): Set<string> {
  const identities = new Set<string>();
  const add = (path: ByteText): void => {
    const status = host.status(path);
    if (status.kind === 'tree') identities.add(status.identity);
  };
  try {
    const path = host.resolve(directory);
    add(path);
    for (const name of host.list(path)) add(joined(path, name));
  } catch (error) {
    // The store keeps changing: a file of it may be gone by now.
    if (!isSystemError(error)) throw error;
  }
  return identities;
}

/** A listing. Throws EntryError where there are too many entries for one. */
function encoded(encode: () => Uint8Array): Uint8Array {
  try {
    return encode();
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    throw new EntryError(error.message);
  }
}
