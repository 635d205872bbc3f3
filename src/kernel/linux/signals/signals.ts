import { outside, schema } from '../../../state/schema.js';
import type { Cpu } from '../../../cpu/cpu.js';
import type { Process } from '../../tasks/process.js';
import type { Scheduler } from '../../tasks/scheduler.js';
import { Thread } from '../../tasks/thread.js';
import type { Waits } from '../../tasks/waits.js';
import { LinuxErrno, LinuxError } from '../errno.js';
import type { LinuxProcess } from '../linux-process.js';
import { Due } from '../tracing/trace.js';
import type { PendingSignals } from './pending-signals.js';
import type { JobChange } from '../tasks/wait-status.js';
import { isOrphaned } from './groups.js';
import { SA_NOCLDSTOP, SIG_IGN } from './signal-actions.js';
import { SignalCode, ofChild, type SignalInfo } from './signal-info.js';
import { DUMPING, REAL_TIME_MIN, STOPPING, Signal, isIn, setOf, type SignalSet } from './signal.js';

const { SIGCONT, SIGKILL } = Signal;

/** Maximum number of signals queued with a siginfo for a process; RLIMIT_SIGPENDING may be lower. */
const QUEUED_MAX = 1024;
const RLIMIT_SIGPENDING = 11;

/** What signals need of the kernel. */
export interface SignalsHost {
  readonly waits: Waits;
  readonly scheduler: Scheduler;
  readonly cpu: Pick<Cpu, 'ticks'>;
  /** Wakes those that wait for a file: see `FileSystem.takeNumber`. */
  wakeFile(number: number): void;
  /** SIGKILL or SIGCONT was sent to a process, some of whose threads may have tracers. */
  wakeTraced(process: Process, signal: number): void;
}

/** Sends signals. They are delivered when a thread that they are meant for is about to run: see SignalDelivery. */
export class Signals {
  /** @internal */
  static readonly state = schema(
    'signals',
    Signals,
    {
      host: outside('parts of the kernel'),
      processes: outside('described by the system'),
    },
    { isPart: true },
  );

  constructor(
    private readonly host: SignalsHost,
    private readonly processes: ReadonlyMap<number, LinuxProcess>,
  ) {}

  /**
   * Sends a signal to a thread, or to a process: one of its threads gets it. No effect on one that has ended, and where it is
   * ignored. Throws LinuxError EAGAIN where no more real-time signals can be queued.
   */
  send(target: Process | Thread, info: SignalInfo): void {
    const thread = target instanceof Thread ? target : undefined;
    const process = target instanceof Thread ? target.process : target;
    const { linux } = process;
    if (!linux || process.end || process.threads.length === 0) return;
    const { signal } = info;
    if (isIn(STOPPING, signal)) dropAll(process, setOf(SIGCONT));
    if (signal === SIGCONT) dropAll(process, STOPPING);
    if (signal === SIGCONT || signal === SIGKILL) this.goOn(process, signal);
    if (this.isIgnored(thread ?? process.threads[0]!, signal)) return info.timer?.dropped();
    const pending = (thread?.linux ?? linux).signals.pending;
    if (!info.timer && signal < REAL_TIME_MIN && pending.has(signal)) return;
    const ends = this.endsAtOnce(thread ? [thread] : process.threads, linux, signal);
    enqueue(pending, process, info);
    if (ends) linux.signals.endedBy = signal;
    this.host.wakeFile(linux.signals.number);
    const taker = (thread ? [thread] : process.threads).find((candidate) => wants(candidate, signal));
    if (taker) this.host.waits.interrupt(taker, ends);
  }

  /**
   * Whether a signal that is sent decides how a process ends, whatever is sent before it runs: SIGKILL, and what has no handler and
   * writes no core, if a thread could take it at once. kernel/signal.c "complete_signal"
   */
  private endsAtOnce(threads: readonly Thread[], { signals }: LinuxProcess, signal: number): boolean {
    if (signals.endedBy !== 0) return false;
    if (signal === SIGKILL) return true;
    if (threads.some(isTraced)) return false;
    if (signals.actions.outcome(signal) !== 'terminate' || isIn(DUMPING, signal) || signals.stoppedBy !== 0)
      return false;
    return threads.some((thread) => {
      const { mask, awaited } = thread.linux!.signals;
      return !isIn(mask | awaited, signal) && !this.isDue(thread);
    });
  }

