import type { CallResult } from '../../calls/call.js';
import { signed32, unsigned32, type LinuxCall, type LinuxContext } from '../call.js';
import { putUsage } from '../timespec.js';
import { LinuxErrno, failed } from '../errno.js';
import {
  CAPABILITIES_MAX,
  CAP_SETPCAP,
  EVERY,
  SECBIT_KEEP_CAPS,
  isCapable,
  type Capabilities,
} from '../files/credentials.js';
import type { LinuxProcess } from '../linux-process.js';
import { bytesAt, put32, putBytes, putFields } from '../user-data.js';
import { USER_CALLS } from './user.js';

const { EINVAL, EPERM, ESRCH } = LinuxErrno;

/** The argument with which personality returns the persona and does not change it. */
const PERSONA_QUERY = 0xffff_ffff;

/* include/uapi/linux/prctl.h */
const PR_SET_PDEATHSIG = 1;
const PR_GET_PDEATHSIG = 2;
const PR_GET_DUMPABLE = 3;
const PR_SET_DUMPABLE = 4;
const PR_GET_KEEPCAPS = 7;
const PR_SET_KEEPCAPS = 8;
const PR_SET_NAME = 15;
const PR_GET_NAME = 16;
const PR_CAPBSET_READ = 23;
const PR_CAPBSET_DROP = 24;
const PR_GET_SECUREBITS = 27;
const PR_SET_SECUREBITS = 28;
const PR_SET_TIMERSLACK = 29;
const PR_GET_TIMERSLACK = 30;
const PR_SET_CHILD_SUBREAPER = 36;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_GET_NO_NEW_PRIVS = 39;
const PR_SET_THP_DISABLE = 41;
const PR_GET_THP_DISABLE = 42;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_IS_SET = 1;
const PR_CAP_AMBIENT_CLEAR_ALL = 4;
/** include/uapi/linux/securebits.h */
const SECURE_BITS = 0xff;
const NAME_BYTES = 16;
const TIMER_SLACK = 50_000n;

/* include/uapi/linux/capability.h */
const CAPABILITY_VERSION_3 = 0x2008_0522;

function prctl(context: LinuxContext, option: bigint, argument: bigint, capability: bigint): CallResult {
  const { thread, linux } = context;
  switch (signed32(option)) {
    case PR_SET_NAME: {
      const bytes = context.memory.readString(argument, NAME_BYTES - 1);
      if (bytes === undefined) return failed(LinuxErrno.EFAULT);
      thread.linux!.name = bytes === 'too long' ? bytesAt(context, argument, NAME_BYTES - 1) : bytes;
      return 0n;
    }
    case PR_GET_NAME: {
      const name = new Uint8Array(NAME_BYTES);
      name.set((thread.linux!.name ?? linux.programName).subarray(0, NAME_BYTES - 1));
      putBytes(context, argument, name);
      return 0n;
    }
    case PR_GET_DUMPABLE:
      return 1n;
    case PR_SET_DUMPABLE:
      return argument > 1n ? failed(EINVAL) : 0n;
    case PR_SET_PDEATHSIG:
    case PR_SET_CHILD_SUBREAPER:
      return 0n;
    case PR_GET_PDEATHSIG:
      return put32(context, argument, 0);
    case PR_GET_TIMERSLACK:
      return TIMER_SLACK;
    case PR_SET_TIMERSLACK:
    case PR_SET_THP_DISABLE:
    case PR_GET_THP_DISABLE:
      return 0n;
    case PR_CAPBSET_READ:
      return argument > BigInt(CAPABILITIES_MAX) ? failed(EINVAL) : 1n;
    case PR_CAPBSET_DROP:
      if (!isCapable(linux.place.credentials, CAP_SETPCAP)) return failed(EPERM);
      return argument > BigInt(CAPABILITIES_MAX) ? failed(EINVAL) : 0n;
    case PR_CAP_AMBIENT:
      return ambientCapabilities(argument, capability);
    default:
      return privileges(context, signed32(option), argument);
  }
}

/** No capability is ambient, since programs that are not root have none. */
function ambientCapabilities(action: bigint, capability: bigint): bigint {
  if (action === BigInt(PR_CAP_AMBIENT_CLEAR_ALL)) return capability === 0n ? 0n : failed(EINVAL);
  if (action < 1n || action > BigInt(PR_CAP_AMBIENT_CLEAR_ALL)) return failed(EINVAL);
  if (capability > BigInt(CAPABILITIES_MAX)) return failed(EINVAL);
  return action === BigInt(PR_CAP_AMBIENT_IS_SET) ? 0n : failed(EPERM);
}

/** The options of prctl about how execve and setuid change privileges. */
function privileges({ linux }: LinuxContext, option: number, argument: bigint): bigint {
  const { credentials } = linux.place;
  const { secureBits } = credentials;
  switch (option) {
    case PR_GET_KEEPCAPS:
      return secureBits & SECBIT_KEEP_CAPS ? 1n : 0n;
    case PR_SET_KEEPCAPS:
      if (argument > 1n) return failed(EINVAL);
      linux.place.credentials = {
        ...credentials,
        secureBits: (secureBits & ~SECBIT_KEEP_CAPS) | (argument === 1n ? SECBIT_KEEP_CAPS : 0),
      };
      return 0n;
    case PR_GET_SECUREBITS:
      return BigInt(secureBits);
    case PR_SET_SECUREBITS:
      if (!isCapable(credentials, CAP_SETPCAP) || argument > BigInt(SECURE_BITS)) return failed(EPERM);
      linux.place.credentials = { ...credentials, secureBits: Number(argument) };
      return 0n;
    case PR_GET_NO_NEW_PRIVS:
      return credentials.noNewPrivileges ? 1n : 0n;
    case PR_SET_NO_NEW_PRIVS:
      if (argument !== 1n) return failed(EINVAL);
      linux.place.credentials = { ...credentials, noNewPrivileges: true };
      return 0n;
    default:
      return failed(EINVAL);
  }
}

