import type { CallResult } from '../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import { CAP_SYS_NICE, isCapable } from '../files/credentials.js';
import type { LinuxProcess } from '../linux-process.js';

const { EACCES, EINVAL, EPERM, ESRCH } = LinuxErrno;

/* include/uapi/linux/resource.h */
const PRIO_PROCESS = 0;
const PRIO_PGRP = 1;
const PRIO_USER = 2;

export const NICE_MIN = -20;
export const NICE_MAX = 19;
/** getpriority answers 20 less the nice value, so that no answer is negative. */
const PRIORITY_OF_ZERO = 20;

/** The processes that a call is about, undefined where it does not say which. */
function chosen({ linux, system }: LinuxContext, which: number, who: number): LinuxProcess[] | undefined {
  const all = [...system.processes.values()].filter(({ family }) => family.status === undefined);
  const { user } = linux.place.credentials;
  switch (which) {
    case PRIO_PROCESS:
      return all.filter(({ pid }) => pid === (who || linux.pid));
    case PRIO_PGRP:
      return all.filter(({ group }) => group === (who || linux.group));
    case PRIO_USER:
      return all.filter(({ place }) => place.credentials.user === (who || user));
    default:
      return undefined;
  }
}

function getpriority(context: LinuxContext, which: bigint, who: bigint): CallResult {
  const processes = chosen(context, signed32(which), signed32(who));
  if (!processes) return failed(EINVAL);
  if (processes.length === 0) return failed(ESRCH);
  return BigInt(PRIORITY_OF_ZERO - Math.min(...processes.map(({ nice }) => nice)));
}

function setpriority(context: LinuxContext, which: bigint, who: bigint, value: bigint): CallResult {
  const processes = chosen(context, signed32(which), signed32(who));
  if (!processes) return failed(EINVAL);
  if (processes.length === 0) return failed(ESRCH);
  const nice = Math.min(NICE_MAX, Math.max(NICE_MIN, signed32(value)));
  const { credentials } = context.linux.place;
  const { user } = credentials;
  const mayRaise = isCapable(credentials, CAP_SYS_NICE);
  let result = 0n;
  for (const process of processes) {
    const { user: owner, realUser } = process.place.credentials;
    if (!mayRaise && user !== owner && user !== realUser) result = failed(EPERM);
    else if (!mayRaise && nice < process.nice) result = failed(EACCES);
    else process.nice = nice;
  }
  return result;
}

/** include/uapi/linux/ioprio.h: classes, in the bits from 13 on; how their `which` is one more than that of setpriority. */
const IOPRIO_CLASS_SHIFT = 13;
const IOPRIO_CLASS_MAX = 3;
const IOPRIO_LEVELS = 8;

function ioprioGet(context: LinuxContext, which: bigint, who: bigint): CallResult {
  const processes = chosen(context, signed32(which) - 1, signed32(who));
  if (!processes) return failed(EINVAL);
  if (processes.length === 0) return failed(ESRCH);
  return BigInt(Math.min(...processes.map(({ ioPriority }) => ioPriority)));
}

function ioprioSet(context: LinuxContext, which: bigint, who: bigint, priority: bigint): CallResult {
  const value = signed32(priority);
  const [kind, level] = [value >> IOPRIO_CLASS_SHIFT, value & ((1 << IOPRIO_CLASS_SHIFT) - 1)];
  if (kind < 0 || kind > IOPRIO_CLASS_MAX || level >= IOPRIO_LEVELS || (kind === 0 && level > 0)) return failed(EINVAL);
  const processes = chosen(context, signed32(which) - 1, signed32(who));
  if (!processes) return failed(EINVAL);
  if (processes.length === 0) return failed(ESRCH);
  for (const process of processes) process.ioPriority = value;
  return 0n;
}

const part = { state: 'part', differs: 'It is kept, and does not change how threads take turns.' } as const;

export const PRIORITY_CALLS: readonly LinuxCall[] = [
  { number: 140, name: 'getpriority', parameters: ['which', 'who'], perform: getpriority, ...part },
  { number: 141, name: 'setpriority', parameters: ['which', 'who', 'nice'], perform: setpriority, ...part },
  { number: 251, name: 'ioprio_set', parameters: ['which', 'who', 'priority'], perform: ioprioSet, ...part },
  { number: 252, name: 'ioprio_get', parameters: ['which', 'who'], perform: ioprioGet, ...part },
];
