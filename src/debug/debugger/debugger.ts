import type { Computer } from '../../computer.js';
import type { MachineChange } from '../../kernel/inputs.js';
import type { AddressSpaceName, DebuggedMachine, MachineThread as Thread } from '../machine/debugged-machine.js';
import { machineOf } from '../machine/machine-of.js';
import { walkPages, type PageWalk } from '../inspect/page-walk.js';
import type {
  DebugProcess,
  DebugTarget,
  DebugThread,
  MappedRange,
  RegisterFile,
  RegisterName,
  ResumeRequest,
  ScalarRegister,
  Stop,
  StopReason,
  StopRequest,
} from '../target.js';
import { CodeFlow, type CodePlace } from './code-flow.js';
import { DebugHooks } from './hooks.js';
import { MachineRun, type Action } from './machine-run.js';
import { Motions, type LineFinder, type MotionSteps } from './motions.js';
import { finished, type Steps } from '../../vmo/steps.js';
import type { StoreObserver, StoreRecord } from '../timeline/past.js';
import type { Timeline } from '../timeline/timeline.js';
import { Backward } from './backward.js';
import { ThreadRegisters, type SavedRegisters } from './registers.js';
import { stopOf, type Armed } from './stop-set.js';

/** Ticks per step of `run`, besides those in which all threads wait. */
const TICKS_AT_ONCE = 2 ** 30;

/** 128 + SIGKILL. */
const KILLED_EXIT_CODE = 137;

/** Attaches a debugger to a machine; with a timeline, it can go back in time. */
export function attachDebugger(machine: Computer | DebuggedMachine, timeline?: Timeline): Debugger {
  return new Debugger(machineOf(machine), timeline);
}

/** Limits for `Debugger.run`. */
export interface DebugRunLimits {
  /** Maximum ticks. Default: no limit. */
  readonly maxTicks?: number;
  /** Maximum instructions, counting each iteration of REP. Default: no limit. */
  readonly maxInstructions?: number;
}

/** A way to continue, such as `Debugger.finish`; it ends with the first thing that is reported. */
export class Motion {
  private readonly steps: MotionSteps;
  private isDone = false;

  constructor(
    private readonly runner: MachineRun,
    private readonly ticks: () => number,
    steps: MotionSteps,
  ) {
    this.steps = steps;
  }

  /** Continues for at most `maxTicks`, or some milliseconds: undefined means that nothing has happened yet. */
  advance(maxTicks: number): StopReason | undefined {
    if (this.isDone) throw new Error('the motion has ended');
    this.runner.endTick = this.ticks() + maxTicks;
    const { done, value } = this.steps.next();
    this.isDone = done === true;
    return value;
  }

  /** Gives the motion up; the machine stays where it is. */
  cancel(): void {
    this.isDone = true;
    this.steps.return({ kind: 'history-end' });
  }
}

/**
 * A debugger of a machine: stops, hooks, motions, and a view of processes, threads, registers and memory. It never changes
 * what programs do, save through the methods that write. While it is attached, the machine is run through it alone.
 */
export class Debugger implements DebugTarget {
  readonly hooks: DebugHooks;
  private readonly runner: MachineRun;
  private readonly registers: ThreadRegisters;
  private readonly flow: CodeFlow;
  private readonly motions: Motions;
  private readonly backward: Backward | undefined;
  private readonly armed = new Map<Stop, Armed<Action>>();
  /** The motion of the last `resume`, which has not ended. */
  private resumed: { readonly key: string; readonly motion: Motion } | undefined;
  /** The search backward of the last `resume`, which has not ended. */
  private searched: { readonly step: number | undefined; readonly steps: Steps<StopReason> } | undefined;
  /** The thread that was reported last, or that the user of the debugger looks at, and its rip. */
  private reported: { readonly thread: Thread; readonly rip: bigint } | undefined;

  /** Use attachDebugger. */
  constructor(
    private readonly machine: DebuggedMachine,
    readonly timeline?: Timeline,
  ) {
    this.runner = new MachineRun(machine, timeline);
    this.registers = new ThreadRegisters(machine);
    const readMemory = (linear: bigint, lengthBytes: number, pid: number): Uint8Array =>
      this.readMemory(linear, lengthBytes, pid);
    this.flow = new CodeFlow(readMemory, () => machine.decoder);
    const { runner: run, registers, flow } = this;
    this.motions = new Motions({ machine, run, registers, flow, pass: (thread) => this.pass(thread) });
    this.hooks = new DebugHooks(machine, run, flow);
    this.backward = timeline && new Backward(machine, timeline, run.stops, registers);
    machine.stops.stopsAtTraps = true;
    machine.stops.stopsAtStarts = true;
  }

