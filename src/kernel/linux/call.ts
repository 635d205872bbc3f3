import type { CpuState } from '../../cpu/state/cpu-state.js';
import type { CallContext, CallResult } from '../calls/call.js';
import type { LinuxProcess } from './linux-process.js';
import type { LinuxSystem } from './linux-system.js';

/** What a system call works on. */
export interface LinuxContext extends CallContext {
  /** The caller's. */
  readonly linux: LinuxProcess;
  /** What all Linux processes of the machine share. */
  readonly system: LinuxSystem;
  /** The registers of the caller; rip points behind SYSCALL. */
  readonly registers: CpuState;
}

/** How much of a call there is, for docs/linux.md. */
export type LinuxCallState = 'whole' | 'part' | 'refused';

/** One row of the table of system calls. */
export interface LinuxCall {
  /** In rax. arch/x86/entry/syscalls/syscall_64.tbl */
  readonly number: number;
  readonly name: string;
  /** Names of the arguments, in rdi, rsi, rdx, r10, r8, r9. */
  readonly parameters: readonly string[];
  readonly state: LinuxCallState;
  /** What differs from Linux, a sentence, for docs/linux.md; '' for nothing. */
  readonly differs: string;
  /**
   * Answers a result, `failed(errno)`, or as kernel-calls do PENDING, STANDING or ENDED: a call that waits is made again with the
   * same registers. A LinuxError that it throws is answered as its errno. A call that answers an error has changed nothing, save
   * where Linux does too.
   */
  readonly perform: (context: LinuxContext, ...args: bigint[]) => CallResult;
  /** What becomes of it where a handler runs while it waits. Undefined: 'restart'. */
  readonly interrupted?: Interruption | ((context: LinuxContext, ...args: bigint[]) => Interruption | bigint);
}

/**
 * A call that a handler interrupts answers EINTR. With 'restart', it is made again instead when the handler has returned, where
 * that was set with SA_RESTART. A call that has done something already answers what that is. After a signal without a handler a
 * call goes on to wait: it is made again, and keeps what is in `pending`. Tracers see how Linux does that: by ERESTARTSYS for
 * 'restart', ERESTARTNOHAND for 'no restart', ERESTART_RESTARTBLOCK for 'go on'; a call with 'fail' has failed with EINTR for them.
 */
export type Interruption = 'restart' | 'no restart' | 'go on' | 'fail';

/** An argument of 32 bits, as a signed number: a file descriptor, a pid, flags. */
export function signed32(argument: bigint): number {
  return Number(BigInt.asIntN(32, argument));
}

/** An argument of 32 bits, as an unsigned number. */
export function unsigned32(argument: bigint): number {
  return Number(BigInt.asUintN(32, argument));
}

/** What an interrupted transfer returns: the number of bytes moved so far; if there are none, the call is restarted. */
export function interruptedTransfer({ pending }: LinuxContext): Interruption | bigint {
  return pending.progress > 0 ? BigInt(pending.progress) : 'restart';
}
