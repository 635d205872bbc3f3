import { schema } from '../../../../state/schema.js';
import { LinuxError, LinuxErrno } from '../../errno.js';
import { OPEN_FILE_FIELDS, OpenFile } from './open-file.js';

/** A descriptor that only stands for a place in the tree: O_PATH of open(2). */
export class PathFile extends OpenFile {
  static readonly state = schema('path file', PathFile, OPEN_FILE_FIELDS);

  override get isReadable(): boolean {
    return false;
  }

  override get isWritable(): boolean {
    return false;
  }

  read(): never {
    throw new LinuxError(LinuxErrno.EBADF);
  }

  write(): never {
    throw new LinuxError(LinuxErrno.EBADF);
  }

  override seek(): never {
    throw new LinuxError(LinuxErrno.EBADF);
  }

  override readiness(): number {
    return 0;
  }
}
