import { RSP } from '../../../cpu/state/layout.js';
import { ENDED, PENDING, type CallResult } from '../../calls/call.js';
import type { Process } from '../../tasks/process.js';
import type { Thread } from '../../tasks/thread.js';
import { deadlineTick } from '../../tasks/thread.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, LinuxError, failed } from '../errno.js';
import {
  SIGINFO_USED_BYTES,
  SignalCode,
  bytesOfInfo,
  infoOfBytes,
  sentBy,
  type SignalInfo,
} from '../signals/signal-info.js';
import { CAP_KILL, isCapable } from '../files/credentials.js';
import type { LinuxProcess } from '../linux-process.js';
import { SIG_IGN } from '../signals/signal-actions.js';
import { STACK_T_BYTES, changedStack, readStack, toldOf, writeStack } from '../signals/signal-stack.js';
import { SET_BYTES, Signal, UNBLOCKABLE, isIn, isSignal, setOf, type SignalSet } from '../signals/signal.js';
import { dropAll } from '../signals/signals.js';
import { bytesAt, putBytes, putFields, viewAt } from '../user-data.js';
import { timespecAt } from '../timespec.js';

const { EAGAIN, EINVAL, EPERM, ESRCH } = LinuxErrno;

const ACTION_BYTES = 32;
const SIG_BLOCK = 0;
const SIG_UNBLOCK = 1;
const SIG_SETMASK = 2;
/** The process that init would be, which a signal to all does not reach. */
const INIT = 1;
const PID_MIN = -(2 ** 31);

function setAt(context: LinuxContext, address: bigint): SignalSet {
  return viewAt(context, address, Number(SET_BYTES)).getBigUint64(0, true);
}

function putSet(context: LinuxContext, address: bigint, set: SignalSet, lengthBytes = SET_BYTES): bigint {
  const bytes = new Uint8Array(Number(SET_BYTES));
  new DataView(bytes.buffer).setBigUint64(0, set, true);
  putBytes(context, address, bytes.subarray(0, Number(lengthBytes)));
  return 0n;
}

function rtSigaction(
  context: LinuxContext,
  signalArgument: bigint,
  act: bigint,
  old: bigint,
  size: bigint,
): CallResult {
  if (size !== SET_BYTES) return failed(EINVAL);
  const signal = signed32(signalArgument);
  const view = act === 0n ? undefined : viewAt(context, act, ACTION_BYTES);
  if (!isSignal(signal) || (view && isIn(UNBLOCKABLE, signal))) return failed(EINVAL);
  const { actions } = context.linux.signals;
  const before = actions.of(signal);
  if (view) {
    const [handler, flags, restorer, mask] = [0, 8, 16, 24].map((offset) => view.getBigUint64(offset, true));
    actions.set(signal, { handler: handler!, flags: flags!, restorer: restorer!, mask: mask! });
    if (actions.outcome(signal) === 'ignore') dropAll(context.process, setOf(signal));
    else if (before.handler === SIG_IGN) unignore(context, signal);
  }
  if (old === 0n) return 0n;
  return putFields(context, old, ACTION_BYTES, (fields) =>
    [before.handler, before.flags, before.restorer, before.mask].forEach((field, i) =>
      fields.setBigUint64(8 * i, field, true),
    ),
  );
}

/** Timers that have rung while their signal was ignored send it now. */
function unignore({ linux, system }: LinuxContext, signal: number): void {
  for (const timer of linux.signals.timers.values()) if (timer.event.signal === signal) timer.unignored(system.signals);
}

function rtSigprocmask(context: LinuxContext, how: bigint, set: bigint, old: bigint, size: bigint): CallResult {
  if (size !== SET_BYTES) return failed(EINVAL);
  const { signals } = context.thread.linux!;
  const before = signals.mask;
  if (set !== 0n) {
    const given = setAt(context, set);
    const mode = signed32(how);
    if (mode === SIG_BLOCK) signals.setMask(before | given);
    else if (mode === SIG_UNBLOCK) signals.setMask(before & ~given);
    else if (mode === SIG_SETMASK) signals.setMask(given);
    else return failed(EINVAL);
  }
  return old === 0n ? 0n : putSet(context, old, before);
}

function rtSigpending(context: LinuxContext, set: bigint, size: bigint): CallResult {
  if (size > SET_BYTES) return failed(EINVAL);
  const { mask, pending } = context.thread.linux!.signals;
  return putSet(context, set, (pending.set | context.linux.signals.pending.set) & mask, size);
}

function rtSigsuspend(context: LinuxContext, set: bigint, size: bigint): CallResult {
  if (size !== SET_BYTES) return failed(EINVAL);
  context.thread.linux!.signals.replaceMask(setAt(context, set));
  return waitForSignal(context);
}

/** pause. */
function waitForSignal({ pending }: LinuxContext): CallResult {
  pending.wait = { deadline: Infinity, for: undefined, late: undefined };
  return PENDING;
}