  /** Sends a signal to a thread that can neither block nor ignore it. kernel/signal.c "force_sig_info_to_task" */
  force(thread: Thread, info: SignalInfo): void {
    const { signals } = thread.linux!;
    const { actions } = thread.process.linux!.signals;
    const { signal } = info;
    const isBlocked = isIn(signals.mask, signal);
    if (isBlocked || actions.of(signal).handler === SIG_IGN) actions.reset(signal);
    if (isBlocked) signals.setMask(signals.mask & ~setOf(signal));
    this.send(thread, info);
  }

  /** Takes out a signal that is pending, of a set: it is delivered. */
  take(pending: PendingSignals, allowed: SignalSet): SignalInfo | undefined {
    for (let info = pending.take(allowed); info; info = pending.take(allowed)) {
      const { timer } = info;
      const delivered = timer ? timer.delivered(this.host.scheduler.alarms, this.host.cpu.ticks) : info;
      if (delivered) return delivered;
    }
    return undefined;
  }

  /** Whether a thread of Linux has a signal that is to be delivered now. */
  isDue({ linux, process }: Thread): boolean {
    const { mask, pending } = linux!.signals;
    return ((pending.set | process.linux!.signals.pending.set) & ~mask) !== 0n;
  }

  /** Whether a thread of Linux interrupts what it does: a signal is due, or its tracer wants it to stop. */
  isInterrupted(thread: Thread): boolean {
    const { trace } = thread.linux!;
    return this.isDue(thread) || (trace?.isDue(Due.job, Due.trap, Due.notice) ?? false);
  }

  /** Stops a process: its threads do not run. Their calls are made again when it goes on. */
  stop(process: Process, signal: number): void {
    const { signals } = process.linux!;
    const wasStopped = signals.stoppedBy !== 0;
    signals.stoppedBy = signal;
    for (const thread of process.threads) {
      this.host.waits.interrupt(thread);
      if (isTraced(thread)) thread.linux!.trace!.due |= Due.job;
      else this.hold(thread);
    }
    if (wasStopped) return;
    signals.isStopping = process.threads.some(isTraced);
    if (!signals.isStopping) this.changeJob(process.linux!, { kind: 'stopped', signal });
  }

  /** All threads of a process have stopped with it: notifies the parent, unless that is the tracer and knows. */
  hasStopped(linux: LinuxProcess, tracer: LinuxProcess): void {
    linux.signals.isStopping = false;
    if (tracer !== linux.family.parentOf) this.changeJob(linux, { kind: 'stopped', signal: linux.signals.stoppedBy });
  }

  /** Whether a signal that stops a process has no effect, since nobody could let it go on. */
  isUnstoppable({ linux }: Process, signal: number): boolean {
    return signal !== Signal.SIGSTOP && isOrphaned(this.processes, linux!.group);
  }

  /** The parent of a process that was stopped, or goes on, may wait for that, and gets SIGCHLD. */
  private changeJob(linux: LinuxProcess, change: JobChange): void {
    linux.family.change = change;
    this.tellOfJob(linux, change);
  }

  private tellOfJob({ pid, family: { parentOf: parent } }: LinuxProcess, change: JobChange): void {
    if (!parent) return;
    const { actions, process } = parent.signals;
    const { handler, flags } = actions.of(Signal.SIGCHLD);
    if (handler !== SIG_IGN && (flags & SA_NOCLDSTOP) === 0n) this.send(process, ofChild(Signal.SIGCHLD, pid, change));
    this.host.waits.wakeAgain({ kind: 'child', number: parent.pid });
  }

