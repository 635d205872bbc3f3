import type { Console } from '../console.js';
import type { Process } from '../process.js';
import type { PendingCall } from '../thread.js';
import type { UserMemory } from '../user-memory.js';

/** A call that cannot answer yet is made again, with the same registers: see PendingCall. */
export const PENDING = 'pending';
/** The caller is no more. */
export const ENDED = 'ended';

/** What rax is to hold, or why nothing. */
export type CallResult = bigint | typeof PENDING | typeof ENDED;

/** What a kernel-call works on. */
export interface CallContext {
  readonly process: Process;
  readonly memory: UserMemory;
  readonly console: Console;
  /** Ticks since the machine started: nanoseconds. */
  readonly now: number;
  /** What became of the same call when it was made before. */
  readonly pending: PendingCall;
  /** The live process of a pid, the caller for 0. */
  findProcess(pid: bigint): Process | undefined;
  /** Ends the calling process. */
  exit(code: number): void;
}

/** One row of the table of kernel-calls. */
export interface KernelCall {
  readonly number: number;
  /** `bd0_` and the name is the C function. */
  readonly name: string;
  /** Names of the arguments, in rdi, rsi, rdx, r10, r8, r9. */
  readonly parameters: readonly string[];
  /** Answers a result or an error; a call that answers an error has changed nothing. May throw OutOfFrames. */
  readonly perform: (context: CallContext, ...args: bigint[]) => CallResult;
}
