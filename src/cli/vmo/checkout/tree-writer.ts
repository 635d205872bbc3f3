/** Writes trees and files of a store to a place of the host where nothing else is. */
import { closeSync, constants, ftruncateSync, linkSync, mkdirSync, openSync, symlinkSync, writeSync } from 'node:fs';
import { PAGE_SIZE } from '../../../index.js';
import { bytesOfText, joined, shown, type ByteText } from '../../../host/byte-text.js';
import { onFile } from '../../../host/failure.js';
import { performCommands, type HostCommand } from '../../../host/host-commands.js';
import type { Attributes, Listing, TreeEntry } from '../../../host/store/listing.js';
import { isOneFile } from '../../../host/store/trees/listing-check.js';
import type { DeviceEntry, FifoEntry } from '../../../host/store/trees/tree-entry.js';
import type { Pace } from '../../../host/store/pace.js';
import { readFailure } from '../content/damage.js';
import type { RecordTree } from '../../../index.js';
import type { StoreView } from '../content/store-view.js';
import type { Progress } from '../progress.js';
import { setAttributes, type AttributeOptions, type WriteProblem, type Pending } from './pending-attributes.js';

/** What is written in addition to content, names, modes and times. */
export interface WriteOptions extends AttributeOptions {
  readonly devices: boolean;
}

/** A new file, which nothing stands in the place of, and no link either. */
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

/** Modes during writing: other users cannot read the files. */
const PRIVATE_FILE = 0o600;
export const PRIVATE_DIRECTORY = 0o700;

const DIRECTORY_MODE = 0o777;
const FILE_MODE = 0o666;

/** Bytes that are written at once. */
const PART_BYTES = 2 ** 20;

/** A file that others are hard links to. */
interface Linked {
  readonly path: ByteText;
  readonly entry: TreeEntry;
}

/**
 * Writes below one directory, which is new and belongs to it alone. Symbolic links come after all that could follow them, and
 * attributes after that.
 */
export class TreeWriter implements Progress {
  files = 0;
  bytes = 0;
  readonly problems: WriteProblem[] = [];
  private readonly pending: Pending[] = [];
  /** Made last: symbolic links, their hard links, and files that require a command of the host. */
  private readonly later: (() => void)[] = [];
  private readonly commands: HostCommand[] = [];
  /** By path: the first path of the same file. */
  private readonly sameFile = new Map<ByteText, ByteText>();
  /** Those first paths; with what was written there, once it was. */
  private readonly linked = new Map<ByteText, Linked | undefined>();
  private readonly part = new Uint8Array(PART_BYTES);

  constructor(
    private readonly store: StoreView,
    private readonly options: WriteOptions,
    /** Gives way now and then. Its `pause` throws where a signal has come. */
    private readonly pace: Pace<Progress>,
    /** Where it writes for now, and where that will be. */
    private readonly place: { readonly aside: ByteText; readonly path: ByteText },
  ) {}

  /** How messages call a path. */
  private readonly told = (path: ByteText): string => {
    const { aside, path: final } = this.place;
    return shown(path.startsWith(aside) ? ((final + path.slice(aside.length)) as ByteText) : path);
  };

  /** Writes the entries of a tree into the directory `path`. */
  async writeTree(listing: Listing, path: ByteText): Promise<void> {
    this.pending.push({ path, attributes: attributesOf(listing, DIRECTORY_MODE), isLink: false });
    for (const [first, ...others] of listing.hardLinks) {
      const target = joined(path, first!);
      this.linked.set(target, undefined);
      for (const other of others) this.sameFile.set(joined(path, other), target);
    }
    for (const entry of listing.entries) await this.writeEntry(entry, joined(path, entry.name), listing);
  }

  /** Writes a file. Without attributes it gets the mode that any new file gets. */
  async writeFile(tree: RecordTree, path: ByteText, attributes?: Attributes): Promise<void> {
    const file = onFile('write', this.told(path), () => openSync(bytesOfText(path), NEW_FILE, PRIVATE_FILE));
    try {
      await this.writePages(tree, file, path);
    } catch (error) {
      throw readFailure(this.told(path), error);
    } finally {
      closeSync(file);
    }
    this.pending.push({ path, attributes: attributes ?? { mode: FILE_MODE & ~process.umask() }, isLink: false });
    this.files++;
  }

  /**
   * Makes the links, and sets all attributes but those of the paths `late`, which are returned: of directories that are moved
   * before they get theirs.
   */
  async finish(late: ReadonlySet<ByteText>): Promise<readonly Pending[]> {
    for (const make of this.later) {
      make();
      if (this.pace.isDue) await this.pace.pause();
    }
    const failed = await this.perform();
    await this.set(this.pending.filter(({ path }) => !late.has(path) && !failed.has(path)));
    return this.pending.filter(({ path }) => late.has(path));
  }

