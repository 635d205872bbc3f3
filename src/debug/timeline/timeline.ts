import type { Computer } from '../../computer.js';
import type { Snapshot } from '../../snapshot.js';
import { finished, type Steps } from '../../vmo/steps.js';
import { ReplayError, type MachineChange } from '../../kernel/inputs.js';
import { machineOf } from '../machine/machine-of.js';
import type { DebuggedMachine, DebugStop, MachineEvent } from '../machine/debugged-machine.js';
import { History, lastBefore, type HistoryPoint } from './history.js';
import { InputLog } from './input-log.js';

/** Configuration of a timeline. */
export interface TimelineOptions {
  /** Host memory for snapshots, in bytes; when it is used up, older ones are thinned out. Default: 256 MiB. */
  readonly historyBytes?: number;
  /** The host's clock in milliseconds: snapshots are taken a quarter of a second apart. Without it: every 2^24 instructions or so. */
  readonly now?: () => number;
}

const DEFAULT_HISTORY_BYTES = 256 * 2 ** 20;
/** Snapshots are this far apart, by the host's clock if there is one. */
const INTERVAL_MS = 250;
const INTERVAL_TICKS = 2 ** 24;
/** One that took long is followed by a pause of so many times that: a program that changes much memory is not much slower. */
const PAUSE = 24;
/** Ticks before the place that a replay goes to at which it takes further snapshots: the next step back will be short. */
const NEAR_TICKS = [2 ** 20, 2 ** 14, 2 ** 8];

/** Ticks that a replay runs at a time, at most, besides those in which all threads wait. */
const TICKS_AT_ONCE = 2 ** 21;
/** Work of a step, in units of the kernel's effort: some 20 milliseconds. What a stop takes, going to a snapshot, and ticks. */
const STEP_EFFORT = 8192;
const STOP_EFFORT = 20;
const RESTORE_EFFORT = 1000;
const TICKS_PER_EFFORT = 256;

/** Called when a replay stops for a debugger. 'enough' ends the replay there. */
type OnStop = (stop: DebugStop) => 'enough' | undefined;

/** What is armed while a part of the past is looked at. */
export interface Armament {
  arm(): void;
  disarm(): void;
}

/**
 * The past of a machine: snapshots, and everything that came from outside since the first of them. `goto` puts the machine to any
 * tick from then on, exactly as it was, and it can run on from there: up to the end of what has happened as a replay, without
 * effects on the host, and from there on by itself again.
 *
 * Code that runs the machine must call `observe` between two runs, and `changed` after it has changed something from outside.
 */
export class Timeline {
  private readonly log: InputLog;
  private readonly history: History;
  /** Snapshots close to where the last replay went, the latest last. */
  private near: HistoryPoint[] = [];
  /** While the machine is in its past: the state that it left. */
  private present: HistoryPoint | undefined;
  /** By the host's clock: when the next snapshot is due. */
  private dueMs = 0;
  /** Without a clock: how much the machine had done when the last snapshot was taken. */
  private doneAtLast = 0;
  /** Whether the machine is in a past that never was. */
  private isSupposed = false;
  private readonly stopRecording: () => void;
  /** Work since the last step, in units of effort. */
  private effort = 0;

  constructor(
    private readonly machine: DebuggedMachine,
    private readonly options: TimelineOptions = {},
  ) {
    this.log = new InputLog(machine.store, machine.inputs);
    this.history = new History(options.historyBytes ?? DEFAULT_HISTORY_BYTES);
    this.stopRecording = machine.inputs.recordWith({ add: (input) => this.log.add(input) });
    // It copies all memory, which the next ones do not: that says nothing of what they take.
    this.takePoint(0);
  }

  /** The first tick that can be gone to. */
  get begin(): number {
    return this.history.first!.snapshot.tick;
  }

  /** The last tick that has happened. */
  get end(): number {
    return this.present?.snapshot.tick ?? this.machine.ticks;
  }

  /** Whether the machine is in its past. */
  get isReplaying(): boolean {
    return this.present !== undefined;
  }

  /** Snapshots that are kept, and their approximate memory in bytes. */
  get statistics(): { readonly snapshots: number; readonly bytes: number } {
    return { snapshots: this.history.count, bytes: this.history.usedBytes };
  }

  /** Takes a snapshot if the last one is long enough ago. Call it between two runs. */
  observe(): void {
    if (this.present || !this.isDue()) return;
    this.takePoint();
  }

  /** Takes a snapshot of now, so that coming back is fast. */
  keepNow(): HistoryPoint {
    if (!this.present) {
      this.takePoint();
      return this.history.last!;
    }
    const point = this.pointNow();
    this.near = [...this.near.filter(({ snapshot }) => snapshot.tick < this.machine.ticks), point];
    return point;
  }

