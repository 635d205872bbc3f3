import type { GuestMemory } from '../../memory.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { VmoStore } from '../../vmo/store.js';
import type { AddressSpace } from '../memory/address-space.js';
import type { KernelConsole } from '../terminal/console.js';
import type { DebugMode } from '../reports/debug-mode.js';
import type { StartOptions } from '../program/loader.js';
import type { ProgramBeginning } from '../program/program-start.js';
import type { SteppedNames } from '../names.js';
import type { Pager } from '../memory/pager.js';
import type { Process } from '../tasks/process.js';
import type { ProcessTable } from '../tasks/process-table.js';
import type { KnownImages } from '../program/known-images.js';
import type { LinearAddress } from '../memory/linear-address.js';
import type { Region } from '../memory/region.js';
import type { PendingCall, Thread, ThreadStack } from '../tasks/thread.js';
import type { HostMemory } from '../host-memory.js';
import type { WorkMeter } from '../work-meter.js';
import type { UserMemory } from '../memory/user-memory.js';
import type { WaitKey } from '../tasks/wait-queues.js';

/**
 * A call that cannot answer yet: it waits as `PendingCall.wait` says, or, where that is undefined, is made again, with the
 * same registers, when the thread runs the next time.
 */
export const PENDING = 'pending';
/**
 * The machine stands still while the host works for the call, which is made again before anything else happens, at the same
 * tick: how often that is depends on the host, and leaves no trace.
 */
export const STANDING = 'standing';
/** The caller has ended, or goes on with other registers, which the call has set. */
export const ENDED = 'ended';

/** What rax is to hold, or why nothing. */
export type CallResult = bigint | typeof PENDING | typeof STANDING | typeof ENDED;

/** What kernel-calls ask of the kernel. */
export interface KernelServices {
  readonly processes: ProcessTable;
  /** The live thread of a number. */
  findThread(tid: number): Thread | undefined;
  /** True where some thread waits for the end of this one, or of its process. */
  isAwaited(thread: Thread): boolean;
  /** The file at an absolute path among those of Linux, a handle of the caller's; undefined where there is none. */
  linuxFile(path: string): VmoHandle | undefined;
  /** Begins to start a program: see ProgramStart. Throws KernelError EINVAL. */
  beginStart(image: VmoHandle, options: StartOptions): ProgramBeginning;
  /** Does a part of that. Returns the process when it is started. Throws KernelError, with nothing changed. */
  takeStart(start: ProgramBeginning): Process | undefined;
  /** Ends a process: all its threads. */
  end(process: Process, exitCode: number): void;
  /** Ends a thread; the last one ends its process. */
  endThread(thread: Thread, code: number): void;
  /** A further thread, with a new stack. Throws KernelError, with nothing changed: see prepareStack. */
  spawn(parent: Thread, start: ThreadStart): Thread;
  /** Wakes at most `count` threads that wait for something, in the order in which they began to. Returns how many. */
  wake(key: WaitKey, answer: bigint, count?: number): number;
  /** Wakes all threads that wait for something: they make their calls again. */
  wakeAgain(key: WaitKey): void;
  /** Lets at most `count` threads that wait for something wait for something else. Returns how many. */
  requeue(from: WaitKey, to: WaitKey, count: number): number;
  /**
   * A further thread of a process, which may be new: with the registers of another, whose are in the CPU, as `change` leaves them
   * there.
   */
  forkThread(like: Thread, process: Process, stack: ThreadStack, change: () => void): Thread;
  /** Calls `use` while the CPU holds the registers of a thread that does not run. */
  withRegisters<T>(thread: Thread, use: () => T): T;
  /** A thread that runs begins another program, in the view that its process has now. */
  execThread(thread: Thread, entry: LinearAddress, rsp: LinearAddress): void;
  /** Gives back regions in which nobody lives any more, before anything else happens. */
  freeRegions(regions: readonly Region[]): void;
  /** Gives a thread that can run its turn before all others. */
  runNext(thread: Thread): void;
  /** Memory by home addresses, for nobody in particular. */
  readonly memory: UserMemory;
  readonly images: KnownImages;
  /** Gives the rest of the slice to the others. */
  yieldTurn(): void;
  /** Charges a thread for what the kernel does for it: the same for the same call, however the host divides a run. */
  charge(cost: Cost): void;
  /** Work that is done for a call and that the machine does not notice: how much may depend on the host. */
  readonly work: WorkMeter;
}

/** What the kernel does for a thread; it uses up its slice. */
export interface Cost {
  /** Time that passes in the machine, so that a large call counts as a loop of the thread's would. */
  readonly ticks?: number;
  /** Work that takes the host time, besides that which the ticks stand for: units of some 2.5 microseconds, see `Kernel.run`. */
  readonly effort?: number;
}

/** Where a further thread begins. */
export interface ThreadStart {
  readonly entry: bigint;
  /** What it finds in rdi. */
  readonly argument: bigint;
  readonly stackBytes: number;
}

/** What a kernel-call works on. */
export interface CallContext {
  readonly kernel: KernelServices;
  readonly memory: UserMemory;
  readonly thread: Thread;
  readonly process: Process;
  readonly console: KernelConsole;
  readonly store: VmoStore;
  readonly names: SteppedNames;
  readonly space: AddressSpace;
  readonly pager: Pager;
  readonly guestMemory: GuestMemory;
  readonly debugMode: DebugMode;
  /** What the machine's objects take of the host's memory. */
  readonly hostMemory: HostMemory;
  /** Ticks since the machine started: nanoseconds. */
  readonly now: number;
  /** What became of the same call when it was made before. */
  readonly pending: PendingCall;
}

/** One row of the table of kernel-calls. */
export interface KernelCall {
  readonly number: number;
  /** `bd0_` and the name is the C function. */
  readonly name: string;
  /** Names of the arguments, in rdi, rsi, rdx, r10, r8, r9. */
  readonly parameters: readonly string[];
  /** Returns a result or an error; a call that returns an error has changed nothing. May throw OutOfFramesError. */
  readonly perform: (context: CallContext, ...args: bigint[]) => CallResult;
}

/** The live process of a pid, the caller for 0. */
export function processOf({ kernel, process }: CallContext, pid: bigint): Process | undefined {
  return pid === 0n ? process : kernel.processes.find(Number(pid));
}

/** The live thread of a tid, the caller for 0. */
export function threadOf({ kernel, thread }: CallContext, tid: bigint): Thread | undefined {
  return tid === 0n ? thread : kernel.findThread(Number(tid));
}
