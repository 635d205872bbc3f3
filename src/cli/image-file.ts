import { closeSync, fstatSync, openSync, readSync, readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { VmoHandle, VmoStore } from '../index.js';
import { EXIT_NOT_FOUND, EXIT_NOT_RUNNABLE, Failure, fileFailure, isSystemError } from './failure.js';

/** Bytes read at once. */
const PART_BYTES = 2 ** 20;

/** The guest images that come with bd0, seen from dist/src/cli. */
const packagedImages = fileURLToPath(new URL('../../guest', import.meta.url));

/** The longest name of a process, in bytes of UTF-8: design/bd0-os.md. */
const LONGEST_NAME = 63;

/**
 * The host file that IMAGE means: a file of that name, else one under `root` (the images that come with bd0 if undefined).
 * Throws Failure: 127 where there is none.
 */
export function findImage(image: string, root: string | undefined): string {
  if (root !== undefined && !isDirectory(root)) throw new Failure(`--root '${root}' is not a directory`);
  if (kindOf(image) === 'file') return image;
  const directory = root ?? packagedImages;
  // A name under the root is no path that leads out of it.
  const named = join(directory, image);
  if (!image.includes('/') && kindOf(named) === 'file') return named;
  const kind = kindOf(image);
  if (kind === 'directory') throw new Failure(`'${image}' is a directory, not an image`, EXIT_NOT_RUNNABLE);
  if (kind === 'other') throw new Failure(`'${image}' is not a regular file`, EXIT_NOT_RUNNABLE);
  throw new Failure(`there is no image '${image}': ${namesUnder(directory, root)}`, EXIT_NOT_FOUND);
}

/** Reads a host file into a VMO, which the caller closes. Throws Failure: 126 where it cannot be read. */
export function readImage(store: VmoStore, path: string): VmoHandle {
  const builder = store.builder();
  try {
    forEachPart(path, (part) => builder.append(part));
    return builder.finish();
  } catch (error) {
    throw fileFailure('read image', path, error, EXIT_NOT_RUNNABLE);
  }
}

/** The name of the process that runs an image: the last part of its path, cut to what fits. */
export function processName(path: string): string {
  let name = basename(path);
  while (Buffer.byteLength(name) > LONGEST_NAME) name = [...name].slice(0, -1).join('');
  return name;
}

/** Reads a file, or stdin where the path is a number, part by part; a part is good until the next one. */
export function forEachPart(path: string | number, use: (part: Uint8Array) => void): void {
  const part = new Uint8Array(PART_BYTES);
  const file = typeof path === 'number' ? path : openSync(path, 'r');
  try {
    for (;;) {
      const length = readSync(file, part);
      if (length === 0) return;
      use(part.subarray(0, length));
    }
  } finally {
    if (file !== path) closeSync(file);
  }
}
