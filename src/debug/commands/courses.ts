import type { CodePlace, FlowKind } from '../debugger/code-flow.js';
import type { Debugger, Motion } from '../debugger/debugger.js';
import type { StopReason } from '../target.js';
import type { Frame } from './frames.js';
import type { ProcessImages } from './places/process-images.js';

/** All threads wait. */
export type Waiting = Extract<StopReason, { kind: 'waiting' }>;

/** Runs the machine up to a reason to stop. Yields when the ticks of a slice are used up, or all threads wait. */
export type Course = Generator<Waiting | undefined, StopReason>;

/** What courses work with. */
export interface CourseTools {
  readonly target: Debugger;
  readonly images: ProcessImages;
  /** Ticks that the slice may take. */
  readonly maxTicks: number;
  /** The frames of a thread. */
  frames(tid: number): readonly Frame[];
  /** Whether the condition of the breakpoint that was reached is true, or there is none. */
  holds(reason: StopReason): boolean;
}

/** The longest call instruction is shorter. */
const CALL_BYTES = 8;

/** Goes on by a motion. */
export function* forward(tools: CourseTools, motion: Motion): Course {
  for (;;) {
    const reason = motion.advance(tools.maxTicks);
    if (reason && reason.kind !== 'waiting') return reason;
    yield reason;
  }
}

/** Makes courses until one ends otherwise than with its step, at most `count`. */
export function* repeated(count: number, course: () => Course): Course {
  for (let left = count; ; left--) {
    const reason = yield* course();
    if (reason.kind !== 'stepped' || left <= 1) return reason;
  }
}

/** As `next`, but a loop is run to its end: stops only behind the instruction at which it began. */
export function* untilBehind(tools: CourseTools, tid: number): Course {
  const start = tools.target.readRegisters(tid);
  for (;;) {
    const reason = yield* forward(tools, tools.target.nextLine(tid, tools.images.line));
    if (reason.kind !== 'stepped') return reason;
    const { rip, rsp } = tools.target.readRegisters(tid);
    if (rip > start.rip || rsp !== start.rsp) return reason;
  }
}

/** Goes back to the last thing that is reported before now; with `step`, by one instruction of a thread. */
export function* backward(tools: CourseTools, step?: number): Course {
  for (;;) {
    const { maxTicks } = tools;
    const isWanted = (reason: StopReason): boolean => tools.holds(reason);
    const reason = tools.target.resume({
      ...{ direction: 'backward', isWanted, maxTicks },
      ...(step !== undefined && { step }),
    });
    if (reason && reason.kind !== 'waiting') return reason;
    yield reason;
  }
}

/** Goes back by one instruction of a thread; over a whole call behind which the thread is. */
export function* backwardOver(tools: CourseTools, tid: number): Course {
  const before = tools.target.readRegisters(tid);
  const reason = yield* backward(tools, tid);
  if (reason.kind !== 'stepped') return reason;
  const { rsp } = tools.target.readRegisters(tid);
  // The instruction before was the return of a deeper frame.
  const hasReturned = rsp < before.rsp && kindAt(tools, tid) === 'return';
  return hasReturned ? yield* backToCall(tools, tid, before.rip, before.rsp) : reason;
}

/** Goes back to the start of the line before; over calls, unless `enters` and the function has lines. */
export function* backwardLine(tools: CourseTools, tid: number, enters: boolean): Course {
  const { images } = tools;
  const placeOf = (): { readonly rip: bigint; readonly rsp: bigint } => tools.target.readRegisters(tid);
  let line: string | undefined;
  for (let isFirst = true; isFirst || line === undefined || !isLineStart(images, placeOf().rip); isFirst = false) {
    const before = placeOf();
    const reason = yield* enters ? backwardInto(tools, tid) : backwardOver(tools, tid);
    if (reason.kind !== 'stepped') return reason;
    const now = lineTextAt(images, placeOf().rip);
    const hasEntered = placeOf().rsp < before.rsp && kindAt(tools, tid) === 'return';
    // One instruction too far: the line was not entered at its start.
    if (line !== undefined && now !== line && !hasEntered) return yield* forward(tools, tools.target.stepOver(tid));
    line = now;
  }
  return { kind: 'stepped', tid };
}

/** Goes back to the call of the function that a thread is in. */
export function* backwardFinish(tools: CourseTools, tid: number): Course {
  const [frame, caller] = tools.frames(tid);
  if (frame?.returnSlot === undefined || !caller) return yield* backward(tools);
  return yield* backToCall(tools, tid, caller.rip, frame.returnSlot + 8n);
}

/** As backwardOver, but enters functions that have lines, at their return. */
function* backwardInto(tools: CourseTools, tid: number): Course {
  const before = tools.target.readRegisters(tid);
  const reason = yield* backward(tools, tid);
  if (reason.kind !== 'stepped') return reason;
  const { rip, rsp } = tools.target.readRegisters(tid);
  const hasReturned = rsp < before.rsp && kindAt(tools, tid) === 'return';
  return hasReturned && !tools.images.line(rip) ? yield* backToCall(tools, tid, before.rip, before.rsp) : reason;
}

/** Goes back to the call that returns to `returnAddress`, of the frame whose rsp is then at least `leastRsp`. */
function* backToCall(tools: CourseTools, tid: number, returnAddress: bigint, leastRsp: bigint): Course {
  const { target } = tools;
  const address = returnAddress - BigInt(CALL_BYTES);
  const stop = target.addStop({ kind: 'code', address, lengthBytes: CALL_BYTES, tid });
  try {
    for (;;) {
      const reason = yield* backward(tools);
      const isOurs = reason.kind === 'breakpoint' && reason.stop === stop;
      if (!isOurs) return reason;
      if (target.readRegisters(tid).rsp >= leastRsp && isCall(tools, tid, returnAddress))
        return { kind: 'stepped', tid };
    }
  } finally {
    target.removeStop(stop);
  }
}

/** Whether the instruction at which a thread is ends at an address. */
function isCall(tools: CourseTools, tid: number, end: bigint): boolean {
  return flowAt(tools, tid)?.next === end;
}

function kindAt(tools: CourseTools, tid: number): FlowKind | undefined {
  return flowAt(tools, tid)?.kind;
}

function flowAt({ target }: CourseTools, tid: number): CodePlace | undefined {
  return target.nextInstruction(tid);
}

function lineTextAt(images: ProcessImages, rip: bigint): string | undefined {
  const line = images.line(rip);
  return line && `${line.path}:${line.line}`;
}

/** Whether the instruction before an address belongs to another line. */
function isLineStart(images: ProcessImages, rip: bigint): boolean {
  return lineTextAt(images, rip) !== lineTextAt(images, rip - 1n) || images.symbols(rip)?.offset === 0;
}
