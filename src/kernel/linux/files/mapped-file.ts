/** Which files listings of mappings, and links of /proc, name. */
import type { MappedFile } from '../../memory/mapping.js';
import { LinuxError } from '../errno.js';
import { textOfBytes } from './byte-text.js';
import type { FileSystem } from './file-system.js';
import type { NamedFile } from './notify/watch.js';
import type { OpenFile } from './open/open-file.js';
import type { Directory } from './tree/directory.js';
import { walk, type Walker } from './tree/path-walk.js';

/** The file at a path, without symbolic links in its own; where there is none, the path alone, from `/`, with the numbers 0. */
export function mappedFileAt(files: FileSystem, walker: Walker, path: Uint8Array): MappedFile {
  const text = textOfBytes(path);
  try {
    const { inode, ...knownAs } = walk(files, walker, text, 'follow');
    if (inode) return mappedFileNamed(files, { inode, knownAs }, text);
  } catch (error) {
    if (!(error instanceof LinuxError)) throw error;
  }
  return { path: absolute(text), fileSystem: 0, number: 0 };
}

/** A file that was found by a path. */
export function mappedFileNamed(files: FileSystem, { inode, knownAs }: NamedFile, path: string): MappedFile {
  const { fileSystem, number } = inode;
  const above = knownAs && files.pathOf(knownAs.directory as Directory);
  if (above === undefined) return { path: absolute(path), fileSystem, number };
  return { path: above === '/' ? `/${knownAs!.name}` : `${above}/${knownAs!.name}`, fileSystem, number };
}

/** The file of a description. */
export function mappedFileOf(files: FileSystem, open: OpenFile): MappedFile {
  const { fileSystem, number } = open.inode;
  return { path: files.pathOfOpen(open), fileSystem, number };
}

function absolute(path: string): string {
  return path.startsWith('/') ? path : `/${path.replace(/^(\.\/+)+/, '')}`;
}
