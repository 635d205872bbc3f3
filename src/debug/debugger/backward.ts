import type { Steps } from '../../vmo/steps.js';
import type { AddressSpaceName, DebuggedMachine, DebugStop, MachineThread } from '../machine/debugged-machine.js';
import type { StopReason } from '../target.js';
import { PastSearch, type StoreObserver, type StoreRecord } from '../timeline/past.js';
import type { Timeline } from '../timeline/timeline.js';
import type { Action } from './machine-run.js';
import type { ThreadRegisters } from './registers.js';
import type { StopSet } from './stop-set.js';

/** Ticks that are looked at one by one for a thread, before they are looked at in growing distances. */
const SINGLE_TICKS = 64;

const HISTORY_BEGIN: StopReason = { kind: 'history-begin' };

/**
 * Moves a debugged machine back in time, in steps: some ten milliseconds each. No stop is armed while the machine is brought to a
 * place.
 */
export class Backward {
  private readonly search: PastSearch;

  constructor(
    private readonly machine: DebuggedMachine,
    private readonly timeline: Timeline,
    private readonly stops: StopSet<Action>,
    private readonly registers: ThreadRegisters,
  ) {
    this.search = new PastSearch(machine, timeline, (thread) => registers.scalar(thread, 'rip'));
  }

  /** Goes to a tick. Throws RangeError for one outside the history. */
  goto(tick: number): Steps<void> {
    return this.away(this.timeline.stepsTo(tick));
  }

  /** The last store to some bytes of a process, at or before now; undefined if there was none since the beginning of history. */
  whoWrote(
    address: bigint,
    lengthBytes: number,
    space: AddressSpaceName,
    look?: StoreObserver,
  ): Steps<StoreRecord | undefined> {
    return this.away(this.search.whoWrote(address, lengthBytes, space, look), true);
  }

  /**
   * Goes back to the last breakpoint before now, or to before the last access that a watchpoint is for, whichever is later. Those
   * for which `isWanted` returns false, while the machine stands there, are passed over.
   */
  continue(isWanted: (reason: StopReason) => boolean): Steps<StopReason> {
    return this.away(this.backToStop(isWanted));
  }

  /** Takes back the last instruction of a thread. */
  step(tid: number): Steps<StopReason> {
    return this.away(this.stepBack(tid));
  }

  /**
   * Moves in the past while nothing is armed. Given up or failed, or always if it `returns`, the machine is in the end where it
   * was.
   */
  private *away<T>(steps: Steps<T>, returns = false): Steps<T> {
    const { timeline, machine, stops } = this;
    const now = machine.ticks;
    const wasPresent = !timeline.isReplaying;
    let hasArrived = false;
    stops.suspend(true);
    try {
      const result = yield* steps;
      hasArrived = !returns;
      return result;
    } finally {
      if (!hasArrived && wasPresent) timeline.gotoPresent();
      else if (!hasArrived) timeline.goto(now);
      stops.suspend(false);
    }
  }

  private *backToStop(isWanted: (reason: StopReason) => boolean): Steps<StopReason> {
    const { stops, timeline } = this;
    const now = this.machine.ticks;
    if (!stops.has(({ kind }) => kind === 'stop')) {
      yield* timeline.stepsTo(timeline.begin);
      return HISTORY_BEGIN;
    }
    const armament = { arm: () => stops.suspend(false), disarm: () => stops.suspend(true) };
    // The instruction that has just been executed may have made the access.
    const isHit = (stop: DebugStop, tick: number): boolean => {
      const reason = tick < now || stop.kind === 'data' ? this.reasonOf(stop) : undefined;
      return reason !== undefined && isWanted(reason);
    };
    const found = yield* this.search.lastStop(now + 1, armament, isHit);
    if (!found) return HISTORY_BEGIN;
    const reason = this.reasonOf(found.stop)!;
    yield* reason.kind === 'breakpoint' ? timeline.stepsTo(found.tick) : timeline.stepsBefore(found.tick);
    return reason;
  }

  /** A kernel call that took time is taken back as a whole, however often the registers of its thread changed during it. */
  private *stepBack(tid: number): Steps<StopReason> {
    for (;;) {
      const reason = yield* this.backToOthers(tid);
      if (reason.kind !== 'stepped' || !this.machine.findThread(tid)?.pending) return reason;
      if (this.timeline.returnsFromCall(tid)) return reason;
    }
  }

  /** Goes back to the last tick before now at which a thread had other registers, or was about to execute an instruction. */
  private *backToOthers(tid: number): Steps<StopReason> {
    const { timeline, machine } = this;
    const now = machine.ticks;
    const context = this.contextOf(tid);
    for (let times = 0; times < SINGLE_TICKS; times++) {
      if (machine.ticks <= timeline.begin) return HISTORY_BEGIN;
      const after = machine.instructions;
      const ranLast = machine.currentThread?.tid === tid;
      yield* timeline.stepsBefore(machine.ticks);
      const thread = machine.findThread(tid);
      if (!thread) return HISTORY_BEGIN;
      // The current thread of a tick may have yielded: it is then another one that executes the next instruction.
      const isOwn = ranLast && machine.currentThread === thread && machine.instructions === after - 1;
      if (isOwn || this.contextOf(tid) !== context) return { kind: 'stepped', tid };
    }
    return yield* this.leapBack(tid, context, now);
  }

  /** Finds the last tick at which a thread had other registers than at a tick. */
  private *leapBack(tid: number, context: string | undefined, now: number): Steps<StopReason> {
    const { timeline, contextOf } = this;
    function* hadOthers(tick: number): Steps<boolean> {
      yield* timeline.stepsTo(tick);
      return contextOf(tid) !== context;
    }
    let same = now - SINGLE_TICKS;
    let distance = 2 * SINGLE_TICKS;
    while (now - distance > timeline.begin && !(yield* hadOthers(now - distance))) {
      same = now - distance;
      distance *= 4;
    }
    let other = Math.max(timeline.begin, now - distance);
    if (other === timeline.begin && !(yield* hadOthers(other))) return HISTORY_BEGIN;
    while (same - other > 1) {
      const middle = Math.floor((other + same) / 2);
      if (yield* hadOthers(middle)) other = middle;
      else same = middle;
    }
    yield* timeline.stepsTo(other);
    return this.machine.findThread(tid) ? { kind: 'stepped', tid } : HISTORY_BEGIN;
  }

  /** The registers of a thread, as text; undefined if it is not there. */
  private readonly contextOf = (tid: number): string | undefined => {
    const thread: MachineThread | undefined = this.machine.findThread(tid);
    return thread && this.registers.save(thread).context.join();
  };

  /** What a stop is reported as, if the debugger has a breakpoint or a watchpoint for it. */
  private reasonOf(found: DebugStop): StopReason | undefined {
    if (found.kind === 'code') {
      const { tid } = found.thread;
      const hit = this.stops.hitsAt(found.address, found.thread).find(({ what }) => what.kind === 'stop');
      return hit?.what.kind === 'stop' ? { kind: 'breakpoint', tid, stop: hit.what.stop } : undefined;
    }
    if (found.kind !== 'data') return undefined;
    const { tid } = found.thread;
    const hits = this.stops.hitsBy(found.accesses, tid).filter(({ armed }) => armed.what.kind === 'stop');
    const hit = hits.at(-1);
    if (hit?.armed.what.kind !== 'stop') return undefined;
    return { kind: 'watchpoint', tid, stop: hit.armed.what.stop, address: hit.address, access: hit.access.access };
  }
}
