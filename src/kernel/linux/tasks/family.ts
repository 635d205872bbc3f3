import type { LinuxProcess } from '../linux-process.js';
import type { Trace } from '../tracing/trace.js';
import { statusOfTrap, type JobChange, type WaitStatus } from './wait-status.js';
import { schema, value } from '../../../state/schema.js';

/** The parent and the children of a process, and how it has ended. */
export class Family {
  /** @internal */
  static readonly state = schema('family', Family, {
    parent: value,
    children: value,
    status: value,
    isOrphan: value,
    vforkOf: value,
    change: value,
    tracees: value,
    traces: value,
  });

  /** Those that live, and those that have ended and were not waited for, in the order in which they began. */
  readonly children: LinuxProcess[] = [];
  /** The threads that it traces, the newest first, and those of its own that are traced. */
  readonly tracees: Trace[] = [];
  readonly traces: Trace[] = [];
  /** Undefined while it lives. */
  status: WaitStatus | undefined;
  /** It was stopped, or goes on, and its parent has not waited for that yet. */
  change: JobChange | undefined;
  /** Its parent has ended before it. */
  private isOrphan = false;
  /** It shares the memory of its parent, which waits until it has a program of its own. */
  vforkOf: LinuxProcess | undefined;

  constructor(private parent: LinuxProcess | undefined) {}

  get parentOf(): LinuxProcess | undefined {
    return this.parent;
  }

  /** What getppid answers: 0 for one that the host has started, 1 for one whose parent has ended. */
  get parentPid(): number {
    return this.parent?.pid ?? (this.isOrphan ? 1 : 0);
  }

  /** Its parent has ended. */
  orphan(): void {
    this.parent = undefined;
    this.isOrphan = true;
  }

  /** It has ended, by itself or by a trap, unless a signal has ended it before. */
  ended(exitCode: number, isTrap: boolean): void {
    this.status ??= isTrap ? statusOfTrap(exitCode) : { kind: 'exited', code: exitCode };
  }

  /** A child was waited for. */
  forget(child: LinuxProcess): void {
    const index = this.children.indexOf(child);
    if (index >= 0) this.children.splice(index, 1);
  }
}