  /**
   * Called for each reason to stop, while the machine stands there. Reasons for which it returns false are not reported, and
   * motions go on: for conditions of breakpoints. Undefined: all are reported.
   */
  set filter(filter: ((reason: StopReason) => boolean) | undefined) {
    this.runner.filter = filter ?? (() => true);
  }

  get ticks(): number {
    return this.machine.ticks;
  }

  get processes(): readonly DebugProcess[] {
    const { machine } = this;
    return [...machine.liveProcesses].sort((a, b) => a.pid - b.pid).map((process) => machine.describeProcess(process));
  }

  get threads(): readonly DebugThread[] {
    const { machine } = this;
    return [...machine.liveThreads].sort((a, b) => a.tid - b.tid).map((thread) => machine.describeThread(thread));
  }

  findThread(tid: number): DebugThread | undefined {
    const thread = this.machine.findThread(tid);
    return thread && this.machine.describeThread(thread);
  }

  readRegisters(tid: number): RegisterFile {
    return this.registers.read(this.thread(tid));
  }

  readRegister(tid: number, name: ScalarRegister): bigint {
    return this.registers.scalar(this.thread(tid), name);
  }

  /** The instruction that a live thread is about to execute; undefined if it cannot be read or is invalid. */
  nextInstruction(tid: number): CodePlace | undefined {
    const { process } = this.thread(tid);
    return this.flow.at(this.readRegister(tid, 'rip'), process.pid);
  }

  writeRegister(tid: number, name: RegisterName, value: bigint): boolean {
    this.cancelSearch();
    const { cpu, stops } = this.machine;
    const thread = this.machine.findThread(tid);
    if (thread && name === 'cr2') {
      cpu.cr2 = value;
      this.changed({ kind: 'cr2', value });
      return true;
    }
    if (!thread || !this.registers.write(thread, name, value)) return false;
    if (name === 'rip') stops.moved(thread);
    stops.retry();
    this.changed({ kind: 'registers', tid, ...this.registers.save(thread) });
    return true;
  }

  /** All registers of a thread, for `restoreRegisters`. Throws RangeError if there is no such thread. */
  saveRegisters(tid: number): SavedRegisters {
    return this.registers.save(this.thread(tid));
  }

  restoreRegisters(tid: number, saved: SavedRegisters): void {
    this.cancelSearch();
    const thread = this.thread(tid);
    this.registers.restore(thread, saved);
    this.machine.stops.moved(thread);
    this.machine.stops.retry();
    this.changed({ kind: 'registers', tid, ...this.registers.save(thread) });
  }

  readMemory(address: bigint, lengthBytes: number, pid?: number): Uint8Array {
    return this.machine.readMemory(address, lengthBytes, pid);
  }

  writeMemory(address: bigint, bytes: Uint8Array, pid?: number): number {
    this.cancelSearch();
    this.machine.stops.retry();
    const stored = this.machine.writeMemory(address, bytes, pid);
    this.changed({ kind: 'memory write', pid, address, bytes: bytes.slice(0, stored) });
    return stored;
  }

  get memoryMap(): readonly MappedRange[] {
    return this.machine.memoryMap;
  }

  /** How the page tables of a live thread translate an address. Throws RangeError if there is no such thread. */
  walkPages(tid: number, address: bigint): PageWalk {
    return walkPages(this.machine, this.thread(tid), address);
  }

  /** Whether the machine is a foreign kernel's, in which devices and the processor store by themselves. */
  get isBare(): boolean {
    return this.machine.cpu.bare !== undefined;
  }

  memoryMapOf(pid: number | undefined): readonly MappedRange[] {
    return this.machine.memoryMapOf(pid);
  }

  addStop(request: StopRequest): Stop {
    const stop = stopOf(request);
    this.armed.set(stop, this.runner.stops.arm(request, { kind: 'stop', stop }));
    return stop;
  }

  removeStop(stop: Stop): void {
    const armed = this.armed.get(stop);
    if (!armed) throw new RangeError('the stop was not added, or was removed before');
    this.armed.delete(stop);
    this.runner.stops.disarm(armed);
  }

