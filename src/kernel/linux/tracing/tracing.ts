import { TF } from '../../../cpu/meaning/flags.js';
import type { CpuState } from '../../../cpu/state/cpu-state.js';
import { R11, RAX, RCX } from '../../../cpu/state/layout.js';
import { outside, schema } from '../../../state/schema.js';
import type { Scheduler } from '../../tasks/scheduler.js';
import type { PendingCall, Thread } from '../../tasks/thread.js';
import type { Waits } from '../../tasks/waits.js';
import type { Interruption } from '../call.js';
import { LinuxErrno } from '../errno.js';
import type { LinuxProcess } from '../linux-process.js';
import { SA_NOCLDSTOP, SIG_IGN, type SignalAction } from '../signals/signal-actions.js';
import { faultAt, fromKernel, ofChild, ofTracer, sentBy } from '../signals/signal-info.js';
import { Signal } from '../signals/signal.js';
import type { Signals } from '../signals/signals.js';
import { CLONE_PTRACE, CLONE_UNTRACED, CLONE_VFORK } from '../tasks/clone-flags.js';
import type { WaitStatus } from '../tasks/wait-status.js';
import {
  ERESTARTNOINTR,
  RESTART_SYSCALL,
  beforeHandler,
  resultOfInterrupted,
  withoutHandler,
} from './interrupted-call.js';
import { CALL_ENTERED, CALL_LEFT, Due, NO_CALL, Trace, TraceEvent, TraceOption } from './trace.js';
import type { TraceCourse, TraceStop } from './trace.js';

const { SIGCHLD, SIGKILL, SIGSTOP, SIGTRAP } = Signal;

const ENOSYS = BigInt.asUintN(64, -BigInt(LinuxErrno.ENOSYS));
const TRAP_BRKPT = 1;
const EVENT_SHIFT = 8;
/** The message of PTRACE_EVENT_EXIT is a status of wait4, which has the exit code in these bits. */
const EXIT_SHIFT = 8n;

/** What tracing needs of the kernel. */
export interface TracingHost {
  readonly cpu: { readonly state: CpuState };
  readonly signals: Signals;
  readonly scheduler: Pick<Scheduler, 'release'>;
  readonly waits: Pick<Waits, 'interrupt' | 'wakeAgain'>;
  /** Gives up the interrupted call of the thread in the CPU. Returns how it ends, or its result. */
  suspend(thread: Thread): Interruption | bigint;
  /** Calls `use` while the CPU holds the registers of a thread that does not run. */
  withRegisters(thread: Thread, use: () => void): void;
  /** The parent of a process that has ended may wait for it now. */
  tellParent(linux: LinuxProcess): void;
}

/** Stops threads for their tracers, and lets them go on. ptrace(2), kernel/ptrace.c, kernel/signal.c */
export class Tracing {
  /** @internal */
  static readonly state = schema('tracing', Tracing, { host: outside('parts of the kernel') }, { isPart: true });

  constructor(private readonly host: TracingHost) {}

  /** Makes a process the tracer of a thread that has none. */
  attach(tracer: LinuxProcess, thread: Thread, isSeized: boolean): Trace {
    const linux = thread.linux!;
    const process = thread.process.linux!;
    const trace = new Trace(linux.tid, process, tracer, isSeized);
    if (linux.trace) trace.registers.takeOver(linux.trace.registers);
    linux.trace = trace;
    tracer.family.tracees.unshift(trace);
    process.family.traces.push(trace);
    return trace;
  }

  /** PTRACE_ATTACH and PTRACE_SEIZE: a thread that is stopped with its process stops for its tracer instead. */
  stopAttached(thread: Thread, trace: Trace): void {
    if (!trace.isSeized) this.host.signals.send(thread, fromKernel(SIGSTOP));
    // One that waits for its child after vfork stops later.
    if (trace.process.signals.stoppedBy === 0 || thread.pending?.wait) return;
    trace.due |= Due.job;
    this.host.withRegisters(thread, () => void this.stopsFirst(thread, trace));
  }

  /** The thread goes on without its tracer. */
  detach(trace: Trace, thread: Thread | undefined, signal: number): void {
    removeTrace(trace);
    if (trace.stop && thread) this.resume(trace, thread, 'free', signal);
    trace.tracer = undefined;
    trace.course = 'free';
    trace.due = 0;
    trace.event = undefined;
  }

