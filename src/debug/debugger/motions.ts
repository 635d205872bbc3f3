import type { DebuggedMachine, MachineThread as Thread } from '../machine/debugged-machine.js';
import type { StopReason } from '../target.js';
import type { CodeFlow, CodePlace } from './code-flow.js';
import type { MachineRun, RunEvent } from './machine-run.js';
import type { ThreadRegisters } from './registers.js';

/** Yields undefined whenever the ticks of a call are used up, and a reason while all threads wait. */
type Pause = StopReason | undefined;

/** Runs up to a reason to stop. */
export type MotionSteps = Generator<Pause, StopReason>;

/** As MotionSteps, for a part of a motion: undefined if nothing stopped it. */
type PartSteps = Generator<Pause, StopReason | undefined>;

/** The source line of an instruction; undefined for code without lines. */
export type LineFinder = (linear: bigint) => { readonly path: string; readonly line: number } | undefined;

/** What motions work with. */
export interface MotionTools {
  readonly machine: DebuggedMachine;
  readonly run: MachineRun;
  readonly registers: ThreadRegisters;
  readonly flow: CodeFlow;
  /** Makes a thread execute the instruction at its rip in spite of a code stop. */
  pass(thread: Thread): void;
}

/**
 * Ways to continue. All of them stop at anything that is reported on the way. Those of one thread are not stopped by other
 * threads, nor by deeper frames of recursive functions: a place in a frame counts only for the thread, at its depth of the
 * stack.
 */
export class Motions {
  constructor(private readonly tools: MotionTools) {}

  /** Continues until something is reported. */
  *proceed(): MotionSteps {
    for (;;) {
      const event = yield* this.nextEvent();
      if (event.kind === 'reason') return event.reason;
    }
  }

  /**
   * Executes one instruction of a thread, or one iteration of REP. A kernel call that the thread is in, since something else stopped
   * the machine on the way, is completed instead: going back takes it back as a whole, too.
   */
  *step(thread: Thread): MotionSteps {
    const reason = yield* thread.pending ? this.awaitTurn(thread) : this.stepOnce(thread);
    return reason ?? stepped(thread);
  }

  /** As `step`; a call is completed, and a REP instruction executed to its end. */
  *stepOver(thread: Thread): MotionSteps {
    const place = this.placeOf(thread);
    const isWhole = place?.kind === 'call' || place?.kind === 'repeat';
    if (!isWhole || thread.pending) return yield* this.step(thread);
    return (yield* this.skip(thread, place)) ?? stepped(thread);
  }

  /** Runs a thread until it leaves [start, end), or makes a call or returns. */
  *stepInRange(thread: Thread, start: bigint, end: bigint): MotionSteps {
    const isInside = (rip: bigint): boolean => rip >= start && rip < end;
    for (;;) {
      const place = this.placeOf(thread);
      const isLast = place?.kind === 'call' || place?.kind === 'return';
      const reason = yield* this.stepOnce(thread);
      if (reason) return reason;
      if (isLast || !isInside(this.ripOf(thread))) return stepped(thread);
      const stop = yield* this.runInFrame(thread, isInside);
      if (stop) return stop;
      if (!isInside(this.ripOf(thread))) return stepped(thread);
    }
  }

  /** Runs a thread up to an address, in this frame or one that it returns to. */
  *until(thread: Thread, address: bigint): MotionSteps {
    return (yield* this.runTo(thread, [address], this.rspOf(thread))) ?? stepped(thread);
  }

  /** Runs a thread up to an address, at any depth of the stack. */
  *reach(thread: Thread, address: bigint): MotionSteps {
    return (yield* this.runTo(thread, [address], undefined)) ?? stepped(thread);
  }

  /** Runs a thread until its current function has returned. */
  *finish(thread: Thread): MotionSteps {
    return (yield* this.leaveFrame(thread)) ?? stepped(thread);
  }

  /** Runs a thread to the start of another source line; calls are completed, unless `enters` and the callee has lines. */
  *nextLine(thread: Thread, lines: LineFinder, enters: boolean): MotionSteps {
    let start = lines(this.ripOf(thread));
    if (!start) return (yield* this.leaveFrame(thread)) ?? stepped(thread);
    for (;;) {
      const isInside = (rip: bigint): boolean => isSameLine(lines(rip), start);
      const stop = yield* this.runInFrame(thread, isInside);
      if (stop) return stop;
      const place = this.placeOf(thread);
      if (!isInside(this.ripOf(thread))) {
        if (lines(this.ripOf(thread))) return stepped(thread);
        // Code without lines, which was reached by a jump: as if it had been called.
        const reason = yield* this.leaveFrame(thread);
        if (reason) return reason;
        start = lines(this.ripOf(thread)) ?? start;
      } else if (place?.kind === 'call') {
        const reason = enters ? yield* this.enter(thread, place, lines) : yield* this.skip(thread, place);
        if (reason) return reason;
      } else {
        const reason = yield* this.stepOnce(thread);
        if (reason) return reason;
        // The rest of the line that the function was called from belongs to the motion.
        if (place?.kind === 'return') start = lines(this.ripOf(thread)) ?? start;
      }
    }
  }

