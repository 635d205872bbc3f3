import { closeSync, openSync, readSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { packageRoot } from '../package-root.js';
import type { VmoHandle, VmoStore } from '../../index.js';
import { HostError, fileFailure, isSystemError } from '../failure.js';

/** Bytes read at once. */
const PART_BYTES = 2 ** 20;

/** The guest images that come with bd0. */
export const packagedImages = join(packageRoot, 'dist', 'guest');

/** The longest name of a process, in bytes of UTF-8: design/bd0-os.md. */
const LONGEST_NAME = 63;

/** Names that a message lists, at most. */
const LISTED_NAMES = 20;

/** The directory whose files guests see by name: that of `--root`, or the images that come with bd0. Throws HostError. */
export function rootDirectory(root: string | undefined): string {
  if (root !== undefined && kindOf(root) !== 'directory')
    throw new HostError(`--root '${root}' is not a directory`, 'invalid');
  return root ?? packagedImages;
}

/**
 * The host file that IMAGE means: a file of that name, else one under `root` (the images that come with bd0 if undefined).
 * Throws HostError: `not-found` for no such file, `not-runnable` for something else than a regular file.
 */
export function findImage(image: string, root: string | undefined): string {
  const directory = rootDirectory(root);
  const kind = kindOf(image);
  if (kind === 'file') return image;
  const named = join(directory, image);
  // A name under the root is no path, which could lead out of it.
  if (basename(image) === image && kindOf(named) === 'file') return named;
  if (kind === 'directory') throw new HostError(`'${image}' is a directory, not an image`, 'not-runnable');
  if (kind === 'other') throw new HostError(`'${image}' is not a regular file`, 'not-runnable');
  throw new HostError(`there is no file '${image}', and ${namesUnder(directory)}`, 'not-found');
}

/** Whether IMAGE is a host file. */
export function isFile(image: string): boolean {
  return kindOf(image) === 'file';
}

/** Whether IMAGE is a name under `root` (the images that come with bd0 if undefined). */
export function isUnderRoot(image: string, root: string | undefined): boolean {
  return basename(image) === image && isFile(join(root ?? packagedImages, image));
}

/** Reads a host file into a VMO, which the caller closes. Throws HostError `not-runnable` if it cannot be read. */
export function readImage(store: VmoStore, path: string): VmoHandle {
  const builder = store.builder();
  const part = new Uint8Array(PART_BYTES);
  try {
    const file = openSync(path, 'r');
    try {
      for (let length = readSync(file, part); length > 0; length = readSync(file, part))
        builder.append(part.subarray(0, length));
    } finally {
      closeSync(file);
    }
    return builder.commit();
  } catch (error) {
    throw fileFailure('read image', path, error, 'not-runnable');
  }
}

/** The name of the process that runs an image: the last part of its path, cut to what fits. */
export function processName(path: string): string {
  let name = basename(path);
  while (Buffer.byteLength(name) > LONGEST_NAME) name = [...name].slice(0, -1).join('');
  return name;
}

/** What stands at a path, links followed; undefined for nothing. */
function kindOf(path: string): 'file' | 'directory' | 'other' | undefined {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    return stat.isFile() ? 'file' : stat.isDirectory() ? 'directory' : 'other';
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOTDIR') return undefined;
    throw fileFailure('find', path, error);
  }
}

function namesUnder(directory: string): string {
  const names = kindOf(directory) === 'directory' ? readdirSync(directory).sort() : [];
  if (names.length === 0) return `no image is under '${directory}': npm run build makes bd0's own, with gcc or clang`;
  const listed = names.slice(0, LISTED_NAMES).join(', ') + (names.length > LISTED_NAMES ? ', ...' : '');
  return `what is under '${directory}' is ${listed}`;
}
