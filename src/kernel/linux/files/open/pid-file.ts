import { schema, value } from '../../../../state/schema.js';
import { LinuxError, LinuxErrno } from '../../errno.js';
import type { LinuxProcess } from '../../linux-process.js';
import type { Inode } from '../tree/inode.js';
import { OPEN_FILE_FIELDS, OpenFile, POLLIN, POLLRDNORM } from './open-file.js';

/** A process as a file, which pidfd_open(2) makes: it can be read, so poll says, once the process has ended. */
export class PidFile extends OpenFile {
  static readonly state = schema('pid file', PidFile, { ...OPEN_FILE_FIELDS, process: value });

  constructor(
    inode: Inode,
    flags: number,
    readonly process: LinuxProcess,
  ) {
    super(inode, flags);
  }

  read(): never {
    throw new LinuxError(LinuxErrno.EINVAL);
  }

  write(): never {
    throw new LinuxError(LinuxErrno.EINVAL);
  }

  override readiness(): number {
    return this.process.family.status ? POLLIN | POLLRDNORM : 0;
  }

  override get numbers(): readonly number[] {
    return [this.process.signals.number];
  }
}
