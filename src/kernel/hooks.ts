import type { CallResult, STANDING } from './calls/call.js';
import type { ConsoleInput } from './terminal/console.js';
import type { MemoryAccess } from './memory/mapping.js';
import type { NameInput } from './names.js';
import type { FaultOutcome } from './memory/pager.js';
import type { SpuriousWrite, SpuriousWriteVerdict } from './reports/spurious-write.js';
import type { Thread } from './tasks/thread.js';
import type { TrapReport } from './reports/trap-report.js';

/** A kernel-call that was made; a pending one is told each time it is made again. */
export interface KernelCallEvent {
  readonly thread: Thread;
  readonly number: bigint;
  /** Undefined: there is no such call. */
  readonly name: string | undefined;
  readonly arguments: readonly bigint[];
  readonly result: Exclude<CallResult, typeof STANDING>;
}

/** A page fault, and what became of it. */
export interface FaultEvent {
  readonly thread: Thread;
  readonly rip: bigint;
  readonly linear: bigint;
  readonly access: MemoryAccess;
  readonly outcome: FaultOutcome | 'out of memory';
}

/** Something that came from outside, and the tick at which it did. */
export type InputEvent = { readonly tick: number } & (NameInput | ConsoleInput);

/** Who wants to know what happens in the machine. Hooks change nothing in it; answers are inputs of the machine. */
export interface KernelHooks {
  readonly onKernelCall?: (event: KernelCallEvent) => void;
  readonly onFault?: (event: FaultEvent) => void;
  /** Told of what comes from outside, when it comes: a replay gives it again at the same ticks. */
  readonly onInput?: (input: InputEvent) => void;
  readonly onTrap?: (report: TrapReport) => void;
  /**
   * A thread in debug mode is about to store outside of its own memory. Without this hook its process is killed. Where it
   * answers 'later', the machine stands still, `run` comes back ('asking'), and the hook is asked again when it is called next.
   */
  readonly onSpuriousWrite?: (write: SpuriousWrite) => SpuriousWriteVerdict | 'later';
}
