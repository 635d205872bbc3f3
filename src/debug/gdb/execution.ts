import { processText } from '../reports/machine-text.js';
import { hexOfText } from './byte-strings.js';
import type { ResumeRequest, StopReason } from '../target.js';
import type { SessionState } from './session-state.js';
import { exitReply, outputPacket, reportOf, SIGNAL, stopReply, textOf, type StopReport } from './stop-replies.js';

/** What the machine is to do until something happens. */
export type Motion = Omit<ResumeRequest, 'maxTicks'>;

/** What became of a slice of the machine's run. */
export type SessionSlice =
  /** The debugger has the machine: nothing runs until it sends something. */
  | { readonly kind: 'stopped' }
  | { readonly kind: 'running' }
  /** All threads wait, as `Outcome` says. */
  | { readonly kind: 'waiting'; readonly forInput: boolean; readonly until: number };

/** Stops that do not count, in a slice: some milliseconds. */
const PASSED_MAX = 100;

const STOPPED: SessionSlice = { kind: 'stopped' };
const RUNNING: SessionSlice = { kind: 'running' };

/** Runs the machine for a debugger, and reports why it stopped. */
export class Execution {
  /** The exit code of the program, once it has ended. */
  exitCode: number | undefined;
  private motion: Motion | undefined;
  /** The libraries that the debugger was last told to ask for. */
  private reportedLibraries = '';
  /** Whether there are others by now. */
  private hasOtherLibraries = false;
  /** Ctrl-C has come while nothing ran: what runs next is stopped at once. */
  private isInterrupted = false;
  private lastReport: StopReport = { signal: SIGNAL.TRAP, tid: undefined };
  /** Threads that the debugger knows of; undefined unless it wants to hear of others. */
  private known: Set<number> | undefined;

  constructor(
    private readonly state: SessionState,
    private readonly send: (payload: string) => void,
  ) {}

  get isRunning(): boolean {
    return this.motion !== undefined;
  }

  /** Whether the machine runs on, and not back. */
  get isGoingOn(): boolean {
    return this.motion !== undefined && this.motion.direction !== 'backward';
  }

  /** The reply to `?`. */
  get lastReply(): string {
    const { state, lastReport } = this;
    if (this.exitCode !== undefined) return exitReply(state, this.exitCode);
    const { tid } = lastReport;
    const isLive = tid !== undefined && state.target.findThread(tid) !== undefined;
    return stopReply(state, isLive ? lastReport : { signal: SIGNAL.TRAP, tid: state.current?.tid });
  }

  /** Why a thread stands: for all but the last one that was reported, because the others do. */
  replyAbout(tid: number): string {
    return tid === this.lastReport.tid ? this.lastReply : stopReply(this.state, { signal: 0, tid });
  }

  /** Lets the machine run from the next slice on. */
  start(motion: Motion): void {
    const isOneInstruction = motion.step !== undefined && !motion.range;
    if (!isOneInstruction) {
      this.state.stops.disarmRemoved();
      this.state.readers.clear();
      this.watchLibraries();
    }
    this.motion = motion;
  }

  /** From now on, or no longer, reports threads that start and end. */
  reportThreadEvents(isWanted: boolean): void {
    this.known = isWanted ? this.liveThreads() : undefined;
  }

  /** Stops the machine without a report. */
  halt(): void {
    if (this.motion) this.state.target.cancel();
    this.motion = undefined;
  }

  /**
   * Ctrl-C: stops the machine where it is, or else as soon as it is resumed, as gdb's manual says (E.9 "Interrupts"): between stops
   * at which a condition is false, gdb asks for what it compares. lldb means only what runs.
   */
  interrupt(): void {
    const { target, current, client } = this.state;
    if (!this.motion) {
      this.isInterrupted = !client.isLldb;
      return;
    }
    this.isInterrupted = false;
    target.cancel();
    this.stop({ signal: SIGNAL.INT, tid: current?.tid });
  }

  /** Runs the machine for a while: for at most so many ticks, or stops that do not count. */
  runSlice(maxTicks: number): SessionSlice {
    const { target } = this.state;
    if (this.isInterrupted) this.interrupt();
    const end = target.ticks + maxTicks;
    for (let passed = 0; passed < PASSED_MAX; passed++) {
      const { motion } = this;
      const left = end - target.ticks;
      if (!motion) return STOPPED;
      if (this.hasOtherLibraries) return this.reportLibraries();
      if (left <= 0) break;
      const { isWanted } = this;
      const reason = this.counted(motion, target.resume({ ...motion, isWanted, maxTicks: left }));
      if (reason === 'passed') {
        if (this.hasOtherLibraries) return this.reportLibraries();
        continue;
      }
      if (reason) return this.take(reason);
      break;
    }
    return this.reportThreads() ? STOPPED : RUNNING;
  }

  private readonly isWanted = (reason: StopReason): boolean => {
    const { stops, libraryStops } = this.state;
    return !libraryStops.isOf(reason) && !stops.isOfRemoved(reason) && !stops.isRefused(reason);
  };

