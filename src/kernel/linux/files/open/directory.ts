import { schema, value } from '../../../../state/schema.js';
import { LinuxError, LinuxErrno } from '../../errno.js';
import { S_IFDIR, SEEK_CUR, SEEK_SET } from '../constants.js';
import type { FileSystem } from '../file-system.js';
import type { Directory, DirectoryEntry } from '../tree/directory.js';
import { dropName } from '../notify/open-name.js';
import { IN_ACCESS, IN_CLOSE_NOWRITE, tellOpened } from '../notify/watch.js';
import { OPEN_FILE_FIELDS, OpenFile } from './open-file.js';
import { noteRead } from './regular.js';

/** A directory that is open. Its names are those that it has when they are read from the start. */
export class OpenDirectory extends OpenFile {
  static readonly state = schema('open directory', OpenDirectory, { ...OPEN_FILE_FIELDS, listed: value });

  declare readonly inode: Directory;
  private listed: readonly DirectoryEntry[] | undefined;

  override get isSeekable(): boolean {
    return true;
  }

  read(): never {
    throw new LinuxError(LinuxErrno.EISDIR);
  }

  write(): never {
    throw new LinuxError(LinuxErrno.EBADF);
  }

  /** The names from its position on, those of itself and of its parent first; `take` returns false where one has no room. */
  list(files: FileSystem, take: (entry: DirectoryEntry, position: number) => boolean): void {
    const { inode } = this;
    if (inode.name === undefined) throw new LinuxError(LinuxErrno.ENOENT);
    if (this.position === 0 || !this.listed) {
      const parent = inode.parent(files);
      this.listed = [
        { name: '.', number: inode.number, type: S_IFDIR },
        { name: '..', number: parent.number, type: S_IFDIR },
        ...inode.entries(files),
      ];
      noteRead(files, inode);
    }
    for (let entry; (entry = this.listed[this.position]); this.position++) if (!take(entry, this.position + 1)) break;
    tellOpened(files, this, IN_ACCESS);
  }

  override close(files: FileSystem): void {
    tellOpened(files, this, IN_CLOSE_NOWRITE);
    if (this.knownAs) dropName(files, this.inode, this.knownAs);
    super.close(files);
  }

  override seek(_files: FileSystem, offset: number, whence: number): number {
    const to = whence === SEEK_SET ? offset : whence === SEEK_CUR ? this.position + offset : -1;
    if (!(to >= 0)) throw new LinuxError(LinuxErrno.EINVAL);
    return (this.position = to);
  }
}
