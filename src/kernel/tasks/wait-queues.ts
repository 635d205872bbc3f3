import type { Thread } from './thread.js';
import { schema, value } from '../../state/schema.js';

/**
 * What a thread can be woken by: a word of memory, by its address; the end of a process or of a thread, by its number; a file of
 * Linux, by a number of its FileSystem; a child of a process of Linux that ends, or its end or execve after vfork, by a pid of Linux.
 */
export interface WaitKey {
  readonly kind: 'word' | 'process' | 'thread' | 'file' | 'child' | 'vfork';
  readonly number: number;
}

/** Who waits for what, in the order in which they began. */
export class WaitQueues {
  static readonly state = schema('wait queues', WaitQueues, { queues: value }, { isPart: true });

  private readonly queues: Readonly<Record<WaitKey['kind'], Map<number, Thread[]>>> = {
    word: new Map(),
    process: new Map(),
    thread: new Map(),
    file: new Map(),
    child: new Map(),
    vfork: new Map(),
  };

  add({ kind, number }: WaitKey, thread: Thread): void {
    const queue = this.queues[kind].get(number);
    if (queue) queue.push(thread);
    else this.queues[kind].set(number, [thread]);
  }

  /** No effect for a thread that does not wait for it. */
  remove({ kind, number }: WaitKey, thread: Thread): void {
    const queue = this.queues[kind].get(number);
    const index = queue?.indexOf(thread) ?? -1;
    if (!queue || index < 0) return;
    queue.splice(index, 1);
    if (queue.length === 0) this.queues[kind].delete(number);
  }

  has({ kind, number }: WaitKey): boolean {
    return this.queues[kind].has(number);
  }

  /** Takes out those that began first, at most `count`. */
  take({ kind, number }: WaitKey, count = Infinity): Thread[] {
    const queue = this.queues[kind].get(number);
    if (!queue) return [];
    const taken = queue.splice(0, count);
    if (queue.length === 0) this.queues[kind].delete(number);
    return taken;
  }
}
