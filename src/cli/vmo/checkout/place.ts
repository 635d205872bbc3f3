/** Where a checkout goes: it is written aside, and appears at its place when it is whole. What fails leaves nothing behind. */
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from 'node:fs';
import { bytesOfText, joined, shown, type ByteText } from '../../../host/byte-text.js';
import { isSystemError, onFile } from '../../../host/failure.js';
import type { Attributes, Listing } from '../../../host/store/listing.js';
import { Failure } from '../../failure.js';
import type { RecordTree } from '../../../index.js';
import { PRIVATE_DIRECTORY, type TreeWriter } from './tree-writer.js';

/** Makes the writer of what is written aside. */
export type NewWriter = (place: { readonly aside: ByteText; readonly path: ByteText }) => TreeWriter;

/** Writes a file to `path`, where nothing is. Throws Failure. */
export async function placeFile(
  newWriter: NewWriter,
  { tree, attributes }: { readonly tree: RecordTree; readonly attributes?: Attributes | undefined },
  path: ByteText,
): Promise<TreeWriter> {
  if (statusOf(path)) throw alreadyThere('write', path);
  const aside = besides(path);
  const writer = newWriter({ aside, path });
  try {
    await writer.writeFile(tree, aside, attributes);
    await writer.finish(new Set());
    // A link, unlike a new name, does not replace what another process may have put there.
    onFile('write', shown(path), () => linkSync(bytesOfText(aside), bytesOfText(path)));
    return writer;
  } finally {
    rmSync(bytesOfText(aside), { force: true });
  }
}

/** Writes a tree to `path`, where nothing is but perhaps an empty directory. Throws Failure. */
export async function placeTree(newWriter: NewWriter, listing: Listing, path: ByteText): Promise<TreeWriter> {
  const status = statusOf(path);
  if (status === undefined) return placeNew(newWriter, listing, path);
  if (status.isDirectory() && isEmpty(path)) return fill(newWriter, listing, path);
  throw alreadyThere('make directory', path);
}

/** Beside it, under a name of this process, until it is whole. */
async function placeNew(newWriter: NewWriter, listing: Listing, path: ByteText): Promise<TreeWriter> {
  const aside = besides(path);
  const writer = newWriter({ aside, path });
  makeDirectory(aside, path);
  try {
    await writer.writeTree(listing, aside);
    await writer.finish(new Set());
    onFile('make directory', shown(path), () => renameSync(bytesOfText(aside), bytesOfText(path)));
    return writer;
  } catch (error) {
    removeTree(aside);
    throw error;
  }
}

/**
 * Within the directory, which may be one that cannot be replaced: a mount point, the working directory. Directories that are moved
 * out of there get their attributes after that: without the right to write, they could not be moved.
 */
async function fill(newWriter: NewWriter, listing: Listing, path: ByteText): Promise<TreeWriter> {
  const taken = new Set<string>(listing.entries.map(({ name }) => name));
  let name = `.bd0-checkout-${process.pid}`;
  while (taken.has(name)) name += '-';
  const aside = joined(path, name as ByteText);
  const writer = newWriter({ aside, path });
  const moved: ByteText[] = [];
  makeDirectory(aside, path);
  try {
    await writer.writeTree(listing, aside);
    const trees = listing.entries.filter(({ type }) => type === 'tree');
    const late = await writer.finish(new Set([aside, ...trees.map((entry) => joined(aside, entry.name))]));
    for (const file of readdirSync(bytesOfText(aside), { encoding: 'buffer' })) {
      const to = joined(path, file.toString('latin1') as ByteText);
      onFile('write', shown(to), () =>
        renameSync(Buffer.concat([bytesOfText(aside), Buffer.from('/'), file]), bytesOfText(to)),
      );
      moved.push(to);
    }
    onFile('write', shown(path), () => rmdirSync(bytesOfText(aside)));
    await writer.set(
      late.map((pending) => ({ ...pending, path: (path + pending.path.slice(aside.length)) as ByteText })),
    );
    return writer;
  } catch (error) {
    for (const each of [...moved, aside]) removeTree(each);
    throw error;
  }
}

function makeDirectory(aside: ByteText, path: ByteText): void {
  onFile('make directory', shown(path), () => mkdirSync(bytesOfText(aside), PRIVATE_DIRECTORY));
}

function besides(path: ByteText): ByteText {
  return `${path.replace(/\/+$/, '')}.${process.pid}.part` as ByteText;
}

function alreadyThere(doing: string, path: ByteText): Failure {
  return new Failure(`cannot ${doing} '${shown(path)}': file already exists`);
}

function statusOf(path: ByteText): ReturnType<typeof lstatSync> | undefined {
  return onFile('write to', shown(path), () => lstatSync(bytesOfText(path), { throwIfNoEntry: false }));
}

function isEmpty(path: ByteText): boolean {
  return onFile('write to', shown(path), () => readdirSync(bytesOfText(path), { encoding: 'buffer' }).length === 0);
}

/** Removes what this process has made, whatever modes its directories have by now. */
function removeTree(path: ByteText): void {
  const bytes = bytesOfText(path);
  try {
    if (lstatSync(bytes).isDirectory()) {
      chmodSync(bytes, PRIVATE_DIRECTORY);
      for (const name of readdirSync(bytes, { encoding: 'buffer' }))
        removeTree(joined(path, name.toString('latin1') as ByteText));
      rmdirSync(bytes);
    } else unlinkSync(bytes);
  } catch (error) {
    // The original failure is reported; the name of what could not be removed shows what it is.
    if (!isSystemError(error)) throw error;
  }
}
