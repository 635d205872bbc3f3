import { schema, value } from '../../../../state/schema.js';
import { HOST_BYTES } from '../../../host-memory.js';
import { LinuxError, LinuxErrno } from '../../errno.js';
import { bytesOfText } from '../byte-text.js';
import type { FileSystem } from '../file-system.js';
import { OPEN_FILE_FIELDS, OpenFile, POLLIN, POLLRDNORM, WAIT, type Deliver } from '../open/open-file.js';
import type { Inode } from '../tree/inode.js';
import { IN_IGNORED, IN_Q_OVERFLOW, InodeWatch, type Event } from './watch.js';

/** Events that wait at most: fs.inotify.max_queued_events, as Linux has it by default. */
const QUEUED_MAX = 16_384;
/** Bytes of an event without a name, and what names are rounded up to. */
const EVENT_BYTES = 16;

/** An event of a watch, by its descriptor. */
interface QueuedEvent extends Event {
  readonly watch: number;
}

/** What inotify_init(2) makes: reading it tells what was done with files that it watches. */
export class NotifyFile extends OpenFile {
  static readonly state = schema('notify file', NotifyFile, {
    ...OPEN_FILE_FIELDS,
    ...{ number: value, watches: value, queue: value, lastWatch: value },
  });

  private readonly watches = new Map<number, InodeWatch>();
  private readonly queue: QueuedEvent[] = [];
  private lastWatch = 0;

  constructor(
    inode: Inode,
    flags: number,
    private readonly number: number,
  ) {
    super(inode, flags);
  }

  watchOf(inode: Inode): InodeWatch | undefined {
    return inode.watches?.find(({ watcher }) => watcher === this);
  }

  watch(number: number): InodeWatch | undefined {
    return this.watches.get(number);
  }

  /** Watches a file that it does not watch yet. Throws ENOSPC where the machine has no room. */
  add(files: FileSystem, inode: Inode, mask: number): InodeWatch {
    if (!files.hostMemory.hasRoom(HOST_BYTES.fileWatch)) throw new LinuxError(LinuxErrno.ENOSPC);
    const watch = new InodeWatch(inode, this, ++this.lastWatch, mask);
    files.hostMemory.charge('fileWatch');
    this.watches.set(watch.number, watch);
    (inode.watches ??= []).push(watch);
    return watch;
  }

  /** Ends a watch, and reports that. */
  remove(files: FileSystem, watch: InodeWatch): void {
    if (!this.forget(files, watch)) return;
    this.put(files, { watch: watch.number, mask: IN_IGNORED, name: '', cookie: 0 });
  }

  /** Lets an event wait for a reader; one like the last that waits tells nothing new. */
  put(files: FileSystem, event: QueuedEvent): void {
    const last = this.queue.at(-1);
    if (this.queue.length >= QUEUED_MAX || !files.hostMemory.hasRoom(HOST_BYTES.fileEvent)) {
      if (this.queue.some(({ mask }) => mask === IN_Q_OVERFLOW)) return;
      this.queue.push({ watch: -1, mask: IN_Q_OVERFLOW, name: '', cookie: 0 });
    } else if (!last || !isSame(last, event)) this.queue.push(event);
    else return;
    files.hostMemory.charge('fileEvent');
    files.wake(this.number);
  }

  read(files: FileSystem, length: number, deliver: Deliver): number | typeof WAIT {
    if (this.queue.length === 0) return WAIT;
    let [count, filled] = [0, 0];
    for (let event; (event = this.queue[count]) && filled + sizeOf(event) <= length; count++) filled += sizeOf(event);
    if (count === 0) throw new LinuxError(LinuxErrno.EINVAL);
    const bytes = new Uint8Array(filled);
    let at = 0;
    for (const event of this.queue.slice(0, count)) {
      put(bytes.subarray(at, at + sizeOf(event)), event);
      at += sizeOf(event);
    }
    deliver(bytes);
    this.queue.splice(0, count);
    files.hostMemory.release('fileEvent', count);
    return filled;
  }

  write(): never {
    throw new LinuxError(LinuxErrno.EBADF);
  }

  /** It has no positions, and does not say so. */
  override seek(_files: FileSystem, _offset: number, _whence: number): number {
    return 0;
  }

  override readiness(): number {
    return this.queue.length > 0 ? POLLIN | POLLRDNORM : 0;
  }

  override get numbers(): readonly number[] {
    return [this.number];
  }

  override readableBytes(): number {
    return this.queue.reduce((sum, event) => sum + sizeOf(event), 0);
  }

  override close(files: FileSystem): void {
    for (const watch of [...this.watches.values()]) this.forget(files, watch);
    files.hostMemory.release('fileEvent', this.queue.length);
    this.queue.length = 0;
    super.close(files);
  }

  /** False for one that has ended before. */
  private forget(files: FileSystem, watch: InodeWatch): boolean {
    if (!this.watches.delete(watch.number)) return false;
    const { inode } = watch;
    const left = inode.watches!.filter((each) => each !== watch);
    inode.watches = left.length > 0 ? left : undefined;
    files.hostMemory.release('fileWatch');
    return true;
  }
}

function isSame(a: QueuedEvent, b: QueuedEvent): boolean {
  return a.mask === b.mask && a.watch === b.watch && a.name === b.name && (a.mask & IN_IGNORED) === 0;
}

function sizeOf({ name }: QueuedEvent): number {
  return EVENT_BYTES * (1 + (name === '' ? 0 : Math.ceil((name.length + 1) / EVENT_BYTES)));
}

/** struct inotify_event. */
function put(bytes: Uint8Array, { watch, mask, cookie, name }: QueuedEvent): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  view.setInt32(0, watch, true);
  view.setUint32(4, mask, true);
  view.setUint32(8, cookie, true);
  view.setUint32(12, bytes.length - EVENT_BYTES, true);
  bytes.set(bytesOfText(name), EVENT_BYTES);
}