  resume(request: ResumeRequest): StopReason | undefined {
    const { direction, step, range, isWanted, maxTicks } = request;
    if (direction === 'backward') return this.goBack(step, isWanted);
    this.cancelSearch();
    const key = `${step} ${range?.start} ${range?.end}`;
    if (this.resumed?.key !== key) this.resumed?.motion.cancel();
    const motion = this.resumed?.key === key ? this.resumed.motion : this.motionOf(step, range);
    this.resumed = { key, motion };
    const reason = motion.advance(maxTicks);
    if (reason && reason.kind !== 'waiting') this.resumed = undefined;
    return reason;
  }

  cancel(): void {
    this.cancelSearch();
    this.resumed?.motion.cancel();
    this.resumed = undefined;
  }

  /** Puts the machine to a tick of its past. Throws RangeError for one outside the history. */
  goto(tick: number): void {
    finished(this.gotoInSteps(tick));
  }

  /** As `goto`, in steps of some ten milliseconds. Until they end, or are given up, the machine must be left alone. */
  gotoInSteps(tick: number): Steps<void> {
    return this.moving((backward) => backward.goto(tick));
  }

  /**
   * The last store to any of some bytes, at or before now, by whatever thread, or by a kernel call on its behalf. Undefined if
   * there was none since the beginning of history. The machine stays where it is. With a pid, the address is one of that
   * process; of bytes that it has had since it was forked, the store is one that its parent made before.
   */
  whoWrote(address: bigint, lengthBytes = 1, space?: AddressSpaceName): StoreRecord | undefined {
    return finished(this.whoWroteInSteps(address, lengthBytes, space));
  }

  /**
   * As `whoWrote`, in steps of some ten milliseconds. Until they end, or are given up, the machine must be left alone. `look` is
   * called with the store while the machine stands before it.
   */
  whoWroteInSteps(
    address: bigint,
    lengthBytes = 1,
    space?: AddressSpaceName,
    look?: StoreObserver,
  ): Steps<StoreRecord | undefined> {
    return this.moving((backward) => backward.whoWrote(address, lengthBytes, space, look));
  }

  /** Goes back by one instruction of a thread, or to the last stop before now; undefined while it is on the way. */
  private goBack(
    step: number | undefined,
    isWanted: (reason: StopReason) => boolean = () => true,
  ): StopReason | undefined {
    if (!this.backward) return { kind: 'history-begin' };
    if (this.searched && this.searched.step !== step) this.cancelSearch();
    this.searched ??= {
      step,
      steps: this.moving((backward) => (step === undefined ? backward.continue(isWanted) : backward.step(step))),
    };
    const { done, value: reason } = this.searched.steps.next();
    if (!done) return undefined;
    this.searched = undefined;
    this.noteReported('tid' in reason ? reason.tid : undefined);
    return reason;
  }

  /** Runs work that puts the machine to other ticks: nothing of what was going on goes on. Throws without a timeline. */
  private *moving<T>(work: (backward: Backward) => Steps<T>): Steps<T> {
    if (!this.backward) throw new Error('the debugger was attached without a timeline');
    this.resumed?.motion.cancel();
    this.resumed = undefined;
    const { ticks } = this;
    try {
      return yield* work(this.backward);
    } finally {
      if (this.ticks !== ticks) this.reported = undefined;
      this.runner.restart();
    }
  }

  /** Continues, by default until something is reported. Returns undefined at a limit. */
  run(motion: Motion = this.continue(), limits: DebugRunLimits = {}): StopReason | undefined {
    const endTick = this.ticks + (limits.maxTicks ?? Infinity);
    const end = this.machine.instructions + (limits.maxInstructions ?? Infinity);
    for (;;) {
      const atOnce = Math.min(TICKS_AT_ONCE, end - this.machine.instructions);
      const left = atOnce > 0 ? Math.min(this.machine.idleUntil + atOnce, endTick) - this.ticks : 0;
      const reason = left > 0 ? motion.advance(left) : undefined;
      if (!reason && left > 0) continue;
      if (!reason || reason.kind === 'waiting') motion.cancel();
      return reason;
    }
  }

  /** Goes back to the last stop before now, or by one instruction of a thread. */
  back(tid?: number): StopReason {
    const request = { direction: 'backward', maxTicks: Infinity, ...(tid !== undefined && { step: tid }) } as const;
    for (;;) {
      const reason = this.resume(request);
      if (reason) return reason;
    }
  }

  /** Continues until something is reported. */
  continue(): Motion {
    return this.motion(this.motions.proceed());
  }

