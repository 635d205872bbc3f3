/** The registers of a thread as tracers see them: struct user of arch/x86/include/asm/user_64.h. */
import { isCanonical } from '../../../bits.js';
import { TF } from '../../../cpu/meaning/flags.js';
import type { CpuState } from '../../../cpu/state/cpu-state.js';
import * as at from '../../../cpu/state/layout.js';
import { LinuxErrno, LinuxError } from '../errno.js';
import type { LinuxThread } from '../linux-thread.js';
import { DebugRegisters } from './debug-registers.js';
import type { Trace } from './trace.js';

/** Reads and writes one register in the CPU. */
interface UserRegister {
  read(state: CpuState, trace: Trace): bigint;
  /** Throws LinuxError EIO for what it cannot hold. */
  write(state: CpuState, value: bigint, trace: Trace): void;
}

/** FLAG_MASK of arch/x86/kernel/ptrace.c: AC, OF DF TF SF ZF AF PF CF. */
const WRITABLE_FLAGS = 0x5_4dd5n;
/** The end of the addresses that programs can use. */
export const TASK_SIZE_MAX = 1n << 47n;

const general = (register: number): UserRegister => ({
  read: (state) => state.gpr(register),
  write: (state, value) => state.setGpr(register, value),
});

const selector = (segment: number): UserRegister => ({
  read: (state) => BigInt(state.selector(segment)),
  write: (state, value) => require(value === BigInt(state.selector(segment))),
});

const base = (segment: number): UserRegister => ({
  read: (state) => state.segmentBase(segment),
  write: (state, value) => {
    require(value < TASK_SIZE_MAX);
    state.setSegmentBase(segment, value);
  },
});

function require(isPossible: boolean): void {
  if (!isPossible) throw new LinuxError(LinuxErrno.EIO);
}

const originalRax: UserRegister = {
  read: (_state, { registers }) => registers.call,
  write: (_state, value, { registers }) => void (registers.call = value),
};

const instructionPointer: UserRegister = {
  read: (state) => state.rip,
  write: (state, value) => {
    require(isCanonical(value));
    state.rip = value;
  },
};

/** The tracer does not see TF where it is set for the tracer alone. */
const flags: UserRegister = {
  read: (state, { registers }) => state.rflags & ~(registers.hasTrapFlag ? BigInt(TF) : 0n),
  write: (state, value, { registers }) => {
    if (value & BigInt(TF)) registers.hasTrapFlag = false;
    const kept = registers.hasTrapFlag ? BigInt(TF) : 0n;
    state.rflags = (state.rflags & ~WRITABLE_FLAGS) | (value & WRITABLE_FLAGS) | kept;
  },
};

/** In the order of struct user_regs_struct. */
const REGISTERS: readonly UserRegister[] = [
  ...[15, 14, 13, 12, at.RBP, at.RBX, at.R11, at.R10, at.R9, at.R8].map(general),
  ...[at.RAX, at.RCX, at.RDX, at.RSI, at.RDI].map(general),
  originalRax,
  instructionPointer,
  selector(at.CS),
  flags,
  general(at.RSP),
  selector(at.SS),
  base(at.FS),
  base(at.GS),
  ...[at.DS, at.ES, at.FS, at.GS].map(selector),
];

const WORD_BYTES = 8;
export const USER_REGISTERS_BYTES = REGISTERS.length * WORD_BYTES;
/** sizeof(struct user), and where its debug registers lie. */
const USER_BYTES = 928;
const DEBUG_REGISTERS = 848;
const DEBUG_REGISTERS_END = DEBUG_REGISTERS + 8 * WORD_BYTES;

/** All registers of the thread in the CPU. */
export function userRegisters(state: CpuState, trace: Trace): Uint8Array {
  const bytes = new Uint8Array(USER_REGISTERS_BYTES);
  const view = new DataView(bytes.buffer);
  REGISTERS.forEach((each, index) => view.setBigUint64(index * WORD_BYTES, each.read(state, trace), true));
  return bytes;
}

/** Sets as many registers as there are words. Throws LinuxError EIO at the first that cannot hold its value, with those before it set. */
export function setUserRegisters(state: CpuState, trace: Trace, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const count = Math.floor(bytes.length / WORD_BYTES);
  REGISTERS.slice(0, count).forEach((each, index) =>
    each.write(state, view.getBigUint64(index * WORD_BYTES, true), trace),
  );
}

/** A word of struct user of a thread whose registers the CPU holds. Throws LinuxError EIO if there is no such word. */
export function userWord(state: CpuState, linux: LinuxThread, offset: bigint): bigint {
  const register = registerAt(offset);
  if (register) return register.read(state, linux.trace!);
  const number = debugRegisterAt(offset);
  return number === undefined ? 0n : (linux.debug ?? new DebugRegisters()).read(number);
}

/** Throws LinuxError EIO if there is no such word or it cannot hold the value, EINVAL for a breakpoint that cannot be. */
export function setUserWord(state: CpuState, linux: LinuxThread, offset: bigint, value: bigint): void {
  const register = registerAt(offset);
  if (register) return register.write(state, value, linux.trace!);
  const number = debugRegisterAt(offset);
  if (number === undefined) throw new LinuxError(LinuxErrno.EIO);
  linux.debug ??= new DebugRegisters();
  linux.debug.write(number, value);
}

/** The number of the debug register at an offset into struct user, a multiple of 8. */
function debugRegisterAt(offset: bigint): number | undefined {
  const isThere = offset >= BigInt(DEBUG_REGISTERS) && offset < BigInt(DEBUG_REGISTERS_END);
  return isThere ? (Number(offset) - DEBUG_REGISTERS) / WORD_BYTES : undefined;
}

function registerAt(offset: bigint): UserRegister | undefined {
  if (offset % BigInt(WORD_BYTES) !== 0n || offset >= BigInt(USER_BYTES)) throw new LinuxError(LinuxErrno.EIO);
  return REGISTERS[Number(offset) / WORD_BYTES];
}
