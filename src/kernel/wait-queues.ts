import type { StateWriter } from '../state-writer.js';
import type { LinearAddress } from './linear-address.js';
import type { Thread } from './thread.js';

/** What a thread can be woken by: a word of memory, the end of a process, or the end of a thread. */
export type WaitKey = `word ${LinearAddress}` | `process ${number}` | `thread ${number}`;

/** Who waits for what, in the order in which they began. */
export class WaitQueues {
  private readonly queues = new Map<WaitKey, Thread[]>();

  add(key: WaitKey, thread: Thread): void {
    const queue = this.queues.get(key);
    if (queue) queue.push(thread);
    else this.queues.set(key, [thread]);
  }

  /** No effect for a thread that does not wait for it. */
  remove(key: WaitKey, thread: Thread): void {
    const queue = this.queues.get(key);
    const index = queue?.indexOf(thread) ?? -1;
    if (!queue || index < 0) return;
    queue.splice(index, 1);
    if (queue.length === 0) this.queues.delete(key);
  }

  has(key: WaitKey): boolean {
    return this.queues.has(key);
  }

  /** Takes out those that began first, at most `count`. */
  take(key: WaitKey, count = Infinity): Thread[] {
    const queue = this.queues.get(key);
    if (!queue) return [];
    const taken = queue.splice(0, count);
    if (queue.length === 0) this.queues.delete(key);
    return taken;
  }

  writeState(out: StateWriter): void {
    out.number(this.queues.size);
    for (const [key, threads] of this.queues) out.text(key).numbers(threads.map(({ tid }) => tid));
  }
}