function rtSigtimedwait(context: LinuxContext, set: bigint, info: bigint, timeout: bigint, size: bigint): CallResult {
  if (size !== SET_BYTES) return failed(EINVAL);
  const { pending, thread, linux, now } = context;
  const { signals } = thread.linux!;
  const awaited = setAt(context, set) & ~UNBLOCKABLE;
  const time = timeout === 0n ? undefined : timespecAt(context, timeout);
  if (timeout !== 0n && time === undefined) return failed(EINVAL);
  const { signals: all } = context.system;
  const taken = all.take(signals.pending, awaited) ?? all.take(linux.signals.pending, awaited);
  signals.awaited = 0n;
  if (taken) {
    if (info !== 0n) putBytes(context, info, bytesOfInfo(taken));
    return BigInt(taken.signal);
  }
  if (pending.progress === 0) pending.progress = time === undefined ? Infinity : now + Number(time);
  if (now >= pending.progress) return failed(EAGAIN);
  const deadline = pending.progress === Infinity ? Infinity : deadlineTick(BigInt(Math.ceil(pending.progress)));
  signals.awaited = awaited;
  pending.wait = { deadline, for: undefined, late: undefined };
  return PENDING;
}

function endTimedwait({ thread }: LinuxContext): 'fail' {
  thread.linux!.signals.awaited = 0n;
  return 'fail';
}

function sigaltstack(context: LinuxContext, stack: bigint, old: bigint): CallResult {
  const { signals } = context.thread.linux!;
  const rsp = context.registers.gpr(RSP);
  const before = signals.stack;
  const asked = stack === 0n ? undefined : readStack(viewAt(context, stack, STACK_T_BYTES), 0);
  if (asked) signals.stack = changedStack(before, asked, rsp);
  return old === 0n ? 0n : putFields(context, old, STACK_T_BYTES, (view) => writeStack(view, 0, toldOf(before, rsp)));
}

function rtSigreturn({ system, thread }: LinuxContext): CallResult {
  system.delivery.returnFromHandler(thread);
  return ENDED;
}

/** Sends a signal, or 0 to see whether that could be done. Throws LinuxError EINVAL, EPERM, EAGAIN. */
export function send(context: LinuxContext, target: Process | Thread, info: SignalInfo): void {
  const { linux, system } = context;
  if (info.signal !== 0 && !isSignal(info.signal)) throw new LinuxError(EINVAL);
  const process = 'process' in target ? target.process : target;
  if (!maySend(linux, process.linux!, info.signal)) throw new LinuxError(EPERM);
  if (info.signal === 0) return;
  system.signals.send(target, info);
}

/** Whether a process may send a signal to another one. kernel/signal.c, check_kill_permission */
function maySend(sender: LinuxProcess, target: LinuxProcess, signal: number): boolean {
  if (sender === target || (signal === Signal.SIGCONT && sender.session === target.session)) return true;
  const { user, realUser } = sender.place.credentials;
  const { realUser: real, savedUser: saved } = target.place.credentials;
  return isCapable(sender.place.credentials, CAP_KILL) || [user, realUser].some((id) => id === real || id === saved);
}

/** The processes of Linux, with those that have ended and were not waited for, in the order of their numbers. */
function processes({ system }: LinuxContext): Process[] {
  const all = [...system.processes.values()].sort((a, b) => a.pid - b.pid);
  return all.map(({ signals }) => signals.process);
}

/** The process of a pid, or of the number of one of its threads. Throws LinuxError ESRCH. */
function processOfPid(context: LinuxContext, pid: number): Process {
  const all = processes(context);
  const hasThread = ({ threads }: Process): boolean => threads.some(({ linux }) => linux!.tid === pid);
  const found = all.find(({ linux }) => linux!.pid === pid) ?? all.find(hasThread);
  if (!found) throw new LinuxError(ESRCH);
  return found;
}

/** Runs some work, and returns the error that it throws, if any. */
function errorOf(work: () => void): LinuxErrno | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (!(error instanceof LinuxError)) throw error;
    return error.errno;
  }
}

function kill(context: LinuxContext, pidArgument: bigint, signalArgument: bigint): CallResult {
  const [pid, signal] = [signed32(pidArgument), signed32(signalArgument)];
  const info = sentBy(context.linux, signal);
  if (pid > 0) {
    send(context, processOfPid(context, pid), info);
    return 0n;
  }
  if (pid === PID_MIN) return failed(ESRCH);
  const others = (process: Process): boolean => process.linux!.pid !== INIT && process !== context.process;
  const group = pid === 0 ? context.linux.group : -pid;
  const inGroup = (process: Process): boolean => process.linux!.group === group;
  const targets = processes(context).filter(pid === -1 ? others : inGroup);
  if (targets.length === 0) return failed(ESRCH);
  const errors = targets.map((target) => errorOf(() => send(context, target, info)));
  // A group needs only one process that may get it. Sending to all processes passes over those that may not.
  const counted = pid === -1 ? errors.filter((error) => error !== EPERM) : errors;
  return counted.length === 0 || counted.includes(undefined) ? 0n : failed(counted.at(-1)!);
}

