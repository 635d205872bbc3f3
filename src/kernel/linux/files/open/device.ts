import { schema } from '../../../../state/schema.js';
import { LinuxError, LinuxErrno } from '../../errno.js';
import type { FileSystem } from '../file-system.js';
import { OPEN_FILE_FIELDS, OpenFile, type Deliver } from './open-file.js';

/** A number of a device, as st_rdev has it, of a major number below 4096 and a minor number below 256. */
export function deviceNumber(major: number, minor: number): number {
  return (major << 8) | minor;
}

/** Devices by the numbers that Linux gives them: Documentation/admin-guide/devices.txt. */
export const DEVICE = {
  null: deviceNumber(1, 3),
  zero: deviceNumber(1, 5),
  full: deviceNumber(1, 7),
  random: deviceNumber(1, 8),
  urandom: deviceNumber(1, 9),
  tty: deviceNumber(5, 0),
  console: deviceNumber(5, 1),
  ptmx: deviceNumber(5, 2),
} as const;

/** One of /dev/null, zero, full, random and urandom. */
export class OpenDevice extends OpenFile {
  static readonly state = schema('open device', OpenDevice, OPEN_FILE_FIELDS);

  read(files: FileSystem, length: number, deliver: Deliver): number {
    const bytes = this.bytes(files, length);
    deliver(bytes);
    return bytes.length;
  }

  write(_files: FileSystem, bytes: Uint8Array): number {
    if (this.inode.device === DEVICE.full && bytes.length > 0) throw new LinuxError(LinuxErrno.ENOSPC);
    return bytes.length;
  }

  override get isSeekable(): boolean {
    return true;
  }

  override seek(): number {
    return 0;
  }

  private bytes(files: FileSystem, length: number): Uint8Array {
    switch (this.inode.device) {
      case DEVICE.null:
        return new Uint8Array(0);
      case DEVICE.random:
      case DEVICE.urandom:
        return files.random(length);
      default:
        return new Uint8Array(length);
    }
  }
}
