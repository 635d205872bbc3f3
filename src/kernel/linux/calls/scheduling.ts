/** Calls about the scheduling of threads. What they set is kept, and has no effect. sched(7) */
import type { CallResult } from '../../calls/call.js';
import { signed32, unsigned32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, LinuxError, failed } from '../errno.js';
import { CAP_SYS_NICE, isCapable } from '../files/credentials.js';
import type { LinuxProcess } from '../linux-process.js';
import { SCHED_OTHER, SCHED_RESET_ON_FORK, type LinuxThread } from '../linux-thread.js';
import { put32, putFields, viewAt } from '../user-data.js';
import { NICE_MAX, NICE_MIN } from './priority.js';

const { E2BIG, EINVAL, EPERM, ESRCH } = LinuxErrno;

/* include/uapi/linux/sched.h */
const SCHED_FIFO = 1;
const SCHED_RR = 2;
const SCHED_BATCH = 3;
const SCHED_IDLE = 5;
const SCHED_DEADLINE = 6;
const PLAIN_POLICIES = [SCHED_OTHER, SCHED_BATCH, SCHED_IDLE];
const REAL_TIME_MAX = 99;
const FLAG_RESET_ON_FORK = 1;
/** How long a thread of SCHED_RR runs before others take their turn, and how long plain threads do. */
const TURN_NS = 100_000_000;
const PLAIN_TURN_NS = 4_000_000;
/** The size of struct sched_attr: of its first version, of the current one, and the largest that is accepted. */
const ATTRIBUTES_BYTES_MIN = 48;
const ATTRIBUTES_BYTES = 56;
const ATTRIBUTES_BYTES_MAX = 4096;

/** A thread, and the process that it belongs to. */
interface Found {
  readonly thread: LinuxThread;
  readonly process: LinuxProcess;
}

/** The thread of a number; 0: the caller. Throws LinuxError EINVAL, ESRCH. */
function threadOf({ thread, linux, system }: LinuxContext, tidArgument: bigint): Found {
  const tid = signed32(tidArgument);
  if (tid < 0) throw new LinuxError(EINVAL);
  if (tid === 0) return { thread: thread.linux!, process: linux };
  for (const process of system.processes.values())
    for (const each of process.signals.process.threads)
      if (each.linux?.tid === tid) return { thread: each.linux, process };
  throw new LinuxError(ESRCH);
}

function isRealTime(policy: number): boolean {
  return policy === SCHED_FIFO || policy === SCHED_RR;
}

/** Gives a thread a policy and a priority, perhaps with a nice value. Throws LinuxError EINVAL, EPERM. */
function set({ linux }: LinuxContext, found: Found, policy: number, priority: number, nice = found.process.nice): void {
  const { thread, process } = found;
  const kind = policy & ~SCHED_RESET_ON_FORK;
  if (!isRealTime(kind) && !PLAIN_POLICIES.includes(kind)) throw new LinuxError(EINVAL);
  if (isRealTime(kind) ? priority < 1 || priority > REAL_TIME_MAX : priority !== 0) throw new LinuxError(EINVAL);
  const { credentials } = linux.place;
  const isOwn = [process.place.credentials.user, process.place.credentials.realUser].includes(credentials.user);
  const isNice = kind === SCHED_OTHER || kind === SCHED_BATCH;
  const isFavour = isRealTime(kind) || isPromotion(found, policy) || (isNice && nice < process.nice);
  if (!isCapable(credentials, CAP_SYS_NICE) && (isFavour || !isOwn)) throw new LinuxError(EPERM);
  thread.scheduling = { policy, priority };
  if (isNice) process.nice = nice;
}

/** Whether a policy does more for a thread, or for its children, than the one that it has: kernel/sched/syscalls.c. */
function isPromotion({ thread }: Found, policy: number): boolean {
  const before = thread.scheduling.policy;
  const endsReset = (before & SCHED_RESET_ON_FORK & ~policy) !== 0;
  const endsIdle = (before & ~SCHED_RESET_ON_FORK) === SCHED_IDLE && (policy & ~SCHED_RESET_ON_FORK) !== SCHED_IDLE;
  return endsReset || endsIdle;
}

function setScheduler(context: LinuxContext, tid: bigint, policy: bigint, parameter: bigint): CallResult {
  if (parameter === 0n || signed32(policy) < 0) return failed(EINVAL);
  const priority = viewAt(context, parameter, 4).getInt32(0, true);
  set(context, threadOf(context, tid), signed32(policy), priority);
  return 0n;
}

function setParameter(context: LinuxContext, tid: bigint, parameter: bigint): CallResult {
  if (parameter === 0n) return failed(EINVAL);
  const priority = viewAt(context, parameter, 4).getInt32(0, true);
  const found = threadOf(context, tid);
  set(context, found, found.thread.scheduling.policy, priority);
  return 0n;
}

