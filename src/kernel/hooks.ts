import type { CallResult, STANDING } from './calls/call.js';
import type { ConsoleInput } from './terminal/console.js';
import type { MemoryAccess } from './memory/mapping.js';
import type { NameInput } from './names.js';
import type { FaultOutcome } from './memory/pager.js';
import type { SpuriousWrite, SpuriousWriteVerdict } from './reports/spurious-write.js';
import type { Thread } from './tasks/thread.js';
import type { TrapReport } from './reports/trap-report.js';

/** A kernel-call that was made; a pending one is reported each time it is repeated. */
export interface KernelCallEvent {
  readonly thread: Thread;
  readonly number: bigint;
  /** Undefined: there is no such call. */
  readonly name: string | undefined;
  readonly arguments: readonly bigint[];
  readonly result: Exclude<CallResult, typeof STANDING>;
}

/** A kernel-call that a thread is about to make: it stands before VMCALL or SYSCALL. */
export interface KernelCallStart extends Omit<KernelCallEvent, 'result'> {
  /** The address after that instruction. */
  readonly next: bigint;
}

/** A page fault and its outcome. */
export interface FaultEvent {
  readonly thread: Thread;
  readonly rip: bigint;
  readonly linear: bigint;
  readonly access: MemoryAccess;
  readonly outcome: FaultOutcome | 'out of memory';
}

/** Something that came from outside, and the tick at which it did. */
export type InputEvent = { readonly tick: number } & (NameInput | ConsoleInput);

/** Observers of the machine. Hooks do not change it; their return values are inputs of the machine. */
export interface KernelHooks {
  readonly onKernelCall?: (event: KernelCallEvent) => void;
  readonly onFault?: (event: FaultEvent) => void;
  /** Called for each input from outside, when it arrives: a replay supplies it at the same ticks. */
  readonly onInput?: (input: InputEvent) => void;
  readonly onTrap?: (report: TrapReport) => void;
  /**
   * A thread in debug mode is about to store outside of its own memory. Without this hook its process is killed. If it
   * returns 'later', the machine is paused, `run` returns 'asking', and the next `run` calls the hook again.
   */
  readonly onSpuriousWrite?: (write: SpuriousWrite) => SpuriousWriteVerdict | 'later';
}