  /**
   * Notes that somebody has changed the machine, and what, for recordings: one without it knows nothing of the change. What happened
   * after this tick is forgotten, if it is in the past.
   */
  changed(change?: MachineChange): void {
    const { log, history, machine } = this;
    const { inputs } = machine;
    // A replay to here may have begun after the last point of the history, and then does not know all that has changed since.
    const before = this.present && (history.after(machine.ticks) ?? this.present).changed;
    if (this.present) {
      inputs.forgetAfter(log.count);
      log.truncate();
      history.truncate(machine.ticks);
      this.leavePast();
    }
    if (change) inputs.note({ tick: machine.ticks, ...change });
    this.near = [];
    const point = this.pointNow();
    log.addChange(machine.ticks, point.snapshot);
    history.add({ ...point, cursor: log.cursor, changed: new Set([...point.changed, ...(before ?? [])]) });
    this.doneAtLast = this.doneTicks;
  }

  /** Puts the machine to a tick. Throws RangeError for one that is not within the history. */
  goto(tick: number): void {
    finished(this.stepsTo(tick));
  }

  /** As `goto`, in steps. Given up, it leaves the machine somewhere in its past. */
  *stepsTo(tick: number): Steps<void> {
    this.requireWithin(tick);
    if (tick === this.end) return this.gotoPresent();
    this.start(tick);
    const marks = NEAR_TICKS.map((distance) => tick - distance);
    yield* this.replay(tick, undefined, marks);
  }

  /** Puts the machine to where it has been last, from where it goes on by itself. */
  gotoPresent(): void {
    const { present } = this;
    if (!present) return;
    this.restore(present);
    this.leavePast();
    this.history.add(present);
  }

  /**
   * Puts the machine to the last tick before another one, in steps: some ticks do not exist, since a kernel call can take many at
   * once. Throws RangeError if there is none.
   */
  *stepsBefore(tick: number): Steps<void> {
    for (let distance = 1; ; distance *= 2) {
      yield* this.stepsTo(Math.max(this.begin, tick - distance));
      if (this.machine.ticks < tick) break;
      if (tick - distance <= this.begin) throw new RangeError(`there is no tick before ${tick} in the history`);
    }
    for (;;) {
      const point = this.pointNow();
      yield* this.replay(this.machine.ticks + 1, undefined, []);
      if (this.machine.ticks < tick) continue;
      return this.restore(point);
    }
  }

  /**
   * Lets a call that has waited return, which takes no tick. Returns false, with the machine as it was, unless its thread is about to
   * execute an instruction then.
   */
  returnsFromCall(tid: number): boolean {
    const { stops } = this.machine;
    const thread = this.machine.findThread(tid);
    if (!this.present || !thread) return false;
    const point = this.pointNow();
    stops.turnOf = thread;
    const event = this.run(1);
    stops.turnOf = undefined;
    const isTurn = event.kind === 'stopped' && event.stop.kind === 'turn';
    if (isTurn && this.machine.ticks === point.snapshot.tick) return true;
    this.restore(point);
    return false;
  }

  /**
   * Runs from a tick up to another, as it was, and calls `onStop` for each stop on the way. The machine is at that tick then, or at
   * the stop for which `onStop` has returned 'enough'.
   */
  *scan(from: number, to: number, armament: Armament, onStop: OnStop): Steps<void> {
    this.requireWithin(from);
    this.start(from);
    yield* this.replay(from, undefined, []);
    armament.arm();
    try {
      yield* this.replay(Math.min(to, this.end), onStop, []);
    } finally {
      armament.disarm();
    }
  }

  /** A snapshot of the machine in its past. */
  snapshotNow(): Snapshot {
    return this.machine.snapshot();
  }

  /** Runs on in the past up to a tick. */
  runTo(tick: number): Steps<void> {
    return this.replay(tick, undefined, []);
  }

  /** As the machine's own `run`, in the past: up to the next input. At the end of what has happened, the present begins. */
  run(maxTicks: number, maxEffort?: number): MachineEvent {
    const { machine, log } = this;
    this.arriveAtEnd();
    if (!this.present) return machine.run(maxTicks, maxEffort);
    const { next } = log;
    if (next?.kind === 'changed' && next.tick === machine.ticks) {
      log.cursor++;
      machine.restore(next.snapshot);
      return { kind: 'ticks' };
    }
    // Input that comes now is taken in the next tick; what comes after it may come in the middle of a longer run.
    const end = Math.min(machine.ticks + maxTicks, next ? next.tick : this.end);
    const event = machine.run(Math.max(1, end - machine.ticks), maxEffort);
    if (event.kind !== 'waiting') return event;
    const time = log.take(machine.ticks, 'time');
    if (time) machine.passTime(time.until);
    else if (log.next?.tick !== machine.ticks)
      throw new ReplayError(`the replay waits at tick ${machine.ticks}, and the machine did not`);
    return { kind: 'ticks' };
  }

  /** The snapshots around a tick, and the frames that may have changed between them. */
  intervalOf(tick: number): { readonly begin: HistoryPoint; readonly end: HistoryPoint | undefined } {
    return { begin: this.history.before(tick)!, end: this.history.after(tick) ?? this.present };
  }

  /** Stops recording; the machine stays where it is, and goes on from there by itself. */
  detach(): void {
    if (this.present) {
      this.machine.inputs.forgetAfter(this.log.count);
      this.leavePast();
    }
    this.stopRecording();
  }