/** A thread of a number, and of a process where that is given. Throws LinuxError EINVAL, ESRCH. */
function threadOfTid(context: LinuxContext, tid: number, pid?: number): Thread {
  if (tid <= 0 || (pid !== undefined && pid <= 0)) throw new LinuxError(EINVAL);
  const threads = processes(context).flatMap((process) => process.threads);
  const thread = threads.find(({ linux }) => linux!.tid === tid);
  if (!thread || (pid !== undefined && thread.process.linux!.pid !== pid)) throw new LinuxError(ESRCH);
  return thread;
}

function tkill(context: LinuxContext, tid: bigint, signal: bigint): CallResult {
  send(context, threadOfTid(context, signed32(tid)), sentBy(context.linux, signed32(signal), SignalCode.tkill));
  return 0n;
}

function tgkill(context: LinuxContext, pid: bigint, tid: bigint, signal: bigint): CallResult {
  const thread = threadOfTid(context, signed32(tid), signed32(pid));
  send(context, thread, sentBy(context.linux, signed32(signal), SignalCode.tkill));
  return 0n;
}

/** What a program says of a signal: it may not look as if the kernel, or kill, had sent it to another process. */
export function infoAt(context: LinuxContext, signal: bigint, address: bigint, pid: number): SignalInfo {
  const info = infoOfBytes(signed32(signal), bytesAt(context, address, SIGINFO_USED_BYTES));
  const isForged = info.code >= 0 || info.code === SignalCode.tkill;
  if (isForged && pid !== context.linux.pid) throw new LinuxError(EPERM);
  return info;
}

function rtSigqueueinfo(context: LinuxContext, pidArgument: bigint, signal: bigint, address: bigint): CallResult {
  const pid = signed32(pidArgument);
  const info = infoAt(context, signal, address, pid);
  send(context, processOfPid(context, pid), info);
  return 0n;
}

function rtTgsigqueueinfo(
  context: LinuxContext,
  pidArgument: bigint,
  tidArgument: bigint,
  signal: bigint,
  address: bigint,
): CallResult {
  const [pid, tid] = [signed32(pidArgument), signed32(tidArgument)];
  if (pid <= 0 || tid <= 0) return failed(EINVAL);
  const info = infoAt(context, signal, address, pid);
  send(context, threadOfTid(context, tid, pid), info);
  return 0n;
}

const whole = { state: 'whole', differs: '' } as const;
const noRestart = { interrupted: 'no restart' } as const;

export const SIGNAL_CALLS: readonly LinuxCall[] = [
  {
    ...{ number: 13, name: 'rt_sigaction', parameters: ['signal', 'action', 'old', 'size'], perform: rtSigaction },
    ...whole,
  },
  {
    ...{ number: 14, name: 'rt_sigprocmask', parameters: ['how', 'set', 'old', 'size'], perform: rtSigprocmask },
    ...whole,
  },
  {
    ...{ number: 15, name: 'rt_sigreturn', parameters: [], perform: rtSigreturn },
    ...{ state: 'whole', differs: 'Frames that lead to code of 32 bits are refused with SIGSEGV.' },
  },
  { number: 34, name: 'pause', parameters: [], perform: waitForSignal, ...whole, ...noRestart },
  { number: 62, name: 'kill', parameters: ['pid', 'signal'], perform: kill, ...whole },
  { number: 127, name: 'rt_sigpending', parameters: ['set', 'size'], perform: rtSigpending, ...whole },
  {
    ...{ number: 128, name: 'rt_sigtimedwait', parameters: ['set', 'info', 'timeout', 'size'] },
    ...{ perform: rtSigtimedwait, interrupted: endTimedwait, ...whole },
  },
  {
    ...{ number: 129, name: 'rt_sigqueueinfo', parameters: ['pid', 'signal', 'info'], perform: rtSigqueueinfo },
    ...whole,
  },
  {
    ...{ number: 130, name: 'rt_sigsuspend', parameters: ['set', 'size'], perform: rtSigsuspend },
    ...{ ...whole, ...noRestart },
  },
  { number: 131, name: 'sigaltstack', parameters: ['stack', 'old'], perform: sigaltstack, ...whole },
  { number: 200, name: 'tkill', parameters: ['tid', 'signal'], perform: tkill, ...whole },
  { number: 234, name: 'tgkill', parameters: ['pid', 'tid', 'signal'], perform: tgkill, ...whole },
  {
    ...{ number: 297, name: 'rt_tgsigqueueinfo', parameters: ['pid', 'tid', 'signal', 'info'] },
    ...{ perform: rtTgsigqueueinfo, ...whole },
  },
];
