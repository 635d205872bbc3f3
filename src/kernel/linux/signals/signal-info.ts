/** siginfo_t: include/uapi/asm-generic/siginfo.h */
import type { PosixTimer } from './posix-timer.js';
import { SYNCHRONOUS, isIn } from './signal.js';
import { childInfo, type JobChange, type TraceChange, type WaitStatus } from '../tasks/wait-status.js';

/** The siginfo of a signal. */
export interface SignalInfo {
  readonly signal: number;
  readonly errno: number;
  /** SI_USER and so on. Above 0 where the kernel sent it. */
  readonly code: number;
  /** Bytes 16 to 47, by the code. */
  readonly fields: Uint8Array;
  /** Which has sent it, and goes on when it is delivered. */
  readonly timer?: PosixTimer;
}

/** Bytes of a siginfo_t, and those of them that the kernel uses. */
export const SIGINFO_BYTES = 128;
export const SIGINFO_USED_BYTES = 48;
const FIELDS_OFFSET = 16;
const FIELDS_BYTES = SIGINFO_USED_BYTES - FIELDS_OFFSET;

export const SignalCode = { user: 0, kernel: 0x80, queue: -1, timer: -2, queueOfMessages: -3, tkill: -6 } as const;

/** A signal with the fields that `fill` sets; their offsets begin at byte 16. */
function made(signal: number, code: number, fill: (fields: DataView) => void = () => {}): SignalInfo {
  const fields = new Uint8Array(FIELDS_BYTES);
  fill(new DataView(fields.buffer));
  return { signal, errno: 0, code, fields };
}

/** The process that sends a signal, as its receiver sees it. */
interface Sender {
  readonly pid: number;
  readonly place: { readonly credentials: { readonly realUser: number } };
}

/** A signal that a process sent: SI_USER or SI_TKILL. */
export function sentBy({ pid, place }: Sender, signal: number, code: number = SignalCode.user): SignalInfo {
  return made(signal, code, (fields) => {
    fields.setInt32(0, pid, true);
    fields.setUint32(4, place.credentials.realUser, true);
  });
}

/** A signal that the kernel sent for no particular reason: SI_KERNEL. */
export function fromKernel(signal: number): SignalInfo {
  return made(signal, SignalCode.kernel);
}

/** Why a thread has stopped for its tracer, as a signal to itself. kernel/signal.c "ptrace_do_notify" */
export function ofTracer(signal: number, code: number, { tid, process }: TracedThread): SignalInfo {
  return { ...sentBy({ pid: tid, place: process.place }, signal), code };
}

/** What the siginfo of a stop says of the thread. */
interface TracedThread {
  readonly tid: number;
  readonly process: Pick<Sender, 'place'>;
}

/** A signal for an exception at an address. */
export function faultAt(signal: number, code: number, address: bigint): SignalInfo {
  return made(signal, code, (fields) => fields.setBigUint64(0, address, true));
}

/** Of a timer. */
export function ofTimer(signal: number, id: number, overrun: number, value: bigint): SignalInfo {
  return made(signal, SignalCode.timer, (fields) => {
    fields.setInt32(0, id, true);
    fields.setInt32(4, overrun, true);
    fields.setBigUint64(8, value, true);
  });
}

/** Of a message in an empty queue, by its sender: SI_MESGQ. */
export function ofQueue(signal: number, pid: number, user: number, value: bigint): SignalInfo {
  return made(signal, SignalCode.queueOfMessages, (fields) => {
    fields.setInt32(0, pid, true);
    fields.setUint32(4, user, true);
    fields.setBigUint64(8, value, true);
  });
}

/** Of a child that has ended, was stopped or goes on, or of a thread that has stopped for its tracer. */
export function ofChild(signal: number, pid: number, change: WaitStatus | JobChange | TraceChange): SignalInfo {
  const [code, whole] = childInfo(change);
  const status = change.kind === 'trapped' ? whole & 0x7f : whole;
  return made(signal, code, (fields) => {
    fields.setInt32(0, pid, true);
    fields.setInt32(8, status, true);
  });
}

/** What a program says of a signal that it queues: the first 48 bytes of a siginfo_t. */
export function infoOfBytes(signal: number, bytes: Uint8Array): SignalInfo {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const fields = bytes.slice(FIELDS_OFFSET, SIGINFO_USED_BYTES);
  return { signal, errno: view.getInt32(4, true), code: view.getInt32(8, true), fields };
}

/** Bytes of a struct signalfd_siginfo. */
export const SIGNAL_FILE_BYTES = 128;
const SIGPOLL = 29;

/** What signalfd(2) tells of a signal: fs/signalfd.c "signalfd_copyinfo". */
export function bytesForSignalFile({ signal, errno, code, fields }: SignalInfo): Uint8Array {
  const bytes = new Uint8Array(SIGNAL_FILE_BYTES);
  const view = new DataView(bytes.buffer);
  const given = new DataView(fields.buffer, fields.byteOffset);
  const copy = (from: number, to: number, length = 4): void => bytes.set(fields.subarray(from, from + length), to);
  view.setInt32(0, signal, true);
  view.setInt32(4, errno, true);
  view.setInt32(8, code, true);
  const isOfKernel = code > SignalCode.user && code < SignalCode.kernel;
  if (code === SignalCode.timer) {
    copy(0, 24);
    copy(4, 32);
    copy(8, 48, 8);
    copy(8, 44);
  } else if (isOfKernel && isIn(SYNCHRONOUS, signal)) copy(0, 72, 8);
  else if (isOfKernel && signal === SIGPOLL) {
    view.setUint32(28, Number(BigInt.asUintN(32, given.getBigUint64(0, true))), true);
    copy(8, 20);
  } else {
    copy(0, 12);
    copy(4, 16);
    if (isOfKernel) {
      copy(8, 40);
      copy(16, 56, 16);
    } else if (code < SignalCode.user) {
      copy(8, 48, 8);
      copy(8, 44);
    }
  }
  return bytes;
}

/** The siginfo_t, 128 bytes. */
export function bytesOfInfo({ signal, errno, code, fields }: SignalInfo): Uint8Array {
  const bytes = new Uint8Array(SIGINFO_BYTES);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, signal, true);
  view.setInt32(4, errno, true);
  view.setInt32(8, code, true);
  bytes.set(fields, FIELDS_OFFSET);
  return bytes;
}
