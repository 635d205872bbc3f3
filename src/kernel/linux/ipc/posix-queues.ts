import { schema, value } from '../../../state/schema.js';
import type { FileSystem } from '../files/file-system.js';
import type { PosixQueue } from './posix-queue.js';

/** POSIX message queues, by their names: mq_overview(7). */
export class PosixQueues {
  static readonly state = schema('posix queues', PosixQueues, { named: value, living: value }, { isPart: true });

  /** By name, without the slash at its start. */
  readonly named = new Map<string, PosixQueue>();
  /** Those that have a name, and those that somebody has open. */
  private readonly living = new Set<PosixQueue>();

  /** Bytes that the queues of a user may take, of all that he has: RLIMIT_MSGQUEUE counts them. */
  bytesOf(user: number): number {
    return [...this.living].reduce((sum, { creator, bytes }) => sum + (creator === user ? bytes : 0), 0);
  }

  add(name: string, queue: PosixQueue): void {
    this.named.set(name, queue);
    this.living.add(queue);
  }

  /** Takes the name of a queue away. */
  unlink(name: string, files: FileSystem): void {
    const queue = this.named.get(name)!;
    this.named.delete(name);
    queue.inode.links = 0;
    this.giveUp(queue, files);
  }

  /** Forgets a queue that has no name and that nobody has open. */
  giveUp(queue: PosixQueue, files: FileSystem): void {
    if (queue.inode.links > 0 || queue.opens > 0 || !this.living.delete(queue)) return;
    queue.clear(files);
    files.hostMemory.release('ipcObject');
  }
}