  /** The reason to stop, as it counts for the debugger. */
  private counted(motion: Motion, reason: StopReason | undefined): StopReason | undefined | 'passed' {
    const { target, stops, libraryStops } = this.state;
    if (!reason || !('tid' in reason)) return reason;
    if (libraryStops.isAt(reason)) {
      this.noteLibraries();
      // One stop of several at an address is reported.
      const own = libraryStops.isOf(reason) ? stops.breakpointAt(reason) : undefined;
      if (own) return this.counted(motion, own);
    }
    if (this.isWanted(reason)) return reason;
    if (reason.tid !== motion.step) return 'passed';
    const stepped: StopReason = { kind: 'stepped', tid: reason.tid };
    // A data stop comes after the instruction, a code stop before it.
    if (!motion.range) return reason.kind === 'watchpoint' ? stepped : 'passed';
    const { rip } = target.readRegisters(reason.tid);
    return rip >= motion.range.start && rip < motion.range.end ? 'passed' : stepped;
  }

  private take(reason: StopReason): SessionSlice {
    const text = textOf(reason);
    if (text !== undefined) this.send(outputPacket(text));
    const report = reportOf(this.state, reason);
    if (report) return this.stop(report);
    if (reason.kind === 'exited') return this.takeExit(reason);
    if (reason.kind === 'started') return this.takeStart(reason.pid);
    if (reason.kind !== 'waiting') return RUNNING;
    if (text !== undefined) return this.stop({ signal: SIGNAL.TRAP, tid: this.state.current?.tid });
    return reason;
  }

  private takeExit(exit: Extract<StopReason, { kind: 'exited' }>): SessionSlice {
    const { exitCode } = exit;
    if (exit.pid !== this.state.programPid) {
      this.send(outputPacket(`${processText({ linuxPid: undefined, ...exit })} ended with exit code ${exitCode}\n`));
      return this.reportLibraries();
    }
    this.exitCode = exitCode;
    this.motion = undefined;
    this.send(exitReply(this.state, exitCode));
    return STOPPED;
  }

  /** A process has started, or has begun another program. */
  private takeStart(pid: number): SessionSlice {
    const { state, motion } = this;
    this.watchLibraries();
    if (pid !== state.programPid) return this.reportLibraries();
    state.loaded.executed();
    const path = state.loaded.executable?.path;
    if (!state.client.knowsExec || path === undefined || motion?.direction === 'backward')
      return this.reportLibraries();
    this.hasOtherLibraries = true;
    return this.stop({ signal: SIGNAL.TRAP, tid: state.program?.threads[0]?.tid, reason: `exec:${hexOfText(path)}` });
  }

  /** lldb finds libraries itself. */
  private watchLibraries(): void {
    const { client, libraryStops } = this.state;
    if (!client.isLldb) libraryStops.update();
  }

  /** A thread is where libraries have come or gone, or are about to. */
  private noteLibraries(): void {
    if (this.motion?.direction === 'backward') return;
    this.hasOtherLibraries ||= libraryText(this.state) !== this.reportedLibraries;
  }

  /** gdb then asks for the list, and goes on; lldb would stop. The thread is the one that gdb is stepping. */
  private reportLibraries(): SessionSlice {
    const { state, motion } = this;
    this.hasOtherLibraries = false;
    if (state.client.isLldb || motion?.direction === 'backward') return RUNNING;
    this.reportedLibraries = libraryText(state);
    const stepped = motion?.step !== undefined && state.target.findThread(motion.step);
    return this.stop({
      signal: SIGNAL.TRAP,
      tid: (stepped || state.current)?.tid,
      reason: 'library:',
    });
  }

  /** Reports one thread that has started or ended since the last slice, if the debugger wants to hear of it. */
  private reportThreads(): boolean {
    const { state, known } = this;
    // What lives in the past that is searched says nothing.
    if (!known || this.motion?.direction === 'backward') return false;
    const live = this.liveThreads();
    const started = [...live].find((tid) => !known.has(tid));
    if (started !== undefined) {
      known.add(started);
      this.stop({ signal: SIGNAL.TRAP, tid: started, reason: 'create:' });
      return true;
    }
    const ended = [...known].find((tid) => !live.has(tid));
    if (ended === undefined) return false;
    known.delete(ended);
    this.motion = undefined;
    this.send(`w0;${state.threadText(ended)}`);
    return true;
  }

  private liveThreads(): Set<number> {
    return new Set(this.state.target.threads.map(({ tid }) => tid));
  }

  private stop(report: StopReport): SessionSlice {
    this.motion = undefined;
    this.lastReport = report;
    if (report.tid !== undefined) this.state.generalThread = report.tid;
    this.send(stopReply(this.state, report));
    return STOPPED;
  }
}

function libraryText({ loaded }: SessionState): string {
  return loaded.others.map(({ path, base }) => `${path} ${base}`).join('\n');
}
