import { schema, value } from '../../../../state/schema.js';
import { LinuxError, LinuxErrno } from '../../errno.js';
import { SEEK_CUR, SEEK_SET } from '../constants.js';
import type { FileSystem } from '../file-system.js';
import type { Inode } from '../tree/inode.js';
import { OPEN_FILE_FIELDS, OpenFile, type Deliver, type OpenedName } from './open-file.js';

/** A file that is read as text, which may change. */
export abstract class TextFile extends OpenFile {
  abstract readonly text: Uint8Array;

  override get isSeekable(): boolean {
    return true;
  }

  read(_files: FileSystem, length: number, deliver: Deliver, at?: number): number {
    const from = at ?? this.position;
    const bytes = this.text.subarray(from, from + length);
    deliver(bytes);
    if (at === undefined) this.position += bytes.length;
    return bytes.length;
  }

  write(): never {
    throw new LinuxError(LinuxErrno.EINVAL);
  }

  override seek(_files: FileSystem, offset: number, whence: number): number {
    return (this.position = seekTarget(this.position, offset, whence));
  }
}

/** Where lseek(2) leads in a file whose end is not known. Throws LinuxError EINVAL. */
export function seekTarget(position: number, offset: number, whence: number): number {
  const to = whence === SEEK_SET ? offset : whence === SEEK_CUR ? position + offset : -1;
  if (!(to >= 0)) throw new LinuxError(LinuxErrno.EINVAL);
  return to;
}

/** A file whose text is made when it is opened, as those of /proc. */
export class OpenText extends TextFile {
  static readonly state = schema('open text', OpenText, { ...OPEN_FILE_FIELDS, text: value });

  constructor(
    inode: Inode,
    flags: number,
    place: OpenedName,
    readonly text: Uint8Array,
  ) {
    super(inode, flags, place);
  }
}
