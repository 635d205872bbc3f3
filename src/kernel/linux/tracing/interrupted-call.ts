/** What a tracer sees of a call that a signal interrupts, and how that goes on. arch/x86/kernel/signal.c */
import type { CpuState } from '../../../cpu/state/cpu-state.js';
import { RAX, RSI } from '../../../cpu/state/layout.js';
import type { Interruption } from '../call.js';
import { LinuxErrno } from '../errno.js';
import { SA_RESTART, type SignalAction } from '../signals/signal-actions.js';
import { NO_CALL, type TracedRegisters } from './trace.js';

/** Results of calls that no program sees, but tracers do. include/linux/errno.h */
const ERESTARTSYS = 512n;
export const ERESTARTNOINTR = 513n;
const ERESTARTNOHAND = 514n;
const ERESTART_RESTARTBLOCK = 516n;

export const RESTART_SYSCALL = 219;
const SYSCALL_BYTES = 2n;

/* arch/x86/entry/syscalls/syscall_64.tbl */
const POLL = 7;
const NANOSLEEP = 35;
const SEMOP = 65;
const RT_SIGTIMEDWAIT = 128;
const FUTEX = 202;
const SEMTIMEDOP = 220;
const CLOCK_NANOSLEEP = 230;
const EPOLL_WAIT = 232;
const EPOLL_PWAIT = 281;
const EPOLL_PWAIT2 = 441;

/** Those that fail with EINTR after any signal. */
const NEVER_RESTARTED = [SEMOP, RT_SIGTIMEDWAIT, SEMTIMEDOP, EPOLL_WAIT, EPOLL_PWAIT, EPOLL_PWAIT2];
/** Those that know how long they have waited already. */
const GOING_ON = [POLL, NANOSLEEP, FUTEX, CLOCK_NANOSLEEP];
const TIMER_ABSTIME = 1n;

/** What rax holds of an interrupted call, whose registers are in the CPU. */
export function resultOfInterrupted(state: CpuState, number: number, how: Interruption | bigint): bigint {
  if (typeof how === 'bigint') return how;
  if (NEVER_RESTARTED.includes(number)) return -BigInt(LinuxErrno.EINTR);
  if (how === 'restart') return -ERESTARTSYS;
  const isAbsolute = number === CLOCK_NANOSLEEP && (state.gpr(RSI) & TIMER_ABSTIME) !== 0n;
  return GOING_ON.includes(number) && !isAbsolute ? -ERESTART_RESTARTBLOCK : -ERESTARTNOHAND;
}

/** Whether the call of the thread in the CPU was interrupted and has not failed. */
function interruptionIn(state: CpuState, { call }: TracedRegisters): bigint | undefined {
  if (BigInt.asIntN(32, call) < 0n) return undefined;
  const result = -BigInt.asIntN(64, state.gpr(RAX));
  return [ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK].includes(result) ? result : undefined;
}

function makeAgain(state: CpuState, number: bigint): void {
  state.setGpr(RAX, number);
  state.rip = BigInt.asUintN(64, state.rip - SYSCALL_BYTES);
}

/** A handler begins: "handle_signal". */
export function beforeHandler(state: CpuState, registers: TracedRegisters, { flags }: SignalAction): void {
  const result = interruptionIn(state, registers);
  if (result === undefined) return;
  const isRestarted = result === ERESTARTNOINTR || (result === ERESTARTSYS && (flags & SA_RESTART) !== 0n);
  if (isRestarted) makeAgain(state, registers.call);
  else state.setGpr(RAX, BigInt.asUintN(64, -BigInt(LinuxErrno.EINTR)));
  registers.call = NO_CALL;
}

/** No handler has begun: the end of "arch_do_signal_or_restart". Returns whether the call is made again. */
export function withoutHandler(state: CpuState, registers: TracedRegisters): boolean {
  const result = interruptionIn(state, registers);
  if (result === undefined) return false;
  makeAgain(state, result === ERESTART_RESTARTBLOCK ? BigInt(RESTART_SYSCALL) : registers.call);
  registers.call = NO_CALL;
  return true;
}
