import { kept, schema, value } from '../../../state/schema.js';
import { HOST_BYTES } from '../../host-memory.js';
import { LinuxError, LinuxErrno } from '../errno.js';
import type { FileSystem } from './file-system.js';
import { O_PATH } from './constants.js';
import { DEVICE } from './open/device.js';
import { RegularFile } from './tree/inode.js';
import { releaseFile, releaseLocks, type OpenFile } from './open/open-file.js';

/** Descriptors that a process may have, unless it sets another limit: the soft limit of RLIMIT_NOFILE. */
const DESCRIPTORS_MAX = 1024;

interface Descriptor {
  readonly file: OpenFile;
  closesOnExec: boolean;
}

/** The descriptors of a process. */
export class FileTable {
  /** @internal */
  static readonly state = schema('file table', FileTable, {
    descriptors: value,
    lowestFree: value,
    limit: value,
    files: kept('those of the machine'),
  });

  private readonly descriptors = new Map<number, Descriptor>();
  /** No number below it is free. */
  private lowestFree = 0;

  /** No number may be as high: RLIMIT_NOFILE. */
  limit = DESCRIPTORS_MAX;

  constructor(private readonly files: FileSystem) {}

  /** Throws EBADF. */
  get(number: number): OpenFile {
    return this.descriptor(number).file;
  }

  has(number: number): boolean {
    return this.descriptors.has(number);
  }

  closesOnExec(number: number): boolean {
    return this.descriptor(number).closesOnExec;
  }

  setClosesOnExec(number: number, closes: boolean): void {
    this.descriptor(number).closesOnExec = closes;
  }

  /** Descriptors that are in use, ascending. */
  get numbers(): number[] {
    return [...this.descriptors.keys()].sort((a, b) => a - b);
  }

  /** The lowest number from `least` on that is free. Throws EMFILE; ENOMEM where the machine has no room. */
  free(least = 0): number {
    let number = Math.max(least, this.lowestFree);
    while (this.descriptors.has(number)) number++;
    if (least <= this.lowestFree) this.lowestFree = number;
    if (number >= this.limit) throw new LinuxError(LinuxErrno.EMFILE);
    this.requireRoom();
    return number;
  }

  /** Throws ENOMEM where the machine has no room for a further descriptor. */
  requireRoom(): void {
    if (!this.files.hostMemory.hasRoom(HOST_BYTES.descriptor)) throw new LinuxError(LinuxErrno.ENOMEM);
  }

  /** Lets the lowest free number stand for a file. Throws as `free` does, with nothing changed. */
  add(file: OpenFile, closesOnExec: boolean, least = 0): number {
    const number = this.free(least);
    this.put(number, file, closesOnExec);
    return number;
  }

  /** Lets a number, below the limit, stand for a file instead of what it stood for. */
  put(number: number, file: OpenFile, closesOnExec: boolean): void {
    file.references++;
    if (this.descriptors.has(number)) this.close(number);
    this.descriptors.set(number, { file, closesOnExec });
    this.files.hostMemory.charge('descriptor');
  }

  /** Throws EBADF. */
  close(number: number): void {
    const { file } = this.descriptor(number);
    this.descriptors.delete(number);
    this.lowestFree = Math.min(this.lowestFree, number);
    this.files.hostMemory.release('descriptor');
    if (!(file.flags & O_PATH)) releaseLocks(this.files, file.inode, this);
    file.closedBy(this);
    releaseFile(this.files, file);
  }

  /** The same descriptors, for a process that is forked. */
  copy(): FileTable {
    const copy = new FileTable(this.files);
    copy.limit = this.limit;
    for (const [number, { file, closesOnExec }] of this.descriptors) copy.put(number, file, closesOnExec);
    return copy;
  }

  /** The file that is to be mapped; 'zeros' for /dev/zero. Throws LinuxError EACCES, EBADF, ENODEV. */
  mapped(number: number, isShared: boolean, isWritten: boolean): RegularFile | 'zeros' {
    const file = this.get(number);
    if (file.flags & O_PATH) throw new LinuxError(LinuxErrno.EBADF);
    if (!file.isReadable || (isShared && isWritten && !file.isWritable)) throw new LinuxError(LinuxErrno.EACCES);
    if (file.inode.device === DEVICE.zero) return 'zeros';
    if (!(file.inode instanceof RegularFile)) throw new LinuxError(LinuxErrno.ENODEV);
    return file.inode;
  }

  /** execve(2): closes those that are to be closed then. */
  exec(): void {
    for (const [number, { closesOnExec }] of [...this.descriptors]) if (closesOnExec) this.close(number);
  }

  closeAll(): void {
    for (const number of [...this.descriptors.keys()]) this.close(number);
  }

  private descriptor(number: number): Descriptor {
    const descriptor = this.descriptors.get(number);
    if (!descriptor) throw new LinuxError(LinuxErrno.EBADF);
    return descriptor;
  }
}
