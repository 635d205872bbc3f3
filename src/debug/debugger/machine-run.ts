import type { TrapReport } from '../../kernel/reports/trap-report.js';
import type { KernelCallStart } from '../../kernel/hooks.js';
import type { ProgramAbi } from '../../kernel/program/elf.js';
import type { LinearAddress } from '../../kernel/memory/linear-address.js';
import type {
  DebuggedMachine,
  DebugStop,
  MachineProcess as Process,
  MachineThread as Thread,
} from '../machine/debugged-machine.js';
import type { Stop, StopReason } from '../target.js';
import type { Timeline } from '../timeline/timeline.js';
import { StopSet, type DataHit } from './stop-set.js';

/** What a hook makes the machine do: stop, or continue. */
export type HookAnswer = 'stop' | void;

/** What happens when an armed range is hit. */
export type Action =
  | { readonly kind: 'stop'; readonly stop: Stop }
  | { readonly kind: 'code hook'; call(thread: Thread, address: LinearAddress): HookAnswer }
  | { readonly kind: 'data hook'; call(thread: Thread, hit: DataHit<Action>): HookAnswer }
  /** A motion waits for it. */
  | { readonly kind: 'reached' };

/** Why `run` returned. */
export type RunEvent =
  | { readonly kind: 'reason'; readonly reason: StopReason }
  /** The thread that `turnOf` names is about to execute an instruction. */
  | { readonly kind: 'turn' }
  /** A range that a motion waits for was reached. */
  | { readonly kind: 'reached'; readonly address: LinearAddress };

/** Calls a hook for a trap: 'retry' executes the instruction again instead of ending the process. */
export type TrapHook = (report: TrapReport) => 'retry' | HookAnswer;

/** Calls a hook before a kernel-call. */
export type CallHook = (event: KernelCallStart) => HookAnswer;

/** Work of the kernel per call of `run`: some ten milliseconds. */
const EFFORT_PER_RUN = 4096;
/** Hits per call of `run`. */
const MOST_HITS = 1000;

/** Runs the machine from one event to the next, and calls hooks on the way. */
export class MachineRun {
  readonly stops: StopSet<Action>;
  readonly trapHooks = new Set<TrapHook>();
  readonly callHooks = new Set<CallHook>();
  /** Returns false for a reason that is not to be reported: the machine runs on. */
  filter: (reason: StopReason) => boolean = () => true;
  /** The tick at which `run` returns. */
  endTick = 0;
  /** Events that happened together with one that was returned. */
  private readonly waiting: RunEvent[] = [];
  private processes: Set<Process>;

  constructor(
    private readonly machine: DebuggedMachine,
    private readonly timeline: Timeline | undefined,
  ) {
    this.stops = new StopSet(machine.cpu, (address, pid) => machine.homeOf(address, pid));
    this.processes = new Set(machine.liveProcesses);
  }

  /** Runs up to an event. Returns undefined at `endTick`, or after some time. */
  run(): RunEvent | undefined {
    const { machine } = this;
    // Typed input is taken in once per call, however many hooks are called.
    machine.stops.beginRun();
    this.noteEnds();
    const effortEnd = machine.effort + EFFORT_PER_RUN;
    for (let hits = 0; hits < MOST_HITS; hits++) {
      const event = this.waiting.shift();
      if (event) return event;
      const left = this.endTick - machine.ticks;
      const effortLeft = effortEnd - machine.effort;
      if (left <= 0 || effortLeft <= 0) return undefined;
      const outcome = this.timeline ? this.timeline.run(left, effortLeft) : machine.run(left, effortLeft);
      if (outcome.kind === 'ticks' && !machine.stops.isHolding) this.timeline?.observe();
      if (outcome.kind === 'stopped') this.take(outcome.stop);
      else if (outcome.kind === 'ended') this.noteEnds();
      else if (outcome.kind === 'waiting') return waiting(outcome.forInput, outcome.until);
      else if (outcome.kind === 'idle') return waiting(false, Infinity);
      // The hook onSpuriousWrite has not decided: it is asked again when the machine continues.
      else if (outcome.kind === 'asking') return waiting(true, Infinity);
      else return undefined;
    }
    return undefined;
  }