/** Sets the persona of a process, and returns the previous one. */
function personality({ linux }: LinuxContext, argument: bigint): CallResult {
  const { credentials } = linux.place;
  const persona = unsigned32(argument);
  if (persona !== PERSONA_QUERY) linux.place.credentials = { ...credentials, persona };
  return BigInt(credentials.persona);
}

/** Offsets of the three sets in struct __user_cap_data_struct; the upper halves are `CAPABILITY_HALF` bytes further on. */
const CAPABILITY_SETS = { effective: 0, permitted: 4, inheritable: 8 } as const;
const CAPABILITY_HALF = 12;

/** The process that a header of capget or capset names, or an error; 0 where the header asks for the version alone. */
function capabilityOwner(context: LinuxContext, header: bigint, data: bigint): LinuxProcess | bigint {
  const view = new DataView(bytesAt(context, header, 8).buffer);
  if (view.getUint32(0, true) !== CAPABILITY_VERSION_3) {
    put32(context, header, CAPABILITY_VERSION_3);
    return data === 0n ? 0n : failed(EINVAL);
  }
  const pid = view.getInt32(4, true);
  return pid === 0 ? context.linux : (context.system.processes.get(pid) ?? failed(ESRCH));
}

function capget(context: LinuxContext, header: bigint, data: bigint): CallResult {
  const owner = capabilityOwner(context, header, data);
  if (typeof owner === 'bigint') return owner;
  if (data === 0n) return 0n;
  const { capabilities } = owner.place.credentials;
  return putFields(context, data, 2 * CAPABILITY_HALF, (fields) => {
    for (const [name, at] of Object.entries(CAPABILITY_SETS)) {
      const bits = capabilities[name as keyof Capabilities];
      fields.setUint32(at, Number(bits & 0xffff_ffffn), true);
      fields.setUint32(at + CAPABILITY_HALF, Number(bits >> 32n), true);
    }
  });
}

/** A process may give up capabilities, and use those that it is permitted. */
function capset(context: LinuxContext, header: bigint, data: bigint): CallResult {
  const owner = capabilityOwner(context, header, data);
  if (typeof owner === 'bigint') return owner === 0n ? failed(EINVAL) : owner;
  if (owner !== context.linux) return failed(EPERM);
  const view = new DataView(bytesAt(context, data, 2 * CAPABILITY_HALF).slice().buffer);
  const setAt = (at: number): bigint =>
    BigInt(view.getUint32(at, true)) | (BigInt(view.getUint32(at + CAPABILITY_HALF, true)) << 32n);
  const effective = setAt(CAPABILITY_SETS.effective);
  const permitted = setAt(CAPABILITY_SETS.permitted);
  const inheritable = setAt(CAPABILITY_SETS.inheritable);
  const { place } = context.linux;
  const before = place.credentials.capabilities;
  if (permitted & ~before.permitted || effective & ~permitted) return failed(EPERM);
  const isCapped = !isCapable(place.credentials, CAP_SETPCAP);
  if (isCapped && inheritable & ~(before.inheritable | before.permitted)) return failed(EPERM);
  if (inheritable & ~(before.inheritable | EVERY)) return failed(EPERM);
  place.credentials = { ...place.credentials, capabilities: { effective, permitted, inheritable } };
  return 0n;
}

/** struct rusage: the time in which the process, the thread or the children of the process have run, and nothing else. */
function getrusage(context: LinuxContext, whoArgument: bigint, usage: bigint): CallResult {
  const who = signed32(whoArgument);
  const { used, ofChildren } = context.linux.cpuTime;
  if (who !== 0 && who !== -1 && who !== 1) return failed(EINVAL);
  return putUsage(context, usage, who === 0 ? used : who === 1 ? context.thread.linux!.clock.used : ofChildren);
}

export const IDENTITY_CALLS: readonly LinuxCall[] = [
  ...USER_CALLS,
  {
    ...{ number: 98, name: 'getrusage', parameters: ['who', 'usage'], perform: getrusage },
    ...{ state: 'part', differs: 'All but the time is zeros.' },
  },
  {
    ...{ number: 125, name: 'capget', parameters: ['header', 'data'], perform: capget },
    ...{ state: 'whole', differs: '' },
  },
  {
    ...{ number: 126, name: 'capset', parameters: ['header', 'data'], perform: capset },
    ...{
      state: 'part',
      differs:
        'Those for files, users, signals, tracing, scheduling, chroot, ports below 1024 and the objects of IPC have an effect, the others none.',
    },
  },
  {
    ...{ number: 135, name: 'personality', parameters: ['persona'], perform: personality },
    ...{ state: 'part', differs: 'It is kept, and has no effect.' },
  },
  {
    ...{ number: 157, name: 'prctl', parameters: ['option', 'argument', 'capability'], perform: prctl },
    ...{ state: 'part', differs: 'Names, privileges, and what has one answer here.' },
  },
];