  private isDue(): boolean {
    const { now } = this.options;
    if (this.machine.ticks === this.history.last!.snapshot.tick) return false;
    return now ? now() >= this.dueMs : this.doneTicks - this.doneAtLast >= INTERVAL_TICKS;
  }

  /** How much the machine has done, as ticks: a day in which all threads wait is nothing, and is repeated in no time. */
  private get doneTicks(): number {
    return this.machine.instructions + this.machine.effort * TICKS_PER_EFFORT;
  }

  private takePoint(pause = PAUSE): void {
    const begin = this.options.now?.() ?? 0;
    this.history.add(this.pointNow());
    this.doneAtLast = this.doneTicks;
    const end = this.options.now?.() ?? 0;
    this.dueMs = end + Math.max(INTERVAL_MS, pause * (end - begin));
  }

  private requireWithin(tick: number): void {
    if (!(tick >= this.begin && tick <= this.end))
      throw new RangeError(`tick ${tick} is not within the history, ${this.begin} to ${this.end}`);
  }

  /**
   * Does work, which changes the past and runs on from there as it would have been; nothing of it stays. Returns undefined where
   * the changed past asks for input that did not come, or ends.
   */
  *supposing<T>(work: Steps<T>): Steps<T | undefined> {
    try {
      return yield* work;
    } catch (error) {
      if (error instanceof ReplayError) return undefined;
      throw error;
    } finally {
      this.isSupposed = true;
    }
  }

  /** Leaves the present, if the machine is there. Returns what the machine is now. */
  depart(): Snapshot {
    if (this.present) return this.snapshotNow();
    this.present = this.pointNow();
    this.enterPast();
    return this.present.snapshot;
  }

  /** Goes to the last known state at or before a tick. */
  private start(tick: number): void {
    const { machine, history } = this;
    if (!this.present) this.depart();
    const known = history.before(tick)!;
    const near = lastBefore(this.near, tick);
    const best = near && near.snapshot.tick > known.snapshot.tick ? near : known;
    if (this.isSupposed || machine.ticks > tick || machine.ticks < best.snapshot.tick || machine.ticks === tick)
      this.restore(best);
  }

  private pointNow(): HistoryPoint {
    const { machine } = this;
    const snapshot = machine.snapshot();
    const { misses } = machine.inputs;
    const putAside = machine.keepAside();
    return { snapshot, cursor: this.log.cursor, misses, putAside, changed: new Set(snapshot.changedFrames) };
  }

  private restore({ snapshot, cursor, misses, putAside }: HistoryPoint): void {
    this.isSupposed = false;
    this.effort += RESTORE_EFFORT;
    this.machine.restore(snapshot);
    putAside();
    this.log.cursor = cursor;
    this.machine.inputs.misses = misses;
  }

  private enterPast(): void {
    this.machine.inputs.source = this.log;
    this.machine.tellHost(false);
  }

  private leavePast(): void {
    this.present = undefined;
    this.machine.inputs.source = undefined;
    this.machine.tellHost(true);
  }

  /** The past may have caught up with the present, whose state it has then: the machine is in the present again. */
  arriveAtEnd(): void {
    if (!this.present || this.machine.ticks < this.end || this.log.next) return;
    const { cursor, changed } = this.present;
    this.leavePast();
    this.history.add({ ...this.pointNow(), cursor, changed });
  }

  /** Replays up to a tick, with snapshots on the way at some. */
  private *replay(to: number, onStop: OnStop | undefined, marks: readonly number[]): Steps<void> {
    const { machine } = this;
    if (marks.length > 0) this.near = this.near.filter(({ snapshot }) => snapshot.tick < to);
    const places = marks.filter((mark) => mark > machine.ticks);
    while (machine.ticks < to) {
      const place = Math.min(places[0] ?? to, to);
      const { ticks, effort, idleUntil, instructions } = machine;
      const event = this.run(Math.min(place, idleUntil + TICKS_AT_ONCE) - ticks);
      this.effort += machine.effort - effort + (machine.instructions - instructions) / TICKS_PER_EFFORT + STOP_EFFORT;
      if (event.kind === 'stopped' && onStop?.(event.stop) === 'enough') return;
      if (event.kind === 'idle') throw new ReplayError(`the replay has no process at tick ${machine.ticks}`);
      // A past that never was can end early; nothing happens any more then.
      if (event.kind === 'ended' && machine.ticks < to && machine.ticks === ticks && machine.liveProcesses.length === 0)
        throw new ReplayError(`the replay ends at tick ${machine.ticks}`);
      if (machine.ticks >= place && places.length > 0) {
        places.shift();
        if (machine.ticks < to) this.near.push(this.pointNow());
      }
      if (this.effort < STEP_EFFORT) continue;
      this.effort = 0;
      yield;
    }
  }
}

/** Keeps the past of a machine from now on. */
export function attachTimeline(machine: Computer | DebuggedMachine, options?: TimelineOptions): Timeline {
  return new Timeline(machineOf(machine), options);
}