  /** A tracer has ended: its threads go on, or end too. */
  tracerEnded(tracer: LinuxProcess): void {
    for (const trace of [...tracer.family.tracees]) {
      const thread = threadOf(trace);
      const { stop, untold } = trace;
      const isKilled = trace.has(TraceOption.exitKill);
      // A signal that nobody has waited for is delivered.
      this.detach(trace, thread, stop?.kind === 'signal' && untold !== 0 ? stop.code : 0);
      if (isKilled && thread) this.host.signals.send(thread.process, fromKernel(SIGKILL));
      if (isOfEnded(trace) && trace.process.family.parentOf !== tracer) this.host.tellParent(trace.process);
    }
  }

  /** Lets a stopped thread run. The signal is delivered to it, or none for 0. */
  resume(trace: Trace, thread: Thread, course: TraceCourse, signal: number): void {
    const { stop, tracer } = trace;
    const wasEmulated = trace.course === 'emulation';
    if (!stop) return;
    trace.stop = undefined;
    trace.untold = 0;
    trace.listens = false;
    trace.course = course;
    if (stop.kind === 'signal') {
      const info = signal === stop.info!.signal ? stop.info : signal === 0 ? undefined : sentBy(tracer!, signal);
      trace.next = { info };
      if (info !== stop.info) stop.info!.timer?.dropped();
    } else if (signal !== 0 && (stop.kind === 'entry' || stop.kind === 'exit'))
      this.host.signals.send(thread, fromKernel(signal));
    if (stop.kind === 'entry') this.enter(thread, trace, wasEmulated);
    this.host.scheduler.release(thread);
  }

  /** Goes on with the call before which a thread has stopped, as its tracer has changed it: -1 for no call. */
  private enter(thread: Thread, { registers }: Trace, isSkipped: boolean): void {
    const before = thread.pending!;
    const number = Number(BigInt.asIntN(32, registers.call));
    const isNone = number === -1 || isSkipped;
    const isSame = number === before.number || number === RESTART_SYSCALL;
    thread.pending = isSame
      ? { ...before, isSkipped: isNone }
      : { ...before, number: isNone ? before.number : number >>> 0, progress: 0, isSkipped: isNone };
  }

  /** Called when SIGKILL or SIGCONT arrives, for threads that may have stopped for their tracers. */
  signalled(threads: readonly Thread[], signal: number): void {
    for (const thread of threads) {
      const { trace } = thread.linux!;
      if (!trace?.tracer) continue;
      if (signal === SIGKILL) this.release(thread, trace);
      else this.goesOn(thread, trace);
    }
  }

  private goesOn(thread: Thread, trace: Trace): void {
    trace.due &= ~Due.job;
    if (trace.stop?.kind === 'signal') trace.noteContinue();
    if (!trace.isSeized) return;
    trace.due |= Due.notice;
    if (trace.listens) this.release(thread, trace);
    else if (!trace.stop) this.host.waits.interrupt(thread);
  }

  private release(thread: Thread, trace: Trace): void {
    if (!trace.stop) return;
    trace.stop = undefined;
    trace.untold = 0;
    trace.listens = false;
    // It does not go on with a call, but takes the signal or stops again.
    if (thread.pending && !thread.pending.wait) thread.pending.isInterrupted = true;
    this.host.scheduler.release(thread);
  }

  /** PTRACE_LISTEN: the thread stops again at once if something has happened already. */
  listen(thread: Thread, trace: Trace): void {
    trace.listens = true;
    trace.untold = 0;
    if (trace.isDue(Due.notice)) this.release(thread, trace);
  }

  /** PTRACE_INTERRUPT. */
  interrupt(thread: Thread, trace: Trace): void {
    trace.due |= Due.trap;
    if (trace.listens) this.release(thread, trace);
    else if (!trace.stop) {
      this.host.scheduler.release(thread);
      this.host.waits.interrupt(thread);
    }
  }