  /** Sets attributes. */
  async set(pending: readonly Pending[]): Promise<void> {
    this.problems.push(...(await this.stepwise(setAttributes(pending, this.options, this.told))));
  }

  private async writeEntry(entry: TreeEntry, path: ByteText, listing: Listing): Promise<void> {
    if (entry.type === 'tree') {
      onFile('make directory', this.told(path), () => mkdirSync(bytesOfText(path), PRIVATE_DIRECTORY));
      return this.writeTree(this.store.listing(entry.id, this.told(path)), path);
    }
    const first = this.firstPath(path);
    const linked = this.linked.get(first);
    if (linked && isOneFile(linked.entry, entry)) return this.makeHardLink(linked, path);
    this.linkedFrom(first, path, entry);
    const isOld = listing.version === 1;
    const attributes = isOld ? { mode: entry.attributes.mode & ~process.umask() } : entry.attributes;
    if (entry.type === 'file') await this.writeFile(this.open(entry.id, path), path, attributes);
    else if (entry.type === 'link') {
      this.pending.push({ path, attributes, isLink: true });
      this.later.push(() =>
        onFile('make link', this.told(path), () => symlinkSync(bytesOfText(entry.target), bytesOfText(path))),
      );
    } else if (entry.type !== 'fifo' && !this.options.devices)
      this.problems.push({ path: this.told(path), reason: `it is a ${entry.type}, which --devices makes` });
    else {
      this.commands.push(commandFor(entry, path));
      this.pending.push({ path, attributes, isLink: false });
    }
  }

  private open(id: string, path: ByteText): RecordTree {
    try {
      return this.store.tree(id);
    } catch (error) {
      throw readFailure(this.told(path), error);
    }
  }

  /** The path that was the first to be met of a file, by all listings that say so. */
  private firstPath(path: ByteText): ByteText {
    let first = path;
    for (let other = this.sameFile.get(first); other !== undefined; other = this.sameFile.get(first)) first = other;
    return first;
  }

  private linkedFrom(first: ByteText, path: ByteText, entry: TreeEntry): void {
    if (first !== path)
      this.problems.push({
        path: this.told(path),
        reason: `it differs from '${this.told(first)}', of which it is said to be a hard link`,
      });
    else if (this.linked.has(path)) this.linked.set(path, { path, entry });
  }

  private makeHardLink({ path: first, entry }: Linked, path: ByteText): void {
    const make = (): void =>
      onFile('make link', this.told(path), () => linkSync(bytesOfText(first), bytesOfText(path)));
    if (entry.type === 'file') make();
    else if (entry.type === 'link') this.later.push(make);
    else this.commands.push({ words: ['ln', '-P', '--', first, path], paths: [path] });
  }

  /** Runs of zeros stay holes; pages that follow one another are written at once. */
  private async writePages(tree: RecordTree, file: number, path: ByteText): Promise<void> {
    let [start, filled] = [0, 0];
    const flush = (): void => {
      onFile('write', this.told(path), () => {
        for (let done = 0; done < filled;) done += writeSync(file, this.part, done, filled - done, start + done);
      });
      filled = 0;
    };
    for (const { first, count, leaf } of tree.runs(0, tree.pages)) {
      const at = first * PAGE_SIZE;
      if (filled > 0 && (at !== start + filled || filled + PAGE_SIZE > PART_BYTES)) flush();
      if (leaf === undefined) this.bytes += Math.min(count * PAGE_SIZE, tree.lengthBytes - at);
      else {
        if (filled === 0) start = at;
        const page = tree.page(leaf).subarray(0, tree.lengthBytes - at);
        this.part.set(page, filled);
        filled += page.length;
        this.bytes += page.length;
      }
      if (this.pace.isDue) await this.pace.pause();
    }
    flush();
    onFile('write', this.told(path), () => ftruncateSync(file, tree.lengthBytes));
  }

  /** Makes what Node has no calls for. What fails is reported, and has no attributes to set. */
  private async perform(): Promise<Set<ByteText>> {
    const failed = await this.stepwise(performCommands(this.commands));
    for (const { paths, reason } of failed)
      for (const path of paths)
        this.problems.push({ path: this.told(path), reason: `it could not be made: ${reason}` });
    return new Set(failed.flatMap(({ paths }) => paths));
  }

  private async stepwise<T>(steps: Generator<void, T, undefined>): Promise<T> {
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
      if (this.pace.isDue) await this.pace.pause();
    }
  }
}

function commandFor(entry: FifoEntry | DeviceEntry, path: ByteText): HostCommand {
  if (entry.type === 'fifo') return { words: ['mkfifo', '-m', '600', '--', path], paths: [path] };
  const letter = entry.type === 'block device' ? 'b' : 'c';
  return { words: ['mknod', '-m', '600', '--', path, letter, `${entry.major}`, `${entry.minor}`], paths: [path] };
}

function attributesOf({ attributes }: Listing, otherwise: number): Attributes {
  return attributes ?? { mode: otherwise & ~process.umask() };
}
