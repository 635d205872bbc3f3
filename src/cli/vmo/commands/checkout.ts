/** `bd0 vmo checkout`: writes a tree or a file of a store to the host, and nothing outside of where it was told to. */
import { closeSync, constants, ftruncateSync, lstatSync, mkdirSync, openSync, readdirSync, symlinkSync, writeSync } from 'node:fs'; // prettier-ignore
import { join } from 'node:path';
import { PAGE_SIZE, type RecordTree } from '../../../index.js';
import { Failure } from '../../failure.js';
import { fileFailure } from '../../../host/failure.js';
import { tellJson } from '../output.js';
import { requireWords } from '../perform.js';
import { progressText, StatusLine } from '../progress.js';
import type { StoreView, TreeEntry } from '../content/store-view.js';
import { withStored } from '../content/target.js';

/** The options of the command. */
export interface CheckoutOptions {
  readonly store?: string | undefined;
  readonly json: boolean;
}

/** A new file, which nothing stands in the place of, and no link either. */
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

const FILE_MODE = 0o666;
const EXECUTABLE_MODE = 0o777;

/** Writes TARGET to PATH. Throws Failure. */
export async function checkout(words: readonly string[], options: CheckoutOptions): Promise<number> {
  requireWords(words, 'checkout', 'a TARGET and a PATH', 2, 2);
  const path = words[1]!;
  await withStored(words.slice(0, 1), options.store, 'read', ([target], store) => {
    const { tree, id, word, contentKind } = target!;
    const writer = new TreeWriter(store);
    try {
      if (contentKind === 'tree') writer.writeTree(store.listing(id, word), path);
      else writer.writeFile(tree, path, false);
      writer.writeLinks();
    } finally {
      writer.status.end();
    }
    if (options.json) tellJson({ id, path, files: writer.files, bytes: writer.bytes });
  });
  return 0;
}

/** Writes trees. Links come last, when nothing is written any more that could follow them. */
class TreeWriter {
  files = 0;
  bytes = 0;
  readonly status = new StatusLine();
  private readonly links: { path: string; target: string }[] = [];

  constructor(private readonly store: StoreView) {}

  /** Makes the directory `path`, or takes an empty one that is there. */
  writeTree(entries: readonly TreeEntry[], path: string): void {
    if (!isEmptyDirectory(path)) attempt('make directory', path, () => mkdirSync(path));
    this.writeEntries(entries, path);
  }

  writeFile(tree: RecordTree, path: string, executable: boolean): void {
    attempt('write', path, () => {
      const file = openSync(path, NEW_FILE, executable ? EXECUTABLE_MODE : FILE_MODE);
      try {
        this.writePages(tree, file);
      } finally {
        closeSync(file);
      }
    });
    this.files++;
  }

  writeLinks(): void {
    for (const { path, target } of this.links) attempt('make link', path, () => symlinkSync(target, path));
  }

  private writeEntries(entries: readonly TreeEntry[], directory: string): void {
    for (const entry of entries) {
      requireSafe(entry.name);
      const path = join(directory, entry.name);
      if (entry.type === 'tree') {
        attempt('make directory', path, () => mkdirSync(path));
        this.writeEntries(this.store.listing(entry.id, path), path);
      } else if (entry.type === 'file') this.writeFile(this.store.tree(entry.id), path, entry.executable);
      else this.links.push({ path, target: entry.target });
    }
  }

  /** Pages of zeros stay holes. */
  private writePages(tree: RecordTree, file: number): void {
    for (const { first, count, leaf } of tree.runs(0, tree.pages)) {
      const at = first * PAGE_SIZE;
      if (leaf === undefined) this.bytes += Math.min(count * PAGE_SIZE, tree.lengthBytes - at);
      else {
        const page = tree.page(leaf).subarray(0, tree.lengthBytes - at);
        for (let done = 0; done < page.length;) done += writeSync(file, page, done, page.length - done, at + done);
        this.bytes += page.length;
      }
      this.status.update((seconds) => progressText('writing', this, undefined, seconds));
    }
    ftruncateSync(file, tree.lengthBytes);
  }
}

/** Refuses a name that would lead elsewhere, whoever made the tree. */
function requireSafe(name: string): void {
  if (['', '.', '..'].includes(name) || /[/\0]/.test(name))
    throw new Failure(`the tree has an entry ${JSON.stringify(name)}, which is no name of a file`);
}

function isEmptyDirectory(path: string): boolean {
  return attempt('write to', path, () => {
    const stat = lstatSync(path, { throwIfNoEntry: false });
    return stat?.isDirectory() === true && readdirSync(path).length === 0;
  });
}

function attempt<T>(doing: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fileFailure(doing, path, error);
  }
}
