import type { CpuState } from '../../../cpu/state/cpu-state.js';
import { DR6_SINGLE_STEP, Vector, type GuestException } from '../../../cpu/state/exceptions.js';
import { unmaskedSse, unmaskedX87 } from './floating-state.js';
import { faultAt, fromKernel, type SignalInfo } from './signal-info.js';
import { Signal } from './signal.js';

const { SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP } = Signal;

/* include/uapi/asm-generic/siginfo.h */
const ILL_ILLOPN = 2;
const FPE_INTDIV = 1;
const SEGV_MAPERR = 1;
const SEGV_ACCERR = 2;
const BUS_ADRALN = 1;
const BUS_ADRERR = 2;
const TRAP_BRKPT = 1;
const TRAP_TRACE = 2;
const TRAP_HWBKPT = 4;

/** Codes of SIGFPE by the bits of the exceptions: invalid, divide by zero, overflow, denormal and underflow, precision. */
const FLOATING_CODES: readonly (readonly [bits: number, code: number])[] = [
  [0x01, 7],
  [0x04, 3],
  [0x08, 4],
  [0x12, 5],
  [0x20, 6],
];

function floatingCode(exceptions: number): number {
  return FLOATING_CODES.find(([bits]) => (exceptions & bits) !== 0)?.[1] ?? 0;
}

/** The code of SIGTRAP for #DB, by its bits of DR6: none for INT1. arch/x86/kernel/traps.c "get_si_code" */
function debugCode(causes: number): number {
  if (causes & DR6_SINGLE_STEP) return TRAP_TRACE;
  return causes === 0 ? TRAP_BRKPT : TRAP_HWBKPT;
}

/** What lies at the address of a page fault: nothing, something that allows other accesses, or what is behind the end of a file. */
export type FaultPlace = 'not mapped' | 'mapped' | 'beyond end';

/** The signal for an exception of the thread in the CPU. arch/x86/kernel/traps.c, arch/x86/mm/fault.c */
export function signalOf(exception: GuestException, state: CpuState, place: FaultPlace): SignalInfo {
  const { rip } = state;
  switch (exception.vector) {
    case Vector.DE:
      return faultAt(SIGFPE, FPE_INTDIV, rip);
    case Vector.DB:
      return faultAt(SIGTRAP, debugCode(exception.causes), rip);
    case Vector.BP:
      return fromKernel(SIGTRAP);
    case Vector.UD:
      return faultAt(SIGILL, ILL_ILLOPN, rip);
    case Vector.NP:
    case Vector.SS:
      return fromKernel(SIGBUS);
    case Vector.PF:
      if (place === 'beyond end') return faultAt(SIGBUS, BUS_ADRERR, exception.linear);
      return faultAt(SIGSEGV, place === 'mapped' ? SEGV_ACCERR : SEGV_MAPERR, exception.linear);
    case Vector.MF:
      return faultAt(SIGFPE, floatingCode(unmaskedX87(state)), rip);
    case Vector.XM:
      return faultAt(SIGFPE, floatingCode(unmaskedSse(state)), rip);
    case Vector.AC:
      return faultAt(SIGBUS, BUS_ADRALN, 0n);
    default:
      return fromKernel(SIGSEGV);
  }
}