  /** Executes one instruction of a thread. */
  step(tid: number): Motion {
    return this.motion(this.motions.step(this.thread(tid)));
  }

  /** As `step`; a call is completed, and a REP instruction executed to its end. */
  stepOver(tid: number): Motion {
    return this.motion(this.motions.stepOver(this.thread(tid)));
  }

  /** Runs a thread until its current function has returned. */
  finish(tid: number): Motion {
    return this.motion(this.motions.finish(this.thread(tid)));
  }

  /** Runs a thread up to an address, in the current frame or one that it returns to. */
  until(tid: number, address: bigint): Motion {
    return this.motion(this.motions.until(this.thread(tid), address));
  }

  /** Runs a thread up to an address, at any depth of the stack. */
  runTo(tid: number, address: bigint): Motion {
    return this.motion(this.motions.reach(this.thread(tid), address));
  }

  /** Runs a thread to another source line, in a called function as well if that has lines. */
  stepLine(tid: number, lines: LineFinder): Motion {
    return this.motion(this.motions.nextLine(this.thread(tid), lines, true));
  }

  /** As `stepLine`; calls are completed. */
  nextLine(tid: number, lines: LineFinder): Motion {
    return this.motion(this.motions.nextLine(this.thread(tid), lines, false));
  }

  /**
   * Notes that it is known where a thread stands: the next motion begins with its instruction, whatever stop is armed there. So it is
   * for the thread of the last reason to stop.
   */
  noteReported(tid: number | undefined): void {
    const thread = tid === undefined ? undefined : this.machine.findThread(tid);
    this.reported = thread && { thread, rip: this.registers.scalar(thread, 'rip') };
  }

  passTime(tick: number): void {
    this.machine.passTime(tick);
  }

  kill(pid: number): void {
    this.cancelSearch();
    if (!this.machine.kill(pid, KILLED_EXIT_CODE)) return;
    this.changed({ kind: 'kill', pid, exitCode: KILLED_EXIT_CODE });
    this.runner.noteEnds();
  }

  resizeTerminal(rows: number, columns: number): void {
    this.cancelSearch();
    if (this.machine.resizeTerminal(rows, columns)) this.changed({ kind: 'terminal size', rows, columns });
  }

  /** Must be called after `Computer.restore`: the machine continues from there, with the same stops and hooks. */
  restored(): void {
    this.cancelSearch();
    this.resumed?.motion.cancel();
    this.resumed = undefined;
    this.reported = undefined;
    this.runner.restart();
  }

  /** Removes all stops; hooks are removed by the functions that adding them returned. */
  detach(): void {
    this.cancelSearch();
    const { stops } = this.machine;
    this.timeline?.gotoPresent();
    this.resumed?.motion.cancel();
    for (const stop of [...this.armed.keys()]) this.removeStop(stop);
    stops.stopsAtTraps = false;
    stops.stopsAtStarts = false;
  }

  private motionOf(step: number | undefined, range: ResumeRequest['range']): Motion {
    if (step === undefined) return this.continue();
    if (!range) return this.step(step);
    return this.motion(this.motions.stepInRange(this.thread(step), range.start, range.end));
  }

  private motion(steps: MotionSteps): Motion {
    return new Motion(this.runner, () => this.ticks, this.reporting(steps));
  }

  /** A motion that begins with the instruction at which the last one stopped. */
  private *reporting(steps: MotionSteps): MotionSteps {
    const { reported } = this;
    if (reported && this.registers.scalar(reported.thread, 'rip') === reported.rip) this.pass(reported.thread);
    this.reported = undefined;
    const reason = yield* steps;
    this.noteReported('tid' in reason ? reason.tid : undefined);
    return reason;
  }

  private pass(thread: Thread): void {
    this.machine.cpu.codeStops.pass(thread, Number(BigInt.asUintN(48, this.registers.scalar(thread, 'rip'))));
  }

  /** Notes that the machine was changed, in the timeline and in a recording. */
  private changed(change: MachineChange): void {
    if (this.timeline) this.timeline.changed(change);
    else this.machine.inputs.note({ tick: this.ticks, ...change });
  }

  /** Gives up a search of the past that is on its way: the machine is then where it began. */
  private cancelSearch(): void {
    const { searched } = this;
    this.searched = undefined;
    searched?.steps.return({ kind: 'history-end' });
  }

  private thread(tid: number): Thread {
    const thread = this.machine.findThread(tid);
    if (!thread) throw new RangeError(`there is no thread ${tid}`);
    return thread;
  }
}
