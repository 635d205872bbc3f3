import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  readdirSync,
  readlinkSync,
  statSync,
  type Dirent,
} from 'node:fs';
import { basename, join } from 'node:path';
import { packageRoot } from '../package-root.js';
import type { VmoHandle, VmoStore } from '../../index.js';
import { ElfError } from '../../kernel/program/elf-fields.js';
import { abiOf, parseElf } from '../../kernel/program/elf.js';
import { LinuxError } from '../../kernel/linux/errno.js';
import { LINE_BYTES, interpreterOf } from '../../kernel/linux/tasks/script.js';
import { HostError, fileFailure, isSystemError } from '../failure.js';
import { suggestion } from '../nearest.js';

/** Bytes read at once. */
const PART_BYTES = 2 ** 20;

/** The longest image: it is read as a whole, since its identity is that of all its bytes. */
const MAX_IMAGE_BYTES = 2 ** 30;

/** The guest images that come with bd0. */
export const packagedImages = join(packageRoot, 'dist', 'guest');

/** Symbolic links that are followed for one path. */
const LINKS_MAX = 40;

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
 * Throws HostError: `not-found` for no such file, with a suggestion from these names and `otherNames`; `not-runnable` for
 * something that is not a regular file.
 */
export function findImage(image: string, root?: string, otherNames: readonly string[] = []): string {
  const directory = rootDirectory(root);
  const kind = kindOf(image);
  if (kind === 'file') return image;
  const named = join(directory, image);
  // A name under the root is no path, which could lead out of it.
  if (basename(image) === image && kindOf(named) === 'file') return named;
  if (kind === 'directory') throw new HostError(`'${image}' is a directory, not an image`, 'not-runnable');
  if (kind === 'other') throw new HostError(`'${image}' is not a regular file`, 'not-runnable');
  const names = imageNames(root);
  const meant = suggestion(image, [...names, ...otherNames], () => `, and ${listOf(names, directory)}`);
  throw new HostError(`there is no file '${image}'${meant}`, 'not-found');
}

/** The names of files under `root` (the images that come with bd0 if undefined), ascending. */
export function imageNames(root: string | undefined): string[] {
  const directory = root ?? packagedImages;
  if (kindOf(directory) !== 'directory') return [];
  const isImage = (entry: Dirent): boolean =>
    entry.isFile() || (entry.isSymbolicLink() && isFile(join(directory, entry.name)));
  return readdirSync(directory, { withFileTypes: true })
    .filter(isImage)
    .map(({ name }) => name)
    .sort();
}

/** Whether IMAGE is a host file. */
export function isFile(image: string): boolean {
  return kindOf(image) === 'file';
}

/**
 * The host file that an absolute path means to programs whose root is `root`: symbolic links lead where they would if that were
 * all there is. Undefined where there is no such regular file, without a root, and for other paths.
 */
export function fileInRoot(image: string, root: string | undefined): string | undefined {
  if (root === undefined || !image.startsWith('/')) return undefined;
  const names = image.split('/');
  const at: string[] = [];
  for (let links = 0; names.length > 0;) {
    const name = names.shift()!;
    if (name === '..') at.pop();
    if (name === '' || name === '.' || name === '..') continue;
    const target = linkTarget(join(root, ...at, name));
    if (target === undefined) at.push(name);
    else if (++links > LINKS_MAX) return undefined;
    else {
      if (target.startsWith('/')) at.length = 0;
      names.unshift(...target.split('/'));
    }
  }
  const found = join(root, ...at);
  return isFile(found) ? found : undefined;
}

/** What a symbolic link says; undefined for anything else. */
function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (isSystemError(error)) return undefined;
    throw error;
  }
}

/** Whether IMAGE is a host file, or one below `root`, that is a program of Linux. */
export function isLinuxImage(given: string, root?: string): boolean {
  const image = fileInRoot(given, root) ?? given;
  if (!isFile(image)) return false;
  try {
    const file = openImageFile(image);
    try {
      const length = fstatSync(file).size;
      return abiOf({ length, read: (offset, count) => readPart(image, file, count, offset) }) === 'linux';
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof ElfError || error instanceof HostError) return false;
    throw error;
  }
}

