import { schema, value } from '../../../../state/schema.js';
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

/** Bytes that a pipe holds, and bytes that are written to it all at once or not yet. pipe(7) */
const PIPE_BYTES = 65536;
const PIPE_BUF = 4096;

/** Bytes on their way from those who write to those who read. */
export class Pipe {
  static readonly state = schema('pipe', Pipe, {
    number: value,
    chunks: value,
    length: value,
    capacity: value,
    readers: value,
    writers: value,
  });

  length = 0;
  capacity = PIPE_BYTES;
  readers = 0;
  writers = 0;
  private readonly chunks: Uint8Array[] = [];

  /** `number` is woken whenever something changes. */
  constructor(readonly number: number) {}

  /** The first bytes, at most so many; they stay. */
  peek(length: number): Uint8Array {
    const bytes = new Uint8Array(Math.min(length, this.length));
    let filled = 0;
    for (let index = 0; filled < bytes.length; index++) {
      const part = this.chunks[index]!.subarray(0, bytes.length - filled);
      bytes.set(part, filled);
      filled += part.length;
    }
    return bytes;
  }

  take(length: number): void {
    let left = length;
    while (left > 0) {
      const first = this.chunks[0]!;
      if (first.length > left) this.chunks[0] = first.subarray(left);
      else this.chunks.shift();
      left -= Math.min(first.length, left);
    }
    this.length -= length;
  }

  /** Takes in bytes for which there is room. */
  put(bytes: Uint8Array): void {
    const last = this.chunks.at(-1);
    if (last && last.length + bytes.length <= PIPE_BUF) {
      const joined = new Uint8Array(last.length + bytes.length);
      joined.set(last);
      joined.set(bytes, last.length);
      this.chunks[this.chunks.length - 1] = joined;
    } else this.chunks.push(bytes.slice());
    this.length += bytes.length;
  }

  get room(): number {
    return this.capacity - this.length;
  }
}

/** An end of a pipe, or both of a named one. */
export class OpenPipe extends OpenFile {
  static readonly state = schema('open pipe', OpenPipe, { ...OPEN_FILE_FIELDS, pipe: value });

  constructor(
    inode: Inode,
    flags: number,
    readonly pipe: Pipe,
    place?: OpenedName,
  ) {
    super(inode, flags, place);
    if (this.isReadable) pipe.readers++;
    if (this.isWritable) pipe.writers++;
  }

  read(files: FileSystem, length: number, deliver: Deliver): number | typeof WAIT {
    const { pipe } = this;
    if (length === 0) return 0;
    if (pipe.length === 0) return pipe.writers > 0 ? WAIT : 0;
    const bytes = pipe.peek(length);
    deliver(bytes);
    pipe.take(bytes.length);
    files.wake(pipe.number);
    return bytes.length;
  }

  write(files: FileSystem, bytes: Uint8Array): number | typeof WAIT {
    const { pipe } = this;
    if (pipe.readers === 0) throw new LinuxError(LinuxErrno.EPIPE);
    if (bytes.length === 0) return 0;
    if (pipe.room < Math.min(bytes.length, PIPE_BUF)) return WAIT;
    const written = bytes.subarray(0, pipe.room);
    pipe.put(written);
    files.wake(pipe.number);
    return written.length;
  }

  override readiness(): number {
    const { pipe } = this;
    let bits = 0;
    if (this.isReadable) {
      if (pipe.length > 0) bits |= POLLIN | POLLRDNORM;
      if (pipe.writers === 0) bits |= POLLHUP;
    }
    if (this.isWritable) {
      if (pipe.room >= PIPE_BUF) bits |= POLLOUT | POLLWRNORM;
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
    files.wake(this.pipe.number);
    super.close(files);
  }
}
