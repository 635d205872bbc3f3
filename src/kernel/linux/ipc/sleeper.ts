import { value } from '../../../state/schema.js';
import { PENDING } from '../../calls/call.js';
import type { CallWork } from '../../tasks/thread.js';
import type { LinuxContext } from '../call.js';
import type { LinuxErrno } from '../errno.js';
import { failed } from '../errno.js';
import type { FileSystem } from '../files/file-system.js';

/** The fields of all sleepers, for their schemas. */
export const SLEEPER_FIELDS = { number: value, queue: value, deadline: value, result: value };

/**
 * A call that waits in a queue until another one does what it asks for: then it has its result at once, though its thread runs
 * only later, as on Linux.
 */
export abstract class Sleeper implements CallWork {
  /** Of the call; undefined while it waits. */
  result: bigint | undefined;

  constructor(
    /** What its thread waits for. */
    readonly number: number,
    private readonly queue: Sleeper[],
    /** The tick at which it gives up. */
    private readonly deadline: number,
  ) {
    queue.push(this);
  }

  /** Leaves the queue. */
  close(): void {
    const index = this.queue.indexOf(this);
    if (index >= 0) this.queue.splice(index, 1);
  }

  /** Gives the call its result. */
  finish(files: FileSystem, result: bigint): void {
    this.close();
    this.result = result;
    files.wake(this.number);
  }

  /** Its result; or waits, until the deadline, which answers an error. */
  goOn({ pending, now }: LinuxContext, late: LinuxErrno): bigint | typeof PENDING {
    if (this.result !== undefined) return this.result;
    if (now >= this.deadline) {
      this.close();
      return failed(late);
    }
    pending.work = this;
    pending.wait = { deadline: this.deadline, for: { kind: 'file', number: this.number }, late: undefined };
    return PENDING;
  }
}