/**
 * The program of Linux that runs IMAGE where that is a script, and its argument if the script gives one: files of the host, or below
 * `root`. Undefined for what is no script, or one whose program is not there.
 */
export function scriptInterpreter(given: string, root?: string): readonly string[] | undefined {
  const image = root === undefined || root === '/' ? given : fileInRoot(given, root);
  if (image === undefined || !isFile(image)) return undefined;
  try {
    const file = openImageFile(image);
    try {
      const found = interpreterOf(readPart(image, file, Math.min(fstatSync(file).size, LINE_BYTES), 0));
      return found && isLinuxImage(found[0]!, root) ? found : undefined;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof LinuxError || error instanceof HostError) return undefined;
    throw error;
  }
}

/** Whether IMAGE is a name under `root` (the images that come with bd0 if undefined). */
export function isUnderRoot(image: string, root: string | undefined): boolean {
  return basename(image) === image && isFile(join(root ?? packagedImages, image));
}

/**
 * Reads a host file into a VMO, which the caller closes. `pause` is called between parts of a megabyte; what it throws ends
 * the reading. A file of several parts is read only if its headers are those of a program that can run. Throws HostError
 * `not-runnable` if it cannot, has more than a gigabyte, or cannot be read.
 */
export async function readImage(
  store: VmoStore,
  path: string,
  pause: () => Promise<void> = async () => {},
): Promise<VmoHandle> {
  const file = openImageFile(path);
  try {
    const { size } = fstatSync(file);
    if (size > PART_BYTES) requireRunnable(path, file, size);
    const builder = store.builder();
    for (let part = readPart(path, file); part.length > 0; part = readPart(path, file)) {
      if (part.length > MAX_IMAGE_BYTES - builder.length) throw tooLarge(path, builder.length + part.length);
      builder.append(part);
      if (part.length === PART_BYTES) await pause();
    }
    return builder.commit();
  } finally {
    closeSync(file);
  }
}

/** Some files of the system would block for lack of data, such as those of the kernel's log. */
function openImageFile(path: string): number {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    throw fileFailure('read image', path, error, 'not-runnable');
  }
}

/** Up to PART_BYTES bytes from where the last part ended, or from `position`. */
function readPart(path: string, file: number, length = PART_BYTES, position: number | null = null): Uint8Array {
  const part = new Uint8Array(length);
  try {
    let filled = 0;
    for (let read = 1; read > 0 && filled < length; filled += read)
      read = readSync(file, part, filled, length - filled, position === null ? null : position + filled);
    return part.subarray(0, filled);
  } catch (error) {
    throw fileFailure('read image', path, error, 'not-runnable');
  }
}

/** Refuses a file by its headers alone, before gigabytes of it are read. */
function requireRunnable(path: string, file: number, size: number): void {
  try {
    const image = { length: size, read: (offset: number, length: number) => readPart(path, file, length, offset) };
    parseElf(image, abiOf(image));
  } catch (error) {
    if (!(error instanceof ElfError)) throw error;
    throw new HostError(`'${path}' is not runnable: ${error.message}`, 'not-runnable');
  }
  if (size > MAX_IMAGE_BYTES) throw tooLarge(path, size);
}

function tooLarge(path: string, size: number): HostError {
  const gigabytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 30)} GB`;
  const most = gigabytes(MAX_IMAGE_BYTES);
  return new HostError(
    `'${path}' is not runnable: it has ${gigabytes(size)}, an image at most ${most}`,
    'not-runnable',
  );
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

function listOf(names: readonly string[], directory: string): string {
  if (names.length === 0 && directory === packagedImages)
    return `the programs that come with bd0 are not built: npm run build makes them, with gcc or clang (apt install gcc)`;
  if (names.length === 0) return `'${directory}' has no files`;
  const listed = names.slice(0, LISTED_NAMES).join(', ') + (names.length > LISTED_NAMES ? ', ...' : '');
  return `'${directory}' has ${listed}`;
}
