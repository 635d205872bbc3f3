/** The stack that handlers may run on instead: sigaltstack. kernel/signal.c */
import { LinuxErrno, LinuxError } from '../errno.js';

const { EINVAL, ENOMEM, EPERM } = LinuxErrno;

const SS_ONSTACK = 1;
const SS_DISABLE = 2;
/** Bit 31: the stack is given up when a handler begins on it. */
export const SS_AUTODISARM = -0x8000_0000;
const SIGNAL_STACK_MIN = 2048n;

/** Bytes of a stack_t. */
export const STACK_T_BYTES = 24;

export interface SignalStack {
  readonly start: bigint;
  /** 0: there is none. */
  readonly size: bigint;
  /** SS_AUTODISARM or 0, and what it was set with. */
  readonly flags: number;
}

export const NO_STACK: SignalStack = { start: 0n, size: 0n, flags: SS_DISABLE };

/** Whether a stack pointer lies in the stack, whatever its flags. */
export function liesIn({ start, size }: SignalStack, rsp: bigint): boolean {
  return rsp > start && rsp - start <= size;
}

/** Whether a thread with a stack pointer runs on the stack. */
export function isOn(stack: SignalStack, rsp: bigint): boolean {
  return (stack.flags & SS_AUTODISARM) === 0 && liesIn(stack, rsp);
}

/** SS_DISABLE, SS_ONSTACK, or 0 where it is not in use. */
export function useOf(stack: SignalStack, rsp: bigint): number {
  if (stack.size === 0n) return SS_DISABLE;
  return isOn(stack, rsp) ? SS_ONSTACK : 0;
}

/** Stores a stack_t. */
export function writeStack(view: DataView, offset: number, { start, flags, size }: SignalStack): void {
  view.setBigUint64(offset, start, true);
  view.setInt32(offset + 8, flags, true);
  view.setBigUint64(offset + 16, size, true);
}

/** A stack as sigaltstack tells of it to a thread with a stack pointer. */
export function toldOf(stack: SignalStack, rsp: bigint): SignalStack {
  return { ...stack, flags: useOf(stack, rsp) | (stack.flags & SS_AUTODISARM) };
}

export function readStack(view: DataView, offset: number): SignalStack {
  return {
    start: view.getBigUint64(offset, true),
    flags: view.getInt32(offset + 8, true),
    size: view.getBigUint64(offset + 16, true),
  };
}

/** The stack that a thread has which asks for another one. Throws LinuxError EPERM, EINVAL, ENOMEM. */
export function changedStack(before: SignalStack, asked: SignalStack, rsp: bigint): SignalStack {
  if (isOn(before, rsp)) throw new LinuxError(EPERM);
  const mode = asked.flags & ~SS_AUTODISARM;
  if (mode !== SS_DISABLE && mode !== SS_ONSTACK && mode !== 0) throw new LinuxError(EINVAL);
  if (mode === SS_DISABLE) return { ...NO_STACK, flags: asked.flags };
  if (asked.size < SIGNAL_STACK_MIN) throw new LinuxError(ENOMEM);
  return asked;
}
