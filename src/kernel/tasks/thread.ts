import { CONTEXT_BYTES, type CpuState } from '../../cpu/state/cpu-state.js';
import type { LinearAddress } from '../memory/linear-address.js';
import type { Process } from './process.js';
import { ThreadGuard } from '../reports/thread-guard.js';
import type { ProgramAbi } from '../program/elf.js';
import type { WaitKey } from './wait-queues.js';
import type { LinuxThread } from '../linux/linux-thread.js';
import { derived, schema, value } from '../../state/schema.js';

/**
 * The last deadline that is ever reached, 52 days of the machine's clock: ticks are numbers, which count one by one up to
 * 2^53 and no further, so the clock jumps to the first half of that and has the other half to run.
 */
export const LAST_DEADLINE = 2 ** 52;

/** What a kernel-call that works in parts has in hand between two of them: its class describes its state. */
export interface CallWork {
  /** Gives it up; no effect where that was done. */
  close(): void;
}

/** The tick of a deadline that a program gave, a 64-bit number; Infinity for one that is never reached. */
export function deadlineTick(deadline: bigint): number {
  return deadline > BigInt(LAST_DEADLINE) ? Infinity : Number(deadline);
}

/** How a thread waits. */
export interface Wait {
  /** The tick at which it gives up; Infinity for never. */
  readonly deadline: number;
  /** What wakes it: see `WaitQueues`; 'input' where it asks again at the start of each slice; undefined: time alone. */
  readonly for: WaitKey | 'input' | undefined;
  /** The result of its call once the deadline has passed; undefined: the call is made again. */
  readonly late: bigint | undefined;
  /** Input at the console may wake it. */
  readonly wantsInput?: boolean;
  /** Only a signal that ends the process interrupts it: that of a parent for its child after vfork. */
  readonly isFirm?: boolean;
}

/** A kernel-call that has not returned yet. The registers of the thread still hold its arguments. */
export interface PendingCall {
  /** Whose call it is: the numbers are others. */
  readonly abi: ProgramAbi;
  readonly number: number;
  /** What it has done of its work, in its own units. */
  progress: number;
  /** Undefined: it goes on as soon as the thread runs. */
  wait: Wait | undefined;
  /** Its result, once the thread runs: what it waited for has happened. */
  answer: bigint | undefined;
  /** A signal has come before it could answer: a handler may interrupt it before it is made once more. */
  isInterrupted?: boolean;
  /** A tracer prevents it: its result is the value of rax. */
  isSkipped?: boolean;
  /** Closed by the kernel when the call has returned or its thread has ended. */
  work?: CallWork | undefined;
}

/** The part of a region that a thread has for its stack. */
export interface ThreadStack {
  /** Start of the guard page; the stack itself begins after it. */
  readonly guard: LinearAddress;
  /** One past the last byte. */
  readonly end: LinearAddress;
}

/** One flow of control. Its registers are in the CPU while it runs, and here while it does not. */
export class Thread {
  /** @internal */
  static readonly state = schema(
    'thread',
    Thread,
    {
      tid: value,
      process: value,
      stack: value,
      pending: value,
      linux: value,
      guard: value,
      context: value,
      unsettled: derived('the status flags in `context` are worked out', () => undefined),
    },
    { label: ({ tid }) => String(tid), prepare: (thread) => thread.settle() },
  );

  pending: PendingCall | undefined;
  /** What it has besides as a thread of Linux; undefined for one of BD0. */
  linux: LinuxThread | undefined;
  /** What debug mode knows of it. */
  readonly guard: ThreadGuard;
  private readonly context = new Uint8Array(CONTEXT_BYTES);
  /** The state that the registers were taken from, where the status flags among them are not worked out. */
  private unsettled: CpuState | undefined;

  constructor(
    readonly tid: number,
    readonly process: Process,
    /** Another one when a process of Linux begins another program. */
    public stack: ThreadStack,
  ) {
    this.guard = new ThreadGuard(process.hostMemory);
    process.hostMemory.charge('thread');
  }

  /** Takes it off the account, when it has ended. */
  giveUp(): void {
    this.guard.clear();
    this.process.hostMemory.release('thread');
  }

  /** Takes the registers from the CPU state as they lie there, the status flags not worked out: that takes longest. */
  save(state: CpuState): void {
    this.context.set(state.context);
    this.unsettled = state;
  }

  /** Puts the registers into the CPU state. */
  restore(state: CpuState): void {
    state.context.set(this.context);
  }

  /** Works out the status flags among the registers, so that equal registers are equal bytes. */
  private settle(): void {
    this.unsettled?.settle(this.context);
    this.unsettled = undefined;
  }
}
