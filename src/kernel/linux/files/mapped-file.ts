/** Which files listings of mappings name. */
import type { MappedFile } from '../../memory/mapping.js';
import { LinuxError } from '../errno.js';
import { textOfBytes } from './byte-text.js';
import { SUPERUSER } from './credentials.js';
import type { FileSystem } from './file-system.js';
import type { OpenFile } from './open/open-file.js';
import { walk } from './tree/path-walk.js';

/** The file at an absolute path; where there is none, the path alone, with the numbers 0. */
export function mappedFileAt(files: FileSystem, path: Uint8Array): MappedFile {
  const text = textOfBytes(path);
  try {
    const { directory, name, inode } = walk(files, { credentials: SUPERUSER, start: files.root }, text, 'follow');
    const above = files.pathOf(directory);
    if (inode && above !== undefined) {
      const { number, fileSystem } = inode;
      return { path: above === '/' ? `/${name}` : `${above}/${name}`, fileSystem, number };
    }
  } catch (error) {
    if (!(error instanceof LinuxError)) throw error;
  }
  return { path: text, fileSystem: 0, number: 0 };
}

/** The file of a description. */
export function mappedFileOf(files: FileSystem, open: OpenFile): MappedFile {
  const { fileSystem, number } = open.inode;
  return { path: files.pathOfOpen(open), fileSystem, number };
}