  /** Stops the thread in the CPU. */
  stop(thread: Thread, stop: TraceStop, message = 0n): void {
    const trace = thread.linux!.trace!;
    this.clearTrapFlag(trace);
    const isJob = stop.kind === 'job' || isStopEvent(stop);
    if (isJob) trace.due &= ~Due.job;
    if (isStopEvent(stop)) trace.due &= ~Due.notice;
    trace.due &= ~Due.trap;
    trace.takeContinue();
    trace.stop = stop;
    trace.untold = stop.code;
    trace.message = message;
    this.host.signals.hold(thread);
    const change = isJob
      ? ({ kind: 'stopped', signal: trace.process.signals.stoppedBy & 0x7f } as const)
      : ({ kind: 'trapped', code: stop.code } as const);
    this.tellTracer(trace, ofChild(SIGCHLD, trace.tid, change));
    const { signals, family } = trace.process;
    if (isJob && signals.isStopping && !family.traces.some((each) => each.isDue(Due.job)))
      this.host.signals.hasStopped(trace.process, trace.tracer!);
  }

  private tellTracer({ tracer }: Trace, info: ReturnType<typeof ofChild>): void {
    const { actions, process } = tracer!.signals;
    const { handler, flags } = actions.of(SIGCHLD);
    if (handler !== SIG_IGN && (flags & SA_NOCLDSTOP) === 0n) this.host.signals.send(process, info);
    this.host.waits.wakeAgain({ kind: 'child', number: tracer!.pid });
  }

  /**
   * A thread with a tracer is about to take signals: stops it where something is due. Returns whether it did. An interrupted call
   * ends first, as far as the tracer can see.
   */
  stopsFirst(thread: Thread, trace: Trace): boolean {
    if (thread.pending) {
      this.suspend(thread, trace);
      this.called(thread);
      if (trace.stop) return true;
    }
    if (!trace.isDue(Due.job, Due.trap, Due.notice)) return false;
    const { stoppedBy } = trace.process.signals;
    if (trace.isSeized) {
      const signal = stoppedBy === 0 ? SIGTRAP : stoppedBy;
      this.stopForEvent(thread, trace, { event: TraceEvent.stop, message: 0n }, signal);
    } else if (stoppedBy !== 0) this.stop(thread, { kind: 'job', code: stoppedBy, info: undefined });
    else {
      trace.due = 0;
      return false;
    }
    return true;
  }

  private suspend(thread: Thread, { registers }: Trace): void {
    const { number, progress } = thread.pending!;
    const { state } = this.host.cpu;
    const result = resultOfInterrupted(this.host.suspend(thread));
    registers.waiting = { number, progress };
    state.setGpr(RAX, BigInt.asUintN(64, result));
    state.setGpr(RCX, state.rip);
    state.setGpr(R11, state.rflags);
  }

  private stopForEvent(thread: Thread, trace: Trace, { event, message }: TracedEvent, signal: number = SIGTRAP): void {
    const code = signal | (event << EVENT_SHIFT);
    this.stop(thread, { kind: 'event', code, info: ofTracer(signal, code, trace) }, message);
  }

  private stopAtCall(thread: Thread, trace: Trace, kind: 'entry' | 'exit'): void {
    const { callCode: code } = trace;
    const message = kind === 'entry' ? CALL_ENTERED : CALL_LEFT;
    this.stop(thread, { kind, code, info: ofTracer(SIGTRAP, code, trace) }, message);
  }

  /** A signal for the thread in the CPU, which its tracer sees first. */
  stopForSignal(thread: Thread, info: NonNullable<TraceStop['info']>): void {
    this.stop(thread, { kind: 'signal', code: info.signal, info });
  }

  /** A handler begins. */
  beginsHandler(thread: Thread, action: SignalAction): void {
    const { trace } = thread.linux!;
    if (!trace) return;
    this.clearTrapFlag(trace);
    trace.registers.waiting = undefined;
    beforeHandler(this.host.cpu.state, trace.registers, action);
  }

  /** A handler has begun: a thread that goes step by step stops before its first instruction. Returns whether it does. */
  stopsInHandler(thread: Thread): boolean {
    const { trace } = thread.linux!;
    if (!trace?.tracer || trace.course !== 'step') return false;
    this.stop(thread, { kind: 'event', code: SIGTRAP, info: ofTracer(SIGTRAP, SIGTRAP, trace) });
    return true;
  }

