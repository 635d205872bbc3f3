import type { TrapReport } from '../kernel/reports/trap-report.js';

/*
 * The port between debugger front ends (gdb stub, `bd0 debug`) and a machine. A front end knows only DebugTarget.
 * Addresses are linear, as unsigned 64-bit bigints; register values are raw bits.
 *
 * Some processes of Linux see other memory at an address than what lies there in the one address space: a child that was
 * forked sees its own copy where its parent sees the original. An address therefore comes with the pid of the process
 * that it is an address of; without a pid it is that at which memory lies.
 */

/** Registers of 64 bits or less, by the names under which `writeRegister` knows them. */
export const SCALAR_REGISTERS = [
  ...(['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'] as const),
  ...(['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'] as const),
  ...(['rip', 'rflags', 'es', 'cs', 'ss', 'ds', 'fs', 'gs', 'fsBase', 'gsBase', 'mxcsr'] as const),
] as const;

export type ScalarRegister = (typeof SCALAR_REGISTERS)[number];

/**
 * A register that `writeRegister` can change; `xmm0` to `xmm15` have 128 bits, and so have `ymm0h` to `ymm15h`, the upper halves
 * of YMM. `x87` is the whole of it, 160 bytes of the FXSAVE image, the lowest first; the CPU has `cr2`, not a thread.
 */
export type RegisterName = ScalarRegister | `xmm${number}` | `ymm${number}h` | 'x87' | 'cr2';

/** The registers of a thread. */
export interface RegisterFile extends Readonly<Record<ScalarRegister, bigint>> {
  /** XMM0 to XMM15, 16 bytes each. */
  readonly xmm: readonly Uint8Array[];
  /** Bits 255:128 of YMM0 to YMM15, 16 bytes each. */
  readonly ymmHigh: readonly Uint8Array[];
  /** x87 and MMX state: the first 160 bytes of the FXSAVE image, of which MXCSR and its mask are not part. */
  readonly x87: Uint8Array;
  /** Registers of the system: those of the CPU while the thread runs. Of these, only cr2 can be written. */
  readonly control: Readonly<Record<'cr0' | 'cr2' | 'cr3' | 'cr4' | 'cr8' | 'efer' | 'kernelGsBase', bigint>>;
}

/** What a thread is doing. */
export type DebugThreadState =
  /** Its registers are in the CPU and it has the current turn. */
  | 'running'
  /** It waits for its turn. */
  | 'ready'
  /** It is in a kernel call that waits for console input, for another event, or for time to pass; or is in the middle of one. */
  | 'waiting for input'
  | 'waiting'
  | 'sleeping'
  | 'in a call';

export interface DebugThread {
  readonly tid: number;
  readonly pid: number;
  /** The name of its process, and its position in it: `hello`, or `hello/2` for the second thread. */
  readonly name: string;
  readonly state: DebugThreadState;
  /** The kernel call it is in, if any: `console_read`. */
  readonly call: string | undefined;
  /** Its stack: the first byte (above the guard page) and one past the last. */
  readonly stack: { readonly start: bigint; readonly end: bigint };
}

export interface DebugProcess {
  readonly pid: number;
  /** The pid of the process that started it; 0 for none. */
  readonly parent: number;
  readonly name: string;
  /** The linear address at which address 0 of its image lies: the difference between linear and link-time addresses. */
  readonly base: bigint;
  readonly entry: bigint;
  /** What it is to itself and to other processes of Linux; undefined for a process of BD0. */
  readonly linuxPid: number | undefined;
  /** The content id of its image, 64 hexadecimal digits; none for a kernel of which there is no ELF file. */
  readonly imageId: string;
  readonly threads: readonly DebugThread[];
  /** The bytes of its ELF image. */
  image(): Uint8Array;
  /** The libraries of a process of Linux, its dynamic linker among them, in ascending order of their addresses. */
  libraries(): readonly DebugLibrary[];
}

/** An ELF file besides its image that a process runs code of. */
export interface DebugLibrary {
  /** The difference between the addresses at which the process sees it and link-time addresses, modulo 2^64. */
  readonly base: bigint;
  /** Where the process sees its first segment, and one past the last byte of its last one. */
  readonly start: bigint;
  readonly end: bigint;
  /** The content id of the file, 64 hexadecimal digits. */
  readonly imageId: string;
  /** What it calls itself: `libc.so.6`. */
  readonly soname: string | undefined;
  /** The bytes of the file. */
  image(): Uint8Array;
}

/** A range of the address space that is mapped in the same way. */
export interface MappedRange {
  readonly start: bigint;
  readonly lengthBytes: bigint;
  /** Where the process that it belongs to sees its first byte, which is `start` for most. */
  readonly seen: bigint;
  readonly readable: boolean;
  readonly writable: boolean;
  readonly executable: boolean;
  /** The process that it belongs to; undefined for what the kernel shows of itself. */
  readonly pid: number | undefined;
  /** What it is, in words: `image`, `heap`, `stack of thread 3`, `header page`, `VMO 0123456789abcdef`. */
  readonly what: string;
}

/** Which accesses a stop is for: execution ('code', before the instruction), or data accesses (after the instruction). */
export type StopKind = 'code' | 'write' | 'read' | 'access';

