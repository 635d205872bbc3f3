import { schema, value } from '../../state/schema.js';
import { DebugRegisters } from './tracing/debug-registers.js';
import type { Trace } from './tracing/trace.js';
import { RunClock } from './tasks/run-clock.js';
import { ThreadSignals } from './signals/thread-signals.js';

/* include/uapi/linux/sched.h */
export const SCHED_OTHER = 0;
export const SCHED_RESET_ON_FORK = 0x4000_0000;

/** The policy and priority that a thread has asked for. sched(7) */
export interface Scheduling {
  /** SCHED_, perhaps with SCHED_RESET_ON_FORK. */
  readonly policy: number;
  /** From 1 to 99 for real-time policies, otherwise 0. */
  readonly priority: number;
}

const PLAIN: Scheduling = { policy: SCHED_OTHER, priority: 0 };

/** What a thread of a Linux process has besides a thread of BD0. */
export class LinuxThread {
  /** @internal */
  static readonly state = schema(
    'linux thread',
    LinuxThread,
    {
      ...{ tid: value, clearTid: value, robustList: value, name: value, signals: value, clock: value },
      ...{ scheduling: value, trace: value, debug: value },
    },
    { label: ({ tid }) => String(tid) },
  );

  /** The word that is cleared when the thread ends, and whose waiters are woken then; 0: none. */
  clearTid = 0n;
  robustList = 0n;
  /** What it is called, at most 15 bytes; undefined: as the program of its process. */
  name: Uint8Array | undefined;
  scheduling = PLAIN;
  /** The state of its tracing, if it has a tracer or had one. */
  trace: Trace | undefined;
  /** Undefined while all are as at the start of a program. */
  debug: DebugRegisters | undefined;

  constructor(
    /** Its number for Linux; that of the first thread is that of the process. */
    readonly tid: number,
    readonly signals = new ThreadSignals(),
    /** Of the time in which it has run. */
    readonly clock = new RunClock(),
  ) {}

  /** The thread after execve, as the first one of its process. */
  exec(pid: number): LinuxThread {
    const after = new LinuxThread(pid, this.signals.exec(), this.clock);
    after.scheduling = this.scheduling;
    after.trace = this.trace;
    return after;
  }

  /** Notes in DR6 why #DB was raised. */
  noteDebug(causes: number): void {
    this.debug ??= new DebugRegisters();
    this.debug.status = BigInt(causes);
  }

  /** Takes over the scheduling of the thread that has created this one, and of its debug registers what Linux copies. */
  inherit({ scheduling, debug }: LinuxThread): void {
    this.debug = debug?.forChild();
    this.scheduling = scheduling.policy & SCHED_RESET_ON_FORK ? PLAIN : scheduling;
  }
}
