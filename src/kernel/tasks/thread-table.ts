import type { Process } from './process.js';
import { Thread, type ThreadStack } from './thread.js';
import { schema, value } from '../../state/schema.js';

/** The live threads, by their tid. */
export class ThreadTable {
  /** @internal */
  static readonly state = schema('thread table', ThreadTable, { byTid: value, nextTid: value }, { isPart: true });

  private readonly byTid = new Map<number, Thread>();
  private nextTid = 1;

  get size(): number {
    return this.byTid.size;
  }

  /** A new thread, the last one of its process. No two ever have the same tid. */
  add(process: Process, stack: ThreadStack): Thread {
    const thread = new Thread(this.nextTid++, process, stack);
    process.threads.push(thread);
    this.byTid.set(thread.tid, thread);
    return thread;
  }

  find(tid: number): Thread | undefined {
    return this.byTid.get(tid);
  }

  has({ tid }: Thread): boolean {
    return this.byTid.has(tid);
  }

  delete({ tid }: Thread): void {
    this.byTid.delete(tid);
  }
}
