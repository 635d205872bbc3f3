import { schema, value } from '../../../state/schema.js';
import type { LinuxProcess } from '../linux-process.js';
import type { SignalInfo } from '../signals/signal-info.js';
import { Signal } from '../signals/signal.js';
import type { WaitStatus } from '../tasks/wait-status.js';

/** Options and events of tracers. include/uapi/linux/ptrace.h */
export const TraceOption = {
  sysGood: 0x1,
  fork: 0x2,
  vfork: 0x4,
  clone: 0x8,
  exec: 0x10,
  vforkDone: 0x20,
  exit: 0x40,
  exitKill: 0x10_0000,
} as const;
export const TRACE_OPTIONS = 0x10_007f;

export const TraceEvent = { fork: 1, vfork: 2, clone: 3, exec: 4, vforkDone: 5, exit: 6, stop: 128 } as const;

/** The results of PTRACE_GETEVENTMSG at the start of a call, and at its end. */
export const CALL_ENTERED = 1n;
export const CALL_LEFT = 2n;

/** Reasons for a thread to stop as soon as it can. include/linux/sched/jobctl.h */
export const Due = {
  /** JOBCTL_STOP_PENDING: its process is stopped, and it takes part. */
  job: 1,
  /** JOBCTL_TRAP_STOP: its tracer wants it to. */
  trap: 2,
  /** JOBCTL_TRAP_NOTIFY: the process goes on. */
  notice: 4,
} as const;

/** JOBCTL_LISTENING, PTRACE_LISTEN: it stays stopped, and stops again when something happens. */
const LISTENS = 8;
/** It has made its stop before its end. */
const ENDS = 16;
/** SIGCONT has arrived while it was stopped for a signal: that signal no longer stops the process. */
const CONTINUED = 32;

/** How far a thread runs: to a signal or an event, a call, the next instruction, or a call that is not made. */
export type TraceCourse = 'free' | 'calls' | 'step' | 'emulation';

/** Why a thread has stopped for its tracer. */
export interface TraceStop {
  /** A signal that would be delivered; a call that begins or has ended; an event; a process that was stopped. */
  readonly kind: 'signal' | 'entry' | 'exit' | 'event' | 'job';
  /** The code that wait calls report: the signal, with the event in the bits above it. */
  readonly code: number;
  /** The result of PTRACE_GETSIGINFO. */
  readonly info: SignalInfo | undefined;
}

/** What restart_syscall needs to go on with a call that waits. */
interface WaitingCall {
  readonly number: number;
  readonly progress: number;
}

/** State that Linux keeps with the registers of a traced thread. */
export class TracedRegisters {
  /** @internal */
  static readonly state = schema('traced registers', TracedRegisters, {
    call: value,
    waiting: value,
    hasTrapFlag: value,
    isAtFault: value,
  });

  /** orig_rax: the call that is made, as a 64-bit number; all bits are set between calls. */
  call = NO_CALL;
  /** The interrupted call that restart_syscall goes on with. */
  waiting: WaitingCall | undefined;
  /** TF is set for the tracer alone. */
  hasTrapFlag = false;
  /** The signal that is due came from an instruction that will be executed again. */
  isAtFault = false;

  /** Takes over the state of a thread that had another tracer before. */
  takeOver({ call, waiting, isAtFault }: TracedRegisters): void {
    this.call = call;
    this.waiting = waiting;
    this.isAtFault = isAtFault;
  }
}

export const NO_CALL = 0xffff_ffff_ffff_ffffn;

/** What a tracer does with a thread. ptrace(2) */
export class Trace {
  /** @internal */
  static readonly state = schema(
    'trace',
    Trace,
    {
      ...{ tid: value, process: value, tracer: value, isSeized: value, options: value, course: value },
      ...{ stop: value, untold: value, message: value, registers: value, next: value, due: value, event: value },
      end: value,
    },
    { label: ({ tid }) => String(tid) },
  );

  options = 0;
  course: TraceCourse = 'free';
  /** Why the thread is stopped; undefined while its tracer lets it run. */
  stop: TraceStop | undefined;
  /** The code of the stop (see TraceStop) until a wait call has reported it; then 0. */
  untold = 0;
  /** The result of PTRACE_GETEVENTMSG. */
  message = 0n;
  readonly registers = new TracedRegisters();
  /** The signal, if any, that the tracer has chosen to deliver after a stop for a signal. */
  next: { readonly info: SignalInfo | undefined } | undefined;
  /** Bits of Due, LISTENS, ENDS and CONTINUED. */
  due = 0;
  /** The event for which it stops at the end of its call. */
  event: { readonly event: number; readonly message: bigint } | undefined;
  /** How the thread has ended, if it has, and the tracer has not waited for it. */
  end: WaitStatus | undefined;

  constructor(
    /** That of the thread. */
    public tid: number,
    readonly process: LinuxProcess,
    /** Undefined once the tracer is gone, while what the thread stopped for is still to be done. */
    public tracer: LinuxProcess | undefined,
    public isSeized: boolean,
  ) {}

  has(option: number): boolean {
    return this.tracer !== undefined && (this.options & option) !== 0;
  }

  isDue(...reasons: readonly number[]): boolean {
    return reasons.some((reason) => (this.due & reason) !== 0);
  }

  /** It stays stopped, and stops again when something happens: PTRACE_LISTEN. */
  get listens(): boolean {
    return (this.due & LISTENS) !== 0;
  }
  set listens(listens: boolean) {
    this.due = listens ? this.due | LISTENS : this.due & ~LISTENS;
  }

  /** Called when SIGCONT arrives: see `takeContinue`. */
  noteContinue(): void {
    this.due |= CONTINUED;
  }
  /** Returns whether SIGCONT has arrived since the thread stopped for a signal, and forgets that it has. */
  takeContinue(): boolean {
    const isContinued = (this.due & CONTINUED) !== 0;
    this.due &= ~CONTINUED;
    return isContinued;
  }

  /** Called before the thread ends. Returns true for the first time. */
  beginsToEnd(): boolean {
    const isFirst = (this.due & ENDS) === 0;
    this.due |= ENDS;
    return isFirst;
  }

  get stopsAtCalls(): boolean {
    return this.tracer !== undefined && (this.course === 'calls' || this.course === 'emulation');
  }

  /** The code of stops at calls; PTRACE_O_TRACESYSGOOD distinguishes it from other traps. */
  get callCode(): number {
    return Signal.SIGTRAP | (this.options & TraceOption.sysGood ? 0x80 : 0);
  }
}
