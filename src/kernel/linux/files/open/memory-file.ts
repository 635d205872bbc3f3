import { schema, value } from '../../../../state/schema.js';
import { LinuxError, LinuxErrno } from '../../errno.js';
import { mayTrace } from '../../tracing/may-trace.js';
import type { FileSystem } from '../file-system.js';
import type { ProcMemory } from '../proc/nodes.js';
import type { ProcProcess } from '../proc/source.js';
import { OPEN_FILE_FIELDS, OpenFile, type Deliver, type OpenedName } from './open-file.js';
import { seekTarget } from './text-file.js';

const { EACCES, EIO, ESRCH } = LinuxErrno;

/** The most bytes that one call moves. */
const MOVED_BYTES_MAX = 2 ** 20;

/** /proc/PID/mem, which shows the program that the process ran when it was opened. fs/proc/base.c "mem_rw" */
export class OpenMemory extends OpenFile {
  static readonly state = schema('open memory', OpenMemory, { ...OPEN_FILE_FIELDS, pid: value, run: value });

  constructor(
    inode: ProcMemory,
    flags: number,
    place: OpenedName,
    private readonly run: object,
    private readonly pid = inode.pid,
  ) {
    super(inode, flags, place);
  }

  override get isSeekable(): boolean {
    return true;
  }

  read(files: FileSystem, length: number, deliver: Deliver, at?: number): number {
    const process = this.process(files);
    if (!process || length === 0) return 0;
    const bytes = process.memory.peek(BigInt(at ?? this.position), Math.min(length, MOVED_BYTES_MAX));
    if (bytes.length === 0) throw new LinuxError(EIO);
    deliver(bytes);
    if (at === undefined) this.position += bytes.length;
    return bytes.length;
  }

  write(files: FileSystem, bytes: Uint8Array, at?: number): number {
    const process = this.process(files);
    if (!process || bytes.length === 0) return 0;
    const stored = process.memory.poke(BigInt(at ?? this.position), bytes.subarray(0, MOVED_BYTES_MAX));
    if (stored === 0) throw new LinuxError(EIO);
    if (at === undefined) this.position += stored;
    return stored;
  }

  override seek(_files: FileSystem, offset: number, whence: number): number {
    return (this.position = seekTarget(this.position, offset, whence));
  }

  /** Undefined where it has ended, or runs another program. */
  private process({ procSource }: FileSystem): ProcProcess | undefined {
    const process = procSource.process(this.pid);
    return process?.run === this.run && process.isAlive ? process : undefined;
  }
}

/** Opens it for a process that may trace the other one. Throws LinuxError EACCES, ESRCH. */
export function openMemory(
  { procSource }: FileSystem,
  opener: Parameters<typeof mayTrace>[0],
  [inode, flags, place]: readonly [ProcMemory, number, OpenedName],
): OpenMemory {
  const process = procSource.process(inode.pid);
  if (!process) throw new LinuxError(ESRCH);
  if (!mayTrace(opener, process)) throw new LinuxError(EACCES);
  return new OpenMemory(inode, flags, place, process.run);
}
