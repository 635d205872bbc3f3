/** How a call that a signal interrupts looks to a tracer, and how it goes on. arch/x86/kernel/signal.c */
import type { CpuState } from '../../../cpu/state/cpu-state.js';
import { RAX } from '../../../cpu/state/layout.js';
import type { Interruption } from '../call.js';
import { LinuxErrno } from '../errno.js';
import { SA_RESTART, type SignalAction } from '../signals/signal-actions.js';
import { NO_CALL, type TracedRegisters } from './trace.js';

/** Results of calls that only tracers see. include/linux/errno.h */
const ERESTARTSYS = 512n;
export const ERESTARTNOINTR = 513n;
const ERESTARTNOHAND = 514n;
const ERESTART_RESTARTBLOCK = 516n;

export const RESTART_SYSCALL = 219;
const SYSCALL_BYTES = 2n;

const RESULTS: Readonly<Record<Interruption, bigint>> = {
  restart: -ERESTARTSYS,
  'no restart': -ERESTARTNOHAND,
  'go on': -ERESTART_RESTARTBLOCK,
  fail: -BigInt(LinuxErrno.EINTR),
};

/** The value of rax after an interrupted call. */
export function resultOfInterrupted(how: Interruption | bigint): bigint {
  return typeof how === 'bigint' ? how : RESULTS[how];
}

/** One of those results if the call of the thread in the CPU has it. */
function interruptionIn(state: CpuState, { call }: TracedRegisters): bigint | undefined {
  if (BigInt.asIntN(32, call) < 0n) return undefined;
  const result = -BigInt.asIntN(64, state.gpr(RAX));
  return [ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK].includes(result) ? result : undefined;
}

/** Takes the thread in the CPU back to its SYSCALL instruction, to make the call of a number. */
export function makeAgain(state: CpuState, number: bigint): void {
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
