import { schema, value } from '../../../../state/schema.js';
import { HOST_BYTES } from '../../../host-memory.js';
import { LinuxError, LinuxErrno } from '../../errno.js';
import type { FileSystem } from '../file-system.js';
import type { Inode } from '../tree/inode.js';
import {
  OPEN_FILE_FIELDS,
  OpenFile,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
  WAIT,
  type Deliver,
  type OpenedName,
} from './open-file.js';

/** Bytes of a part of a pipe, and parts that it has at first. pipe(7) */
const PART_BYTES = 4096;
const PARTS = 16;

/** Bytes on their way from those who write to those who read, in parts as Linux has them: they decide when a pipe is full. */
export class Pipe {
  static readonly state = schema('pipe', Pipe, {
    number: value,
    parts: value,
    ends: value,
    length: value,
    partsMax: value,
    readers: value,
    writers: value,
    opened: value,
  });

  length = 0;
  readers = 0;
  writers = 0;
  /** How often it was opened to read, and to write. */
  readonly opened = { toRead: 0, toWrite: 0 };
  private partsMax = PARTS;
  private readonly parts: Uint8Array[] = [];
  /** Where in its page each part ends: the next bytes may go there. */
  private readonly ends: number[] = [];

  /** `number` is woken whenever something changes. */
  constructor(readonly number: number) {}

  /** Bytes that it can hold. */
  get capacity(): number {
    return this.partsMax * PART_BYTES;
  }
  set capacity(bytes: number) {
    this.partsMax = bytes / PART_BYTES;
  }

  get isFull(): boolean {
    return this.parts.length >= this.partsMax;
  }

  /** Whether what does not fill a page of so many bytes goes to the last part. */
  hasRoomInLast(length: number): boolean {
    const rest = length % PART_BYTES;
    const end = this.ends.at(-1);
    return rest > 0 && end !== undefined && end + rest <= PART_BYTES;
  }

  /** Parts that it has bytes in. */
  get partCount(): number {
    return this.parts.length;
  }

  /** Bytes that its parts would take if they were full. */
  get takenBytes(): number {
    return this.parts.length * PART_BYTES;
  }

  /** Bytes that its free parts can hold. */
  get room(): number {
    return this.capacity - this.takenBytes;
  }

  /** The first bytes, at most so many; they stay. */
  peek(length: number): Uint8Array {
    const bytes = new Uint8Array(Math.min(length, this.length));
    let filled = 0;
    for (let index = 0; filled < bytes.length; index++) {
      const part = this.parts[index]!.subarray(0, bytes.length - filled);
      bytes.set(part, filled);
      filled += part.length;
    }
    return bytes;
  }

  take(length: number): void {
    for (let left = length; left > 0;) {
      const first = this.parts[0]!;
      if (first.length > left) {
        this.parts[0] = first.subarray(left);
        break;
      }
      left -= first.length;
      this.parts.shift();
      this.ends.shift();
    }
    this.length -= length;
  }

  /**
   * Takes in bytes as far as there is room, and at most so many further parts. Returns how many bytes: what does not fill a page
   * goes to the last part first.
   */
  put(bytes: Uint8Array, partsMore: number): number {
    const partsMax = Math.min(this.partsMax, this.parts.length + partsMore);
    const rest = bytes.length % PART_BYTES;
    const last = this.parts.length - 1;
    let taken = 0;
    if (this.hasRoomInLast(bytes.length)) {
      const before = this.parts[last]!;
      const joined = new Uint8Array(before.length + rest);
      joined.set(before);
      joined.set(bytes.subarray(0, rest), before.length);
      this.parts[last] = joined;
      this.ends[last]! += rest;
      taken = rest;
    }
    while (taken < bytes.length && this.parts.length < partsMax) {
      const part = bytes.slice(taken, taken + PART_BYTES);
      this.parts.push(part);
      this.ends.push(part.length);
      taken += part.length;
    }
    this.length += taken;
    return taken;
  }
}

