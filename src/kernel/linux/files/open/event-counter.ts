import { schema, value } from '../../../../state/schema.js';
import { LinuxError, LinuxErrno } from '../../errno.js';
import type { FileSystem } from '../file-system.js';
import type { Inode } from '../tree/inode.js';
import { OPEN_FILE_FIELDS, OpenFile, POLLIN, POLLOUT, WAIT, type Deliver } from './open-file.js';

const COUNTER_BYTES = 8;
const COUNT_MAX = 2n ** 64n - 2n;

/** What eventfd(2) makes: a number to which writing adds, and that reading takes. */
export class EventCounter extends OpenFile {
  static readonly state = schema('event counter', EventCounter, {
    ...OPEN_FILE_FIELDS,
    number: value,
    count: value,
    isSemaphore: value,
  });

  constructor(
    inode: Inode,
    flags: number,
    private readonly number: number,
    private count: bigint,
    private readonly isSemaphore: boolean,
  ) {
    super(inode, flags);
  }

  read(files: FileSystem, length: number, deliver: Deliver): number | typeof WAIT {
    if (length < COUNTER_BYTES) throw new LinuxError(LinuxErrno.EINVAL);
    if (this.count === 0n) return WAIT;
    const taken = this.isSemaphore ? 1n : this.count;
    const bytes = new Uint8Array(COUNTER_BYTES);
    new DataView(bytes.buffer).setBigUint64(0, taken, true);
    deliver(bytes);
    this.count -= taken;
    files.wake(this.number);
    return COUNTER_BYTES;
  }

  write(files: FileSystem, bytes: Uint8Array): number | typeof WAIT {
    if (bytes.length !== COUNTER_BYTES) throw new LinuxError(LinuxErrno.EINVAL);
    const added = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
    if (added > COUNT_MAX) throw new LinuxError(LinuxErrno.EINVAL);
    if (added > COUNT_MAX - this.count) return WAIT;
    this.count += added;
    files.wake(this.number);
    return COUNTER_BYTES;
  }

  override readiness(): number {
    return (this.count > 0n ? POLLIN : 0) | (this.count < COUNT_MAX ? POLLOUT : 0);
  }

  override get numbers(): readonly number[] {
    return [this.number];
  }
}