  /** No handler has begun for what was due: an interrupted call is made again. */
  goesOnWithoutHandler(thread: Thread, trace: Trace): void {
    const { registers } = trace;
    if (!withoutHandler(this.host.cpu.state, registers)) return;
    thread.linux!.signals.restoreMask();
    if (this.host.cpu.state.gpr(RAX) !== BigInt(RESTART_SYSCALL)) registers.waiting = undefined;
  }

  /** The call that the thread in the CPU makes: for restart_syscall, the one that was interrupted. */
  callOf(trace: Trace, call: PendingCall): PendingCall {
    const { registers } = trace;
    const { waiting } = registers;
    registers.waiting = undefined;
    const isAgain = call.number === RESTART_SYSCALL && waiting !== undefined;
    return isAgain ? { ...call, number: waiting.number, progress: waiting.progress } : call;
  }

  /** A call begins. Returns whether the thread stops before it is made. */
  stopsAtEntry(thread: Thread, trace: Trace, call: PendingCall): boolean {
    if (!trace.tracer) return false;
    const { state } = this.host.cpu;
    trace.registers.call = state.gpr(RAX);
    state.setGpr(RAX, ENOSYS);
    state.setGpr(RCX, state.rip);
    state.setGpr(R11, state.rflags);
    if (!trace.stopsAtCalls) return false;
    thread.pending = call;
    this.stopAtCall(thread, trace, 'entry');
    return true;
  }

  /** A call has its result, or waits. Returns whether the thread stops before that has an effect. */
  stopsForEvent(thread: Thread): boolean {
    const { trace } = thread.linux!;
    if (!trace?.event) return false;
    const { event } = trace;
    trace.event = undefined;
    if (isEnding(trace)) return false;
    this.stopForEvent(thread, trace, event);
    return true;
  }

  /** A handler of the thread in the CPU has returned: there is no call that could be made again. */
  hasReturned(thread: Thread): void {
    thread.linux!.trace!.registers.call = NO_CALL;
    this.called(thread);
  }

  /** The thread in the CPU is about to return from a call. */
  called(thread: Thread): void {
    const { trace } = thread.linux!;
    if (!trace?.tracer || isEnding(trace)) return;
    if (trace.course === 'calls') this.stopAtCall(thread, trace, 'exit');
    else if (trace.course === 'step')
      this.host.signals.force(thread, faultAt(SIGTRAP, TRAP_BRKPT, this.host.cpu.state.rip));
  }

  /** A thread that has or had a tracer executes instructions. */
  runs(thread: Thread, trace: Trace): void {
    trace.registers.call = NO_CALL;
    trace.registers.isAtFault = false;
    if (!trace.tracer) {
      this.clearTrapFlag(trace);
      if (!trace.registers.waiting) thread.linux!.trace = undefined;
      return;
    }
    const { state } = this.host.cpu;
    if (trace.course !== 'step') return this.clearTrapFlag(trace);
    if (state.trapFlag) return;
    trace.registers.hasTrapFlag = true;
    state.rflags |= BigInt(TF);
  }

  private clearTrapFlag({ registers }: Trace): void {
    if (!registers.hasTrapFlag) return;
    registers.hasTrapFlag = false;
    const { state } = this.host.cpu;
    state.rflags &= ~BigInt(TF);
  }

  /** The result of a traced thread that would make another one, but takes a signal first: kernel/fork.c "copy_process". */
  putsOff(thread: Thread): bigint | undefined {
    return thread.linux!.trace && this.host.signals.isInterrupted(thread) ? -ERESTARTNOINTR : undefined;
  }

  /** A thread has made another one, or a process. */
  cloned(parent: Thread, child: Thread, flags: number, exitSignal: number): void {
    const { trace } = parent.linux!;
    if (!trace?.tracer || flags & CLONE_UNTRACED) return;
    const kind = flags & CLONE_VFORK ? 'vfork' : exitSignal !== SIGCHLD ? 'clone' : 'fork';
    const isEvent = trace.has(TraceOption[kind]);
    if (!isEvent && !(flags & CLONE_PTRACE)) return;
    if (isEvent) trace.event = { event: TraceEvent[kind], message: BigInt(child.linux!.tid) };
    const { tracer, isSeized, options } = trace;
    const own = this.attach(tracer, child, isSeized);
    own.options = options;
    // A thread of a process that is stopped takes part in that.
    if (own.process.signals.stoppedBy !== 0) own.due |= Due.job;
    own.registers.call = trace.registers.call;
    if (isSeized) own.due |= Due.trap;
    else child.linux!.signals.pending.add(SIGSTOP);
  }