  /** Enters a function that has lines; completes the call of one that has none. */
  private *enter(thread: Thread, call: CodePlace, lines: LineFinder): PartSteps {
    const rsp = this.rspOf(thread);
    const reason = yield* this.stepOnce(thread);
    if (reason) return reason;
    if (lines(this.ripOf(thread))) return stepped(thread);
    return yield* this.runTo(thread, [call.next], rsp);
  }

  /** Completes a call or a REP instruction. */
  private *skip(thread: Thread, { next }: CodePlace): PartSteps {
    return yield* this.runTo(thread, [next], this.rspOf(thread));
  }

  /** Runs a thread until the function that it is in has returned. Calls that it makes are completed one by one. */
  private *leaveFrame(thread: Thread): PartSteps {
    for (;;) {
      const stop = yield* this.runInFrame(thread, () => true);
      if (stop) return stop;
      const place = this.placeOf(thread);
      const reason = yield* place?.kind === 'call' ? this.skip(thread, place) : this.stepOnce(thread);
      if (reason || place?.kind === 'return') return reason;
    }
  }

  /**
   * Runs a thread up to the next call, return or indirect jump of instructions for which `isInside` is true, or to one for
   * which it is not.
   */
  private *runInFrame(thread: Thread, isInside: (rip: bigint) => boolean): PartSteps {
    const rip = this.ripOf(thread);
    const { transfers, outside } = this.tools.flow.exitsFrom(rip, thread.process.pid, isInside);
    if (transfers.has(rip) || outside.has(rip)) return undefined;
    return yield* this.runTo(thread, [...transfers.keys(), ...outside], undefined);
  }

  /** Runs a thread to one of some addresses, with rsp at or above `leastRsp`. */
  private *runTo(thread: Thread, addresses: readonly bigint[], leastRsp: bigint | undefined): PartSteps {
    const { run } = this.tools;
    const { tid } = thread;
    const armed = addresses.map((address) => run.stops.arm({ kind: 'code', address, tid }, { kind: 'reached' }));
    this.tools.pass(thread);
    try {
      for (;;) {
        const event = yield* this.nextEvent();
        if (event.kind === 'reason') return event.reason;
        if (event.kind === 'reached' && (leastRsp === undefined || this.rspOf(thread) >= leastRsp)) return undefined;
      }
    } finally {
      for (const one of armed) run.stops.disarm(one);
    }
  }

  private *stepOnce(thread: Thread): PartSteps {
    const { machine, run } = this.tools;
    for (;;) {
      const reason = yield* this.awaitTurn(thread);
      if (reason) return reason;
      this.tools.pass(thread);
      const { instructions } = machine;
      const event = run.runTick();
      if (event?.kind === 'reason') return event.reason;
      if (machine.findThread(thread.tid) !== thread) return yield* this.proceed();
      if (thread.pending) return yield* this.awaitTurn(thread);
      // Otherwise it was a page fault that has been resolved.
      if (machine.instructions > instructions) return undefined;
    }
  }

  /** Runs until a thread is about to execute an instruction; one that has ended never is. */
  private *awaitTurn(thread: Thread): PartSteps {
    const { stops } = this.tools.machine;
    stops.turnOf = thread;
    try {
      const event = yield* this.nextEvent();
      return event.kind === 'reason' ? event.reason : undefined;
    } finally {
      stops.turnOf = undefined;
    }
  }

  private *nextEvent(): Generator<Pause, RunEvent> {
    for (;;) {
      const event = this.tools.run.run();
      const isWaiting = event?.kind === 'reason' && event.reason.kind === 'waiting';
      if (event && !isWaiting) return event;
      yield event?.reason;
    }
  }

  private placeOf(thread: Thread): CodePlace | undefined {
    return this.tools.flow.at(this.ripOf(thread), thread.process.pid);
  }
  private ripOf(thread: Thread): bigint {
    return this.tools.registers.scalar(thread, 'rip');
  }
  private rspOf(thread: Thread): bigint {
    return this.tools.registers.scalar(thread, 'rsp');
  }
}

function stepped({ tid }: Thread): StopReason {
  return { kind: 'stepped', tid };
}

function isSameLine(a: ReturnType<LineFinder>, b: ReturnType<LineFinder>): boolean {
  return a !== undefined && b !== undefined && a.line === b.line && a.path === b.path;
}