function getScheduler(context: LinuxContext, tid: bigint): CallResult {
  return BigInt(threadOf(context, tid).thread.scheduling.policy);
}

function getParameter(context: LinuxContext, tid: bigint, parameter: bigint): CallResult {
  if (parameter === 0n) return failed(EINVAL);
  return put32(context, parameter, threadOf(context, tid).thread.scheduling.priority);
}

/** sched_get_priority_max and sched_get_priority_min. */
function limit(ofRealTime: number) {
  return (_context: LinuxContext, policyArgument: bigint): CallResult => {
    const policy = signed32(policyArgument);
    if (isRealTime(policy)) return BigInt(ofRealTime);
    return PLAIN_POLICIES.includes(policy) || policy === SCHED_DEADLINE ? 0n : failed(EINVAL);
  };
}

function getTurn(context: LinuxContext, tid: bigint, address: bigint): CallResult {
  const kind = threadOf(context, tid).thread.scheduling.policy & ~SCHED_RESET_ON_FORK;
  const turn = kind === SCHED_RR ? TURN_NS : kind === SCHED_FIFO ? 0 : PLAIN_TURN_NS;
  return putFields(context, address, 16, (view) => view.setBigInt64(8, BigInt(turn), true));
}

function getAttributes(
  context: LinuxContext,
  tid: bigint,
  address: bigint,
  sizeArgument: bigint,
  flags: bigint,
): CallResult {
  const size = unsigned32(sizeArgument);
  if (address === 0n || unsigned32(flags) !== 0 || size < ATTRIBUTES_BYTES_MIN || size > ATTRIBUTES_BYTES_MAX)
    return failed(EINVAL);
  const { thread, process } = threadOf(context, tid);
  const { policy, priority } = thread.scheduling;
  const kind = policy & ~SCHED_RESET_ON_FORK;
  const told = Math.min(size, ATTRIBUTES_BYTES);
  return putFields(context, address, told, (view) => {
    view.setUint32(0, told, true);
    view.setUint32(4, kind, true);
    view.setUint32(8, policy === kind ? 0 : FLAG_RESET_ON_FORK, true);
    if (!isRealTime(kind)) view.setInt32(16, process.nice, true);
    view.setUint32(20, priority, true);
  });
}

function setAttributes(context: LinuxContext, tid: bigint, address: bigint, flags: bigint): CallResult {
  if (address === 0n || unsigned32(flags) !== 0) return failed(EINVAL);
  const given = viewAt(context, address, 4).getUint32(0, true);
  const size = given === 0 ? ATTRIBUTES_BYTES_MIN : given;
  if (size < ATTRIBUTES_BYTES_MIN || size > ATTRIBUTES_BYTES) return failed(E2BIG);
  const view = viewAt(context, address, ATTRIBUTES_BYTES_MIN);
  const found = threadOf(context, tid);
  const asked = view.getUint32(8, true);
  if (asked & ~FLAG_RESET_ON_FORK) return failed(EINVAL);
  const kind = view.getUint32(4, true);
  const nice = Math.min(NICE_MAX, Math.max(NICE_MIN, view.getInt32(16, true)));
  set(context, found, asked === 0 ? kind : kind | SCHED_RESET_ON_FORK, view.getUint32(20, true), nice);
  return 0n;
}

const part = { state: 'part', differs: 'It is kept, and does not change how threads take turns.' } as const;
const whole = { state: 'whole', differs: '' } as const;

export const SCHEDULING_CALLS: readonly LinuxCall[] = [
  { number: 142, name: 'sched_setparam', parameters: ['tid', 'parameter'], perform: setParameter, ...part },
  { number: 143, name: 'sched_getparam', parameters: ['tid', 'parameter'], perform: getParameter, ...whole },
  {
    number: 144,
    name: 'sched_setscheduler',
    parameters: ['tid', 'policy', 'parameter'],
    perform: setScheduler,
    ...part,
  },
  { number: 145, name: 'sched_getscheduler', parameters: ['tid'], perform: getScheduler, ...whole },
  { number: 146, name: 'sched_get_priority_max', parameters: ['policy'], perform: limit(REAL_TIME_MAX), ...whole },
  { number: 147, name: 'sched_get_priority_min', parameters: ['policy'], perform: limit(1), ...whole },
  {
    ...{ number: 148, name: 'sched_rr_get_interval', parameters: ['tid', 'interval'], perform: getTurn },
    ...{ state: 'part', differs: 'Of plain threads, always 4 ms.' },
  },
  {
    ...{ number: 314, name: 'sched_setattr', parameters: ['tid', 'attributes', 'flags'], perform: setAttributes },
    ...{ state: 'part', differs: 'As sched_setscheduler; without SCHED_DEADLINE and bounds of use.' },
  },
  {
    ...{ number: 315, name: 'sched_getattr', parameters: ['tid', 'attributes', 'size', 'flags'] },
    ...{ perform: getAttributes, ...whole },
  },
];