  /** The child of vfork no longer uses the memory of its parent, the thread. */
  vforkDone(thread: Thread, pid: number): void {
    const { trace } = thread.linux!;
    if (trace?.has(TraceOption.vforkDone)) trace.event = { event: TraceEvent.vforkDone, message: BigInt(pid) };
  }

  /** A thread has begun another program. `before` is its earlier number, another one if it was not the first of its process. */
  executed(thread: Thread, before: number): void {
    const { trace, tid } = thread.linux!;
    if (!trace?.tracer) return;
    // The thread that was the first one is gone, and its end is not reported.
    const former = tid === before ? undefined : trace.process.family.traces.find((each) => each.tid === tid);
    if (former) removeTrace(former);
    trace.tid = tid;
    if (trace.has(TraceOption.exec)) trace.event = { event: TraceEvent.exec, message: BigInt(before) };
    else if (!trace.isSeized) this.host.signals.send(thread, sentBy(trace.process, SIGTRAP));
  }

  /** The thread in the CPU is about to end. Returns whether it stops first. */
  stopsBeforeEnd(thread: Thread, status: WaitStatus): boolean {
    const { trace } = thread.linux!;
    if (!trace?.has(TraceOption.exit) || !trace.beginsToEnd()) return false;
    const message = status.kind === 'exited' ? BigInt(status.code) << EXIT_SHIFT : BigInt(status.signal);
    this.stopForEvent(thread, trace, { event: TraceEvent.exit, message });
    return true;
  }

  /** Threads of a process that goes on have ended. */
  threadEnded(trace: Trace, code: number): void {
    // The first thread counts as ended with its process.
    if (trace.tid === trace.process.pid) return;
    this.end(trace, { kind: 'exited', code });
  }

  /** A process has ended, with all its threads. */
  processEnded({ family, pid }: LinuxProcess): void {
    for (const trace of [...family.traces]) {
      trace.stop = undefined;
      trace.untold = 0;
      if (trace.tid !== pid || trace.tracer !== family.parentOf) this.end(trace, family.status!);
    }
  }

  private end(trace: Trace, status: WaitStatus): void {
    if (trace.end) return;
    trace.stop = undefined;
    trace.untold = 0;
    trace.end = status;
    this.host.signals.send(trace.tracer!.signals.process, ofChild(SIGCHLD, trace.tid, status));
    this.host.waits.wakeAgain({ kind: 'child', number: trace.tracer!.pid });
  }

  /** A tracer has waited for the end of a thread. */
  forget(trace: Trace): void {
    const { process, tracer, tid } = trace;
    removeTrace(trace);
    if (tid === process.pid && process.family.parentOf !== tracer) this.host.tellParent(process);
  }
}

type TracedEvent = NonNullable<Trace['event']>;

/** PTRACE_EVENT_STOP. */
export function isStopEvent({ kind, code }: TraceStop): boolean {
  return kind === 'event' && code >> EVENT_SHIFT === TraceEvent.stop;
}

/** Whether a trace is that of a whole process, which has ended. */
function isOfEnded({ tid, process }: Trace): boolean {
  return tid === process.pid && process.family.status !== undefined;
}

/** Whether a signal ends the process of a trace: its threads do not stop any more. kernel/signal.c "ptrace_stop" */
function isEnding({ process }: Trace): boolean {
  return process.signals.endedBy !== 0;
}

/** The thread of a trace; undefined where it has ended. */
export function threadOf({ tid, process }: Trace): Thread | undefined {
  return process.signals.process.threads.find(({ linux }) => linux!.tid === tid);
}

/** Ends what a tracer and a thread have to do with each other. */
function removeTrace(trace: Trace): void {
  remove(trace.tracer!.family.tracees, trace);
  remove(trace.process.family.traces, trace);
}

function remove<T>(list: T[], item: T): void {
  const index = list.indexOf(item);
  if (index >= 0) list.splice(index, 1);
}
