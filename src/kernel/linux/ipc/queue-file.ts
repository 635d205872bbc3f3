import { kept, schema, value } from '../../../state/schema.js';
import { bytesOfText } from '../files/byte-text.js';
import type { FileSystem } from '../files/file-system.js';
import type { FileTable } from '../files/file-table.js';
import { OPEN_FILE_FIELDS, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from '../files/open/open-file.js';
import { TextFile } from '../files/open/text-file.js';
import type { PosixQueue } from './posix-queue.js';
import type { PosixQueues } from './posix-queues.js';

/** What mq_open(3) makes. */
export class QueueFile extends TextFile {
  static readonly state = schema('queue file', QueueFile, {
    ...OPEN_FILE_FIELDS,
    ...{ queue: value, queues: kept('those of the machine') },
  });

  constructor(
    readonly queue: PosixQueue,
    flags: number,
    private readonly queues: PosixQueues,
  ) {
    super(queue.inode, flags);
    queue.opens++;
  }

  /** What the queue is like. */
  get text(): Uint8Array {
    const { messages, notification } = this.queue;
    const size = messages.reduce((sum, { bytes }) => sum + bytes.length, 0);
    const fields = [
      `QSIZE:${String(size).padEnd(10)}`,
      `NOTIFY:${String(notification && notification.signal === undefined ? 1 : 0).padEnd(5)}`,
      `SIGNO:${String(notification?.signal ?? 0).padEnd(5)}`,
      `NOTIFY_PID:${String(notification?.process.pid ?? 0).padEnd(6)}`,
    ];
    return bytesOfText(`${fields.join(' ')}\n`);
  }

  override readiness(): number {
    const { messages, isFull } = this.queue;
    return (messages.length > 0 ? POLLIN | POLLRDNORM : 0) | (isFull ? 0 : POLLOUT | POLLWRNORM);
  }

  override get numbers(): readonly number[] {
    return [this.queue.number];
  }

  /** A process that closes any descriptor of the queue is not notified any more. */
  override closedBy(table: FileTable): void {
    if (this.queue.notification?.files === table) this.queue.notification = undefined;
  }

  override close(files: FileSystem): void {
    const { queue } = this;
    queue.opens--;
    this.queues.giveUp(queue, files);
    super.close(files);
  }
}