  /** Notifies the parent of a process that goes on, once. */
  tellOfContinue(linux: LinuxProcess): void {
    const { signals } = linux;
    if (!signals.goesOn) return;
    const change = signals.goesOn;
    signals.goesOn = undefined;
    this.tellOfJob(linux, change);
  }

  /** A thread of a process that is stopped does not run, unless it waits for what no signal interrupts: it is held then. */
  hold(thread: Thread): void {
    if (!thread.pending?.wait || thread.pending.answer !== undefined) this.host.scheduler.hold(thread);
  }

  /** A process that was stopped goes on. */
  private goOn(process: Process, signal: number): void {
    const { signals, family } = process.linux!;
    this.host.wakeTraced(process, signal);
    if (signals.stoppedBy === 0) return;
    const wasStopping = signals.isStopping;
    signals.stoppedBy = 0;
    signals.isStopping = false;
    for (const thread of process.threads) {
      if (thread.linux!.trace?.stop) continue;
      this.host.scheduler.release(thread);
      interruptWithMask(thread);
    }
    signals.goesOn = undefined;
    if (signal !== SIGCONT) return;
    family.change = { kind: 'continued' };
    // Where some threads had not stopped yet, the parent gets the signal for that. kernel/signal.c "prepare_signal"
    signals.goesOn = wasStopping ? { kind: 'stopped', signal: 0 } : family.change;
    if (!process.threads.some(isTraced)) this.tellOfContinue(process.linux!);
  }

  /**
   * A signal that is blocked is kept, since its action may have changed when it is unblocked. Tracers see ignored signals,
   * too.
   */
  private isIgnored(thread: Thread, signal: number): boolean {
    if (isTraced(thread) && signal !== SIGKILL) return false;
    const { linux, process } = thread;
    return !isIn(linux!.signals.mask, signal) && process.linux!.signals.actions.outcome(signal) === 'ignore';
  }
}

/** A process goes on: before a call that has another mask is made again, signals can come that it blocks alone. */
function interruptWithMask({ pending, linux }: Thread): void {
  if (pending && pending.answer === undefined && linux!.signals.savedMask !== undefined) pending.isInterrupted = true;
}

function isTraced({ linux }: Thread): boolean {
  return linux!.trace?.tracer !== undefined;
}

/** Whether a thread takes a signal that was sent to its process. */
function wants({ linux }: Thread, signal: number): boolean {
  const { mask, awaited } = linux!.signals;
  return !isIn(mask, signal) || isIn(awaited, signal);
}

/** Drops what is pending of signals, for a process and all its threads. */
export function dropAll(process: Process, set: bigint): void {
  process.linux!.signals.pending.drop(set);
  for (const { linux } of process.threads) linux!.signals.pending.drop(set);
}

/** kernel/signal.c "__send_signal_locked": which signals lose their siginfo where too many are queued. */
function enqueue(pending: PendingSignals, process: Process, info: SignalInfo): void {
  const { signal, code, timer } = info;
  timer?.queued();
  if (timer) return pending.add(signal, info);
  if (signal === SIGKILL) return pending.add(signal);
  const isStandard = signal < REAL_TIME_MIN && code >= 0;
  if (isStandard || canQueue(process)) return pending.add(signal, info);
  if (signal >= REAL_TIME_MIN && code !== SignalCode.user) throw new LinuxError(LinuxErrno.EAGAIN);
  pending.add(signal);
}

/** Signals that are queued, or have a place in the queue: each timer has one. */
function queuedOf({ linux, threads }: Process): number {
  const { pending, timers } = linux!.signals;
  return threads.reduce((total, thread) => total + thread.linux!.signals.pending.length, pending.length + timers.size);
}

/** Whether a further signal can be queued. */
export function canQueue(process: Process): boolean {
  return queuedOf(process) < quotaOf(process.linux!);
}

function quotaOf({ limits }: LinuxProcess): number {
  const limit = limits.get(RLIMIT_SIGPENDING)?.[0] ?? BigInt(QUEUED_MAX);
  return limit < BigInt(QUEUED_MAX) ? Number(limit) : QUEUED_MAX;
}
