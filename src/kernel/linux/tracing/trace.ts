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

/** What PTRACE_GETEVENTMSG tells where a call begins, and where it has ended. */
export const CALL_ENTERED = 1n;
export const CALL_LEFT = 2n;

/** What lets a thread stop at its next chance. include/linux/sched/jobctl.h */
export const Due = {
  /** JOBCTL_STOP_PENDING: its process is stopped, and it takes part. */
  job: 1,
  /** JOBCTL_TRAP_STOP: its tracer wants it to. */
  trap: 2,
  /** JOBCTL_TRAP_NOTIFY: the process goes on. */
  notice: 4,
} as const;

/** JOBCTL_LISTENING, PTRACE_LISTEN: it stays stopped, and stops anew when something happens. */
const LISTENS = 8;
/** It has stopped before its end. */
const ENDS = 16;
/** SIGCONT has come while its tracer looked at a signal: that does not stop the process any more. */
const CONTINUED = 32;

/** How far a thread runs for its tracer: until a signal or an event, a call, or one instruction; or to calls that are not made. */
export type TraceCourse = 'free' | 'calls' | 'step' | 'emulation';

/** Why a thread has stopped for its tracer. */
export interface TraceStop {
  /** A signal that would be delivered; a call that begins or has ended; an event; a process that was stopped. */
  readonly kind: 'signal' | 'entry' | 'exit' | 'event' | 'job';
  /** What wait tells: the signal, with the event in the bits above it. */
  readonly code: number;
  /** What PTRACE_GETSIGINFO tells. */
  readonly info: SignalInfo | undefined;
}

/** A call that waits, as far as restart_syscall goes on with it. */
interface WaitingCall {
  readonly number: number;
  readonly progress: number;
}

/** What Linux keeps of the registers of a traced thread besides those of the processor. */
export class TracedRegisters {
  /** @internal */
  static readonly state = schema('traced registers', TracedRegisters, {
    call: value,
    waiting: value,
    hasTrapFlag: value,
    isAtFault: value,
  });

  /** orig_rax: the call that is made, as a 64-bit number; all bits set in between. */
  call = NO_CALL;
  /** The call that a signal has interrupted, and that restart_syscall goes on with. */
  waiting: WaitingCall | undefined;
  /** TF is set for the tracer alone. */
  hasTrapFlag = false;
  /** The signal that is due came from an instruction that will be executed again. */
  isAtFault = false;

  /** Those of a thread that had another tracer before. */
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
  /** Why it does not run; undefined: it does, as far as it is up to its tracer. */
  stop: TraceStop | undefined;
  /** What is still to be told to those who wait of that: see TraceStop.code; 0: nothing. */
  untold = 0;
  /** What PTRACE_GETEVENTMSG tells. */
  message = 0n;
  readonly registers = new TracedRegisters();
  /** The tracer has looked at a signal: it is delivered now, or another one, or none. */
  next: { readonly info: SignalInfo | undefined } | undefined;
  /** Bits of Due, LISTENS, ENDS and CONTINUED. */
  due = 0;
  /** What it stops for when its call has come to its end. */
  event: { readonly event: number; readonly message: bigint } | undefined;
  /** How the thread has ended, if it has, and the tracer has not waited for it. */
  end: WaitStatus | undefined;

  constructor(
    /** That of the thread. */
    public tid: number,
    readonly process: LinuxProcess,
    /** Undefined: it has none any more, and what it stopped for has still to be done. */
    public tracer: LinuxProcess | undefined,
    public isSeized: boolean,
  ) {}

  has(option: number): boolean {
    return this.tracer !== undefined && (this.options & option) !== 0;
  }

  isDue(...reasons: readonly number[]): boolean {
    return reasons.some((reason) => (this.due & reason) !== 0);
  }

  /** It stays stopped, and stops anew when something happens: PTRACE_LISTEN. */
  get listens(): boolean {
    return (this.due & LISTENS) !== 0;
  }
  set listens(listens: boolean) {
    this.due = listens ? this.due | LISTENS : this.due & ~LISTENS;
  }

  /** Called when SIGCONT comes, and when a signal would stop the process: returns whether SIGCONT has come in between. */
  noteContinue(): void {
    this.due |= CONTINUED;
  }
  takeContinue(): boolean {
    const isContinued = (this.due & CONTINUED) !== 0;
    this.due &= ~CONTINUED;
    return isContinued;
  }

  /** Called before the thread ends. Returns whether that is for the first time. */
  beginsToEnd(): boolean {
    const isFirst = (this.due & ENDS) === 0;
    this.due |= ENDS;
    return isFirst;
  }

  get stopsAtCalls(): boolean {
    return this.tracer !== undefined && (this.course === 'calls' || this.course === 'emulation');
  }

  /** The signal by which stops at calls are told from others. */
  get callCode(): number {
    return Signal.SIGTRAP | (this.options & TraceOption.sysGood ? 0x80 : 0);
  }
}
