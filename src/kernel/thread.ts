import type { CpuState } from '../cpu/cpu-state.js';
import { GPR, X87, X87_BYTES } from '../cpu/state.js';
import type { GuestMemory } from '../memory.js';
import type { StateWriter } from '../state-writer.js';
import type { Process } from './process.js';

/** The registers of a thread as they lie in the CPU state, from RAX to the x87 registers (cpu/state.ts). */
const CONTEXT_BYTES = X87 + X87_BYTES - GPR;

/**
 * The last deadline that is ever reached, 52 days of the machine's clock: ticks are numbers, which count one by one up to
 * 2^53 and no further, so the clock jumps to the first half of that and has the other half to run.
 */
export const LAST_DEADLINE = 2 ** 52;

/** A kernel-call that has not answered yet. The registers of the thread still hold its arguments. */
export interface PendingCall {
  readonly number: bigint;
  /** What it has done of its work, in its own units. */
  progress: number;
  /** The tick at which it gives up waiting; Infinity for never. Undefined: it goes on as soon as the thread runs. */
  deadline: number | undefined;
}

/** One flow of control. Its registers are in the CPU while it runs, and here while it does not. */
export class Thread {
  pending: PendingCall | undefined;
  private readonly context = new Uint8Array(CONTEXT_BYTES);

  constructor(
    readonly tid: number,
    readonly process: Process,
  ) {}

  /** Takes the registers from the CPU state, with the status flags worked out: equal registers are equal bytes. */
  save(state: CpuState): void {
    const { rflags } = state;
    state.rflags = rflags;
    this.context.set(state.memory.host.subarray(GPR, GPR + CONTEXT_BYTES));
  }

  /** Puts the registers into the CPU state. */
  restore(memory: GuestMemory): void {
    memory.host.set(this.context, GPR);
  }

  /** What the kernel knows of it, and its registers, unless the CPU holds them. */
  writeState(out: StateWriter, isInCpu: boolean): void {
    out.number(this.tid).number(this.process.pid);
    out.bytes(isInCpu ? new Uint8Array(0) : this.context);
    const { pending } = this;
    out.number(pending ? 1 : 0);
    if (pending) out.word(pending.number).number(pending.progress).number(pending.deadline);
  }
}
