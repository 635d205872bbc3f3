/** The sets of registers of PTRACE_GETREGSET: arch/x86/kernel/ptrace.c, include/uapi/linux/elf.h. */
import type { LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError } from '../../errno.js';
import { XSAVE_BYTES, floatingOfTracer, FXSAVE_BYTES, setFloatingOfTracer } from '../../signals/floating-state.js';
import type { Trace } from '../../tracing/trace.js';
import { USER_REGISTERS_BYTES, setUserRegisters, userRegisters } from '../../tracing/user-registers.js';

const NT_PRSTATUS = 1n;
const NT_PRFPREG = 2n;
const NT_X86_XSTATE = 0x202n;

/** A set of registers of the thread in the CPU. */
export interface RegisterSet {
  readonly lengthBytes: number;
  read(context: LinuxContext, trace: Trace): Uint8Array;
  /** Sets as many of them as there are bytes. Throws LinuxError EIO, EINVAL, EFAULT. */
  write(context: LinuxContext, trace: Trace, bytes: Uint8Array): void;
}

export const GENERAL_REGISTERS: RegisterSet = {
  lengthBytes: USER_REGISTERS_BYTES,
  read: ({ registers }, trace) => userRegisters(registers, trace),
  write: ({ registers }, trace, bytes) => setUserRegisters(registers, trace, bytes),
};

export const FLOATING_REGISTERS: RegisterSet = {
  lengthBytes: FXSAVE_BYTES,
  read: ({ registers }) => floatingOfTracer(registers).slice(0, FXSAVE_BYTES),
  write({ registers }, _trace, bytes) {
    const image = floatingOfTracer(registers);
    image.set(bytes);
    if (!setFloatingOfTracer(registers, image)) throw new LinuxError(LinuxErrno.EINVAL);
  },
};

const EXTENDED_REGISTERS: RegisterSet = {
  lengthBytes: XSAVE_BYTES,
  read: ({ registers }) => floatingOfTracer(registers),
  write({ registers }, _trace, bytes) {
    if (bytes.length !== XSAVE_BYTES) throw new LinuxError(LinuxErrno.EFAULT);
    if (!setFloatingOfTracer(registers, bytes)) throw new LinuxError(LinuxErrno.EINVAL);
  },
};

/** The set of an NT_ number. Throws LinuxError EINVAL if there is no such set. */
export function registerSet({ system }: LinuxContext, type: bigint): RegisterSet {
  const set = SETS.get(type);
  if (!set || (set === EXTENDED_REGISTERS && !system.delivery.hasXsave)) throw new LinuxError(LinuxErrno.EINVAL);
  return set;
}

const SETS: ReadonlyMap<bigint, RegisterSet> = new Map([
  [NT_PRSTATUS, GENERAL_REGISTERS],
  [NT_PRFPREG, FLOATING_REGISTERS],
  [NT_X86_XSTATE, EXTENDED_REGISTERS],
]);