  /** Runs for one tick. */
  runTick(): RunEvent | undefined {
    const { endTick } = this;
    this.endTick = this.machine.ticks + 1;
    try {
      return this.run();
    } finally {
      this.endTick = endTick;
    }
  }

  /** Takes the processes for granted that live now, and forgets what has not been returned. */
  restart(): void {
    this.waiting.length = 0;
    this.processes = new Set(this.machine.liveProcesses);
  }

  /** Reports the processes that have ended since the last time. */
  noteEnds(): void {
    for (const process of this.processes) {
      if (!process.end) continue;
      this.processes.delete(process);
      const { pid, linux, end } = process;
      this.report({ kind: 'exited', pid, linuxPid: linux?.pid, exitCode: end!.exitCode });
    }
  }

  private take(stop: DebugStop): void {
    switch (stop.kind) {
      case 'code':
        return this.takeCode(stop.thread, stop.address);
      case 'data':
        return this.takeData(stop.thread, this.stops.hitsBy(stop.accesses, stop.thread.tid));
      case 'trap':
        return this.takeTrap(stop.thread, stop.report);
      case 'ending':
        this.report({ kind: 'ending', tid: stop.thread.tid, why: stop.why });
        return;
      case 'started':
        this.processes.add(stop.process);
        this.report({ kind: 'started', pid: stop.process.pid });
        return;
      case 'requested':
        this.report({ kind: 'hook', tid: stop.thread.tid });
        return;
      case 'call':
        return this.takeCall(stop.thread, stop.abi);
      case 'turn':
        this.waiting.push({ kind: 'turn' });
    }
  }

  /** Breakpoints are reported rather than places that a motion waits for. */
  private takeCode(thread: Thread, address: LinearAddress): void {
    const { tid } = thread;
    const actions = this.stops.hitsAt(address, thread).map(({ what }) => what);
    let reason: StopReason | undefined;
    for (const action of actions) {
      if (action.kind === 'code hook' && action.call(thread, address) === 'stop') reason ??= { kind: 'hook', tid };
      if (action.kind === 'stop') reason = { kind: 'breakpoint', tid, stop: action.stop };
    }
    if (reason && this.report(reason)) return;
    if (actions.some(({ kind }) => kind === 'reached')) this.waiting.push({ kind: 'reached', address });
  }

  private takeData(thread: Thread, hits: readonly DataHit<Action>[]): void {
    const { tid } = thread;
    for (const hit of hits) {
      const { what } = hit.armed;
      if (what.kind === 'data hook' && what.call(thread, hit) === 'stop') this.report({ kind: 'hook', tid });
      if (what.kind !== 'stop') continue;
      const { address, access } = hit;
      this.report({ kind: 'watchpoint', tid, stop: what.stop, address, access: access.access });
    }
  }

  private takeCall(thread: Thread, abi: ProgramAbi): void {
    const { machine } = this;
    const event = { ...machine.callOf(thread, abi), next: machine.stops.afterCall(thread, abi) };
    const answers = [...this.callHooks].map((hook) => hook(event));
    if (answers.includes('stop')) this.report({ kind: 'hook', tid: thread.tid });
  }

  private takeTrap({ tid }: Thread, report: TrapReport): void {
    for (const hook of this.trapHooks) if (hook(report) === 'retry') return this.machine.stops.retry();
    this.report({ kind: 'trapped', tid, report });
  }

  private report(reason: StopReason): boolean {
    const isWanted = this.filter(reason);
    if (isWanted) this.waiting.push({ kind: 'reason', reason });
    return isWanted;
  }
}

function waiting(forInput: boolean, until: number): RunEvent {
  return { kind: 'reason', reason: { kind: 'waiting', forInput, until } };
}
