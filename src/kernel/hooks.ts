import type { CallResult } from './calls/call.js';
import type { MemoryAccess } from './mapping.js';
import type { FaultOutcome } from './pager.js';
import type { Thread } from './thread.js';
import type { TrapReport } from './trap-report.js';

/** A kernel-call that was made; a pending one is told each time it is made again. */
export interface KernelCallEvent {
  readonly thread: Thread;
  readonly number: bigint;
  /** Undefined: there is no such call. */
  readonly name: string | undefined;
  readonly arguments: readonly bigint[];
  readonly result: CallResult;
}

/** A page fault, and what became of it. */
export interface FaultEvent {
  readonly thread: Thread;
  readonly rip: bigint;
  readonly linear: bigint;
  readonly access: MemoryAccess;
  readonly outcome: FaultOutcome | 'out of memory';
}

/** Who wants to know what happens in the machine. Hooks change nothing in it. */
export interface KernelHooks {
  readonly onKernelCall?: (event: KernelCallEvent) => void;
  readonly onFault?: (event: FaultEvent) => void;
  readonly onTrap?: (report: TrapReport) => void;
}
