import { schema } from '../../../../state/schema.js';
import { LinuxError, LinuxErrno } from '../../errno.js';
import {
  FILE_BYTES_MAX,
  O_APPEND,
  O_NOATIME,
  S_ISGID,
  S_ISUID,
  S_IXGRP,
  SEEK_CUR,
  SEEK_DATA,
  SEEK_END,
  SEEK_HOLE,
  SEEK_SET,
} from '../constants.js';
import type { FileSystem } from '../file-system.js';
import { dropName } from '../notify/open-name.js';
import { IN_ACCESS, IN_CLOSE_NOWRITE, IN_CLOSE_WRITE, IN_MODIFY, tellOpened } from '../notify/watch.js';
import { requireResizable, requireWritable } from '../seals.js';
import type { RegularFile } from '../tree/inode.js';
import { OPEN_FILE_FIELDS, OpenFile, type Deliver } from './open-file.js';

/** A regular file that is open. */
export class OpenRegularFile extends OpenFile {
  static readonly state = schema('open regular file', OpenRegularFile, OPEN_FILE_FIELDS);

  declare readonly inode: RegularFile;

  override get isSeekable(): boolean {
    return true;
  }

  read(files: FileSystem, length: number, deliver: Deliver, at?: number): number {
    const bytes = this.inode.content.read(at ?? this.position, length, files);
    deliver(bytes);
    if (at === undefined) this.position += bytes.length;
    if (length > 0) this.noteRead(files);
    if (bytes.length > 0) tellOpened(files, this, IN_ACCESS);
    return bytes.length;
  }

  /** It was read, with or without success. */
  noteRead(files: FileSystem): void {
    if ((this.flags & O_NOATIME) === 0) noteRead(files, this.inode);
  }

  write(files: FileSystem, bytes: Uint8Array, at?: number): number {
    const { content } = this.inode;
    const from = this.flags & O_APPEND ? content.size : (at ?? this.position);
    const room = FILE_BYTES_MAX - from;
    if (bytes.length === 0) return 0;
    if (room <= 0) throw new LinuxError(LinuxErrno.EFBIG);
    const written = bytes.subarray(0, Math.min(bytes.length, room));
    requireWritable(this.inode.seals);
    requireResizable(this.inode.seals, content.size, Math.max(content.size, from + written.length));
    content.write(from, written, files);
    if (at === undefined) this.position = from + written.length;
    noteWrite(files, this.inode);
    tellOpened(files, this, IN_MODIFY);
    return written.length;
  }

  override close(files: FileSystem): void {
    tellOpened(files, this, this.isWritable ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
    if (this.knownAs) dropName(files, this.inode, this.knownAs);
    super.close(files);
  }

  override seek(_files: FileSystem, offset: number, whence: number): number {
    const to = seekTarget(this.position, this.inode.size, offset, whence);
    if (!(to >= 0 && to <= FILE_BYTES_MAX)) throw new LinuxError(LinuxErrno.EINVAL);
    return (this.position = to);
  }

  override readableBytes(): number {
    return this.inode.size - this.position;
  }
}

/** Where lseek(2) leads in a file of `size` bytes, all of which are data. Throws ENXIO and EINVAL. */
function seekTarget(position: number, size: number, offset: number, whence: number): number {
  switch (whence) {
    case SEEK_SET:
      return offset;
    case SEEK_CUR:
      return position + offset;
    case SEEK_END:
      return size + offset;
    case SEEK_DATA:
    case SEEK_HOLE:
      if (offset < 0 || offset >= size) throw new LinuxError(LinuxErrno.ENXIO);
      return whence === SEEK_DATA ? offset : size;
    default:
      throw new LinuxError(LinuxErrno.EINVAL);
  }
}

/** Truncates or lengthens a file. Throws EFBIG. */
export function resize(files: FileSystem, file: RegularFile, size: number): void {
  if (size > FILE_BYTES_MAX) throw new LinuxError(LinuxErrno.EFBIG);
  requireResizable(file.seals, file.size, size);
  file.content.truncate(size, files);
  noteWrite(files, file);
}

/** The time of the last access changes as with the mount option relatime. mount(8) */
export function noteRead(files: FileSystem, inode: { accessed: bigint; modified: bigint; changed: bigint }): void {
  const { now } = files;
  const dayNs = 86_400_000_000_000n;
  if (inode.accessed > inode.modified && inode.accessed > inode.changed && now - inode.accessed < dayNs) return;
  inode.accessed = now;
}

/** What was written is not what its owner had given rights to. */
function noteWrite(files: FileSystem, file: RegularFile): void {
  file.modified = files.now;
  file.changed = file.modified;
  if (file.mode & S_ISUID) file.mode &= ~S_ISUID;
  if ((file.mode & (S_ISGID | S_IXGRP)) === (S_ISGID | S_IXGRP)) file.mode &= ~S_ISGID;
}
