import { value } from '../../../../state/schema.js';
import { LinuxError, LinuxErrno } from '../../errno.js';
import { O_ACCMODE, O_RDONLY, O_WRONLY } from '../constants.js';
import type { FileTable } from '../file-table.js';
import type { OpenName } from '../notify/open-name.js';
import type { FileSystem } from '../file-system.js';
import type { Socket } from '../../sockets/socket.js';
import type { Inode } from '../tree/inode.js';

/** What poll(2) tells of a file: include/uapi/asm-generic/poll.h. */
export const POLLIN = 0x1;
export const POLLPRI = 0x2;
export const POLLOUT = 0x4;
export const POLLERR = 0x8;
export const POLLHUP = 0x10;
export const POLLNVAL = 0x20;
export const POLLRDNORM = 0x40;
export const POLLWRNORM = 0x100;
export const POLLWRBAND = 0x200;
export const POLLRDHUP = 0x2000;

/** Nothing can be read or written yet: the call waits for `OpenFile.numbers`, or answers EAGAIN. */
export const WAIT = 'wait';

/** Takes what was read. */
export type Deliver = (bytes: Uint8Array) => void;

/** The fields of all open files, for their schemas. */
export const OPEN_FILE_FIELDS = {
  inode: value,
  flags: value,
  references: value,
  position: value,
  place: value,
  knownAs: value,
};

/** The name that a file was opened by, for /proc/PID/fd. */
export interface OpenedName {
  readonly directory: Inode;
  readonly name: string;
}

/**
 * An open file description: what open(2) makes, and descriptors of one or more processes stand for. Subclasses say what reading
 * and writing mean.
 */
export abstract class OpenFile {
  /** Descriptors that stand for it, and calls that work on it. */
  references = 0;
  /** Where it is read and written next. */
  position = 0;
  /** The name that it was opened by, wherever that is now; undefined for files that are no regular files and directories. */
  knownAs: OpenName | undefined;
  /** The socket that it stands for; undefined for other files. */
  declare readonly socket?: Socket;

  constructor(
    readonly inode: Inode,
    /** O_ bits: how it may be used, and O_APPEND, O_NONBLOCK and so on. */
    public flags: number,
    readonly place?: OpenedName,
  ) {}

  get isReadable(): boolean {
    return (this.flags & O_ACCMODE) !== O_WRONLY && (this.flags & O_ACCMODE) !== O_ACCMODE;
  }

  get isWritable(): boolean {
    return (this.flags & O_ACCMODE) !== O_RDONLY && (this.flags & O_ACCMODE) !== O_ACCMODE;
  }

  /** Whether it has positions: otherwise lseek, pread and pwrite answer ESPIPE. */
  get isSeekable(): boolean {
    return false;
  }

  /**
   * Reads at most `length` bytes, at least one unless it is at its end: from an offset, or from its position, which moves. They
   * are read once `deliver` has taken them, which may throw. Returns how many there are. Throws LinuxError.
   */
  abstract read(files: FileSystem, length: number, deliver: Deliver, at?: number): number | typeof WAIT;

  /** Writes at an offset, or at its position, which moves. Returns how many bytes were written, at least one of those given. */
  abstract write(files: FileSystem, bytes: Uint8Array, at?: number): number | typeof WAIT;

  /** Moves its position. Returns the new one. */
  seek(_files: FileSystem, _offset: number, _whence: number): number {
    throw new LinuxError(LinuxErrno.ESPIPE);
  }

  /** POLL bits of what can be done with it now. */
  readiness(_files: FileSystem): number {
    return POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
  }

  /** What threads wait for until `readiness` may be another one. */
  get numbers(): readonly number[] {
    return [];
  }

  /** How long a reader waits at most, in ticks; it reads nothing, then. */
  patience(_files: FileSystem): number {
    return Infinity;
  }

  /** How many bytes can be read at once, for FIONREAD; undefined where that cannot be asked. */
  readableBytes(_files: FileSystem): number | undefined {
    return undefined;
  }

  /** A process closes a descriptor that stands for it, by its table. */
  closedBy(_table: FileTable): void {}

  /** Nobody has it any more. */
  close(files: FileSystem): void {
    files.release(this.inode);
  }
}

/** Gives up a descriptor, or another use of an open file. */
export function releaseFile(files: FileSystem, file: OpenFile): void {
  if (--file.references > 0) return;
  releaseLocks(files, file.inode, file);
  file.close(files);
}

/** Takes away the locks that an owner has on a file. */
export function releaseLocks(files: FileSystem, inode: Inode, owner: object): void {
  const { locks } = inode;
  if (!locks?.release(owner)) return;
  files.wake(locks.number);
  if (locks.isEmpty) inode.locks = undefined;
}
