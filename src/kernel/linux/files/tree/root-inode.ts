/** The inodes of files that the root of a machine has. */
import { LinuxError } from '../../errno.js';
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../constants.js';
import { FileContent } from '../content.js';
import { TreeDirectory, type DirectoryEntry } from './directory.js';
import { RegularFile, SpecialFile, SymbolicLink, boundFileSystem, type Inode, type InodeAttributes } from './inode.js';
import type { LinuxRoot, RootStatus } from './linux-root.js';
import { numberOfPath } from './path-number.js';

/** Where a file of the root is found. */
interface RootPlace {
  readonly path: string;
  readonly directory: TreeDirectory;
  readonly name: string;
}

export function attributesOf({ mode, owner, group, links, modified }: RootStatus): InodeAttributes {
  return { mode, owner, group, links, time: modified };
}

/** The names that a directory has in the root, by its path there: '' for the root itself. Throws LinuxError. */
export function entriesOfRoot(root: LinuxRoot, path: string): readonly DirectoryEntry[] {
  const entries = root.list(path === '' ? '/' : path);
  if (typeof entries === 'number') throw new LinuxError(entries);
  return entries.map(({ name, type }) => ({ name, type, number: numberOfPath(`${path}/${name}`) }));
}

/** Makes the inode of a file that the root tells of. */
export function inodeOfRoot(id: number, status: RootStatus, { path, directory, name }: RootPlace): Inode {
  const fileSystem = status.mount === 'here' ? boundFileSystem(id) : directory.fileSystem;
  const identity = { id, number: numberOfPath(path), fileSystem };
  const attributes = attributesOf(status);
  switch (status.mode & S_IFMT) {
    case S_IFDIR: {
      const place = { parentId: directory.id, name };
      return new TreeDirectory(identity, attributes, place, path, status.size, status.blocks);
    }
    case S_IFLNK:
      return new SymbolicLink(identity, attributes, status.target);
    case S_IFREG: {
      const content = FileContent.ofRoot(path, status.stamp, status.size);
      return new RegularFile(identity, attributes, content, status.blocks);
    }
    default:
      return new SpecialFile(identity, attributes);
  }
}
