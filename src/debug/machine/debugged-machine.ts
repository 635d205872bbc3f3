import type { Cpu } from '../../cpu/cpu.js';
import type { Decoder } from '../../cpu/decode/decoder.js';
import type { CpuState } from '../../cpu/state/cpu-state.js';
import type { KernelCallStart, KernelHooks } from '../../kernel/hooks.js';
import type { Inputs } from '../../kernel/inputs.js';
import type { KernelEvent } from '../../kernel/kernel-options.js';
import type { LinearAddress } from '../../kernel/memory/linear-address.js';
import type { ProgramAbi } from '../../kernel/program/elf.js';
import type { KernelStops, MachineStop } from '../../kernel/stops.js';
import type { GuestMemory } from '../../memory.js';
import type { Snapshot } from '../../snapshot.js';
import type { VmoStore } from '../../vmo/store.js';
import type { DebugProcess, DebugThread, MappedRange, RegisterFile } from '../target.js';

/** A process of a machine that is debugged; a board has one, which is all that runs on it. */
export interface MachineProcess {
  readonly pid: number;
  readonly name: string;
  readonly linux?: { readonly pid: number } | undefined;
  /** How it has ended; undefined while it lives. */
  readonly end: { readonly exitCode: number } | undefined;
}

/** A thread of a machine that is debugged; a board has one, its processor. */
export interface MachineThread {
  readonly tid: number;
  readonly process: MachineProcess;
  /** The kernel call that it is in. */
  readonly pending: object | undefined;
}

/** Why a machine stopped for a debugger. */
export type DebugStop =
  | MachineStop<MachineThread>
  /** The machine ends when it continues: a reset, an exit code, or a halt from which nothing wakes it. */
  | { readonly kind: 'ending'; readonly thread: MachineThread; readonly why: string };

/** Why `DebuggedMachine.run` returned. */
export type MachineEvent =
  Exclude<KernelEvent, { kind: 'stopped' }> | { readonly kind: 'stopped'; readonly stop: DebugStop };

/** Of which addresses one is: those of a process, by its pid; those at which memory lies; or physical ones. */
export type AddressSpaceName = number | 'physical' | undefined;

/** A store that was found, to some of the bytes that are searched for. */
export interface FoundStore {
  /** The part of the bytes, from the first of them on. */
  readonly start: number;
  readonly end: number;
  readonly thread: MachineThread;
  /** Whether a kernel call or a device made it, and no instruction. */
  readonly isByKernel: boolean;
}

/** Bytes whose last store is searched for, as they lie in the machine. */
export interface SearchedBytes {
  /** The tick since which these are the bytes. */
  readonly since: number;
  /** A tick before which nothing was stored to them; Infinity if nothing ever was. */
  readonly storableSince: number;
  /** Makes the machine stop at stores to them, or no longer. */
  arm(): void;
  disarm(): void;
  /** The last store of a stop that touches them. */
  storeIn(stop: DebugStop): FoundStore | undefined;
  /**
   * Whether any of them may have been stored to between two snapshots; `changed` are the frames that may have been written in
   * between.
   */
  mayHaveChanged(before: Snapshot, after: Snapshot, changed: ReadonlySet<number>): boolean;
  /** Their physical addresses, if changing them changes nothing else; else undefined. */
  places(): readonly number[] | undefined;
  read(start: number, end: number): Uint8Array;
}

/**
 * What the debugger, the timeline and the stub for gdb need of a machine, whatever runs on it: BD0's kernel with its processes,
 * or a foreign kernel on a board.
 */
export interface DebuggedMachine {
  readonly cpu: Cpu;
  readonly memory: GuestMemory;
  /** Where VMOs that came as input are kept. */
  readonly store: VmoStore;
  /** Everything that comes from outside passes there. */
  readonly inputs: Inputs;
  readonly stops: KernelStops<MachineThread>;
  /** Hooks of the kernel; those of a debugger are put over them. */
  readonly hooks: { -readonly [Name in keyof KernelHooks]: KernelHooks[Name] };
  readonly ticks: number;
  /** Instructions retired: ticks in which something ran. */
  readonly instructions: number;
  /** Work besides them, in units of some 2.5 microseconds of the host's time. */
  readonly effort: number;
  /** The tick up to which nothing runs, as far as is known. */
  readonly idleUntil: number;
  run(maxTicks: number, maxEffort?: number): MachineEvent;
  /** Lets time pass while nothing runs. */
  passTime(tick: number): void;
  snapshot(): Snapshot;
  restore(snapshot: Snapshot): void;
  /** Keeps what the machine knows besides its state. Returns a function that puts it back, after the state. */
  keepAside(): () => void;
  /** Whether events are told to the host, which are not while the machine is in its past. */
  tellHost(isTold: boolean): void;
  readonly liveProcesses: readonly MachineProcess[];
  readonly liveThreads: readonly MachineThread[];
  findThread(tid: number): MachineThread | undefined;
  /** The thread whose registers the CPU holds. */
  readonly currentThread: MachineThread | undefined;
  describeProcess(process: MachineProcess): DebugProcess;
  describeThread(thread: MachineThread): DebugThread;
  /** The call before which a thread stands. */
  callOf(thread: MachineThread, abi: ProgramAbi): Omit<KernelCallStart, 'next'>;
  /** Calls `use` while the CPU holds the registers of a thread; what it changes in them stays if `isWrite`. */
  withRegisters<T>(thread: MachineThread, isWrite: boolean, use: (state: CpuState) => T): T;
  control(thread: MachineThread): RegisterFile['control'];
  /** The bits of RFLAGS that a debugger can change. */
  readonly writableFlags: bigint;
  /** For code that a thread of a process runs now. */
  readonly decoder: Decoder;
  readMemory(linear: bigint, lengthBytes: number, pid: number | undefined): Uint8Array;
  writeMemory(linear: bigint, bytes: Uint8Array, pid: number | undefined): number;
  /** Where what a process sees at an address lies. */
  homeOf(address: LinearAddress, pid: number | undefined): LinearAddress;
  memoryMapOf(pid: number | undefined): readonly MappedRange[];
  readonly memoryMap: readonly MappedRange[];
  kill(pid: number, exitCode: number): boolean;
  /** Returns false where nothing has changed. */
  resizeTerminal(rows: number, columns: number): boolean;
  /**
   * The bytes that a process sees at an address, from now back in time; or that lie at a physical address, of which the kernel's
   * own stores are only known on a board.
   */
  bytesAt(address: bigint, lengthBytes: number, space: AddressSpaceName): Iterable<SearchedBytes>;
}