export interface StopRequest {
  readonly kind: StopKind;
  readonly address: bigint;
  /** Default: 1. For code, instructions that begin in the range count. */
  readonly lengthBytes?: number;
  /** Only accesses of this thread count; default: of any thread. */
  readonly tid?: number;
  /**
   * The process that the address is one of. Of code, only its threads stop; an access to its data stops whichever thread
   * makes it. Default: code at this address in any process, and the data that lies there.
   */
  readonly pid?: number;
}

/** A breakpoint or watchpoint that was added. */
export interface Stop extends StopRequest {
  readonly lengthBytes: number;
}

/** How to continue. */
export interface ResumeRequest {
  /** Default: forward. A target without history does nothing backward but report 'history-begin'. */
  readonly direction?: 'forward' | 'backward';
  /**
   * The thread that executes exactly one instruction, or iteration of REP. Page faults of the instruction are resolved
   * on the way, and a kernel call is completed. While the thread waits, or does not have the turn, others run.
   */
  readonly step?: number;
  /** With `step`: continues while rip of that thread is in [start, end), up to a call or return (gdb's vCont;r). */
  readonly range?: { readonly start: bigint; readonly end: bigint };
  /** Backward: called for each stop that is passed, while the machine stands there; false: it does not count. */
  readonly isWanted?: (reason: StopReason) => boolean;
  /** Maximum ticks for this call. */
  readonly maxTicks: number;
}

/** Why the machine stopped. */
export type StopReason =
  /** A code stop; the instruction at rip has not been executed, and `resume` executes it. */
  | { readonly kind: 'breakpoint'; readonly tid: number; readonly stop: Stop }
  /**
   * A data stop; the instruction that accessed `address`, the first byte of the stop that it touched, is complete. It is an
   * address of the same process as that of the stop.
   */
  | {
      readonly kind: 'watchpoint';
      readonly tid: number;
      readonly stop: Stop;
      readonly address: bigint;
      readonly access: 'read' | 'write';
    }
  | { readonly kind: 'stepped'; readonly tid: number }
  /** A hook has asked for it. */
  | { readonly kind: 'hook'; readonly tid: number }
  /** The process will end when it is resumed; registers and memory are as at the fault. */
  | { readonly kind: 'trapped'; readonly tid: number; readonly report: TrapReport }
  /** A machine without a kernel of BD0 ends when it is resumed: it was reset, for example. */
  | { readonly kind: 'ending'; readonly tid: number; readonly why: string }
  | {
      readonly kind: 'exited';
      readonly pid: number;
      /** As in DebugProcess. */
      readonly linuxPid?: number | undefined;
      readonly exitCode: number;
    }
  | { readonly kind: 'started'; readonly pid: number }
  /** All threads wait; `until` is the tick of the earliest deadline, Infinity if there is none. */
  | { readonly kind: 'waiting'; readonly forInput: boolean; readonly until: number }
  | { readonly kind: 'history-begin' }
  | { readonly kind: 'history-end' };

/** What a debugger front end needs from a machine. */
export interface DebugTarget {
  readonly ticks: number;
  /** Live processes in the order of their pids. */
  readonly processes: readonly DebugProcess[];
  /** Live threads in the order of their tids. */
  readonly threads: readonly DebugThread[];
  findThread(tid: number): DebugThread | undefined;
  /** The registers of a live thread, including one that is not on the CPU. Throws RangeError if there is none. */
  readRegisters(tid: number): RegisterFile;
  /** One register of a live thread, which takes a fraction of the time. Throws RangeError if there is no such thread. */
  readRegister(tid: number, name: ScalarRegister): bigint;
  /** Returns false for an unknown thread, an unknown or read-only register, or a value that it cannot hold. */
  writeRegister(tid: number, name: RegisterName, value: bigint): boolean;
  /** The bytes up to the first one that is not mapped; at most `lengthBytes`. */
  readMemory(address: bigint, lengthBytes: number, pid?: number): Uint8Array;
  /** Returns the number of bytes stored, even to read-only pages: up to the first page that is not mapped. */
  writeMemory(address: bigint, bytes: Uint8Array, pid?: number): number;
  /** All that is mapped, where it lies, in ascending order. */
  readonly memoryMap: readonly MappedRange[];
  /** What a process sees of that, in ascending order of the addresses at which it does: `start` is one of them. */
  memoryMapOf(pid: number | undefined): readonly MappedRange[];
  addStop(request: StopRequest): Stop;
  removeStop(stop: Stop): void;
  /**
   * Continues for at most `maxTicks` ticks or a few milliseconds of host work. Returns undefined if nothing has happened
   * yet: call it again with the same request. The thread that was reported last executes the instruction at its rip
   * even if it has a code stop. After 'trapped', the process ends, unless a register or memory has been written: then
   * the instruction is executed again.
   */
  resume(request: ResumeRequest): StopReason | undefined;
  /** Gives up what `resume` has begun. A search backward leaves the machine where it began. */
  cancel(): void;
  /** Lets time pass to a tick while all threads wait. */
  passTime(tick: number): void;
  /** Ends a process; `resume` then reports it. */
  kill(pid: number): void;
  /** Tells Linux programs that their terminal has another size, in characters; no effect while there are none. */
  resizeTerminal(rows: number, columns: number): void;
}