/** An end of a pipe, or both of a named one. */
export class OpenPipe extends OpenFile {
  static readonly state = schema('open pipe', OpenPipe, { ...OPEN_FILE_FIELDS, pipe: value, writersBefore: value });

  /** How many writers a named pipe has had whose end this reader has not seen: it was opened when there were none. */
  private readonly writersBefore: number;

  constructor(
    inode: Inode,
    flags: number,
    readonly pipe: Pipe,
    place?: OpenedName,
  ) {
    super(inode, flags, place);
    this.writersBefore = pipe.writers === 0 ? pipe.opened.toWrite : -1;
    if (this.isReadable) {
      pipe.readers++;
      pipe.opened.toRead++;
    }
    if (this.isWritable) {
      pipe.writers++;
      pipe.opened.toWrite++;
    }
  }

  read(files: FileSystem, length: number, deliver: Deliver): number | typeof WAIT {
    const { pipe } = this;
    if (length === 0) return 0;
    if (pipe.length === 0) return pipe.writers > 0 ? WAIT : 0;
    const bytes = pipe.peek(length);
    deliver(bytes);
    this.take(files, bytes.length);
    return bytes.length;
  }

  /** Takes bytes out that were read. */
  take(files: FileSystem, length: number): void {
    const { pipe } = this;
    const { isFull } = pipe;
    this.counted(files, () => pipe.take(length));
    // A writer has nothing to gain from more room than it had before.
    if (isFull && !pipe.isFull) files.wake(pipe.number, POLLOUT | POLLWRNORM);
  }

  write(files: FileSystem, bytes: Uint8Array): number | typeof WAIT {
    const { pipe } = this;
    if (bytes.length === 0) return 0;
    this.requireReader();
    if (pipe.isFull && !pipe.hasRoomInLast(bytes.length)) return WAIT;
    const room = Math.floor(files.hostMemory.freeBytes / HOST_BYTES.pipePart);
    const written = this.counted(files, () => pipe.put(bytes, Math.max(0, room)));
    if (written === 0) throw new LinuxError(LinuxErrno.ENOMEM);
    files.wake(pipe.number, POLLIN | POLLRDNORM);
    return written;
  }

  /** Throws EPIPE where nobody could read what is written. */
  requireReader(): void {
    if (this.pipe.readers === 0) throw new LinuxError(LinuxErrno.EPIPE);
  }

  override readiness(): number {
    const { pipe } = this;
    let bits = 0;
    if (this.isReadable) {
      if (pipe.length > 0) bits |= POLLIN | POLLRDNORM;
      if (pipe.writers === 0 && pipe.opened.toWrite !== this.writersBefore) bits |= POLLHUP;
    }
    if (this.isWritable) {
      if (!pipe.isFull) bits |= POLLOUT | POLLWRNORM;
      if (pipe.readers === 0) bits |= POLLERR;
    }
    return bits;
  }

  override get numbers(): readonly number[] {
    return [this.pipe.number];
  }

  override readableBytes(): number {
    return this.pipe.length;
  }

  override close(files: FileSystem): void {
    if (this.isReadable) this.pipe.readers--;
    if (this.isWritable) this.pipe.writers--;
    // Nobody could read it any more, be it that somebody opens a named pipe again.
    if (this.pipe.readers + this.pipe.writers === 0) this.counted(files, () => this.pipe.take(this.pipe.length));
    files.wake(this.pipe.number);
    super.close(files);
  }

  /** Accounts for the parts that a pipe has after some work and had not before. */
  private counted<T>({ hostMemory }: FileSystem, work: () => T): T {
    const before = this.pipe.partCount;
    const result = work();
    const more = this.pipe.partCount - before;
    if (more > 0) hostMemory.charge('pipePart', more);
    else if (more < 0) hostMemory.release('pipePart', -more);
    return result;
  }
}
