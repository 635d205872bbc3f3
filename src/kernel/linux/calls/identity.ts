import type { CallResult } from '../../calls/call.js';
import { signed32, unsigned32, type LinuxCall, type LinuxContext } from '../call.js';
import { putUsage } from '../timespec.js';
import { LinuxErrno, failed } from '../errno.js';
import type { Credentials } from '../files/credentials.js';
import { bytesAt, put32, putBytes, putFields } from '../user-data.js';

const { EINVAL, EPERM, ESRCH } = LinuxErrno;

const GROUPS_MAX = 65536;
const UNCHANGED = 0xffff_ffff;

/* include/uapi/linux/prctl.h */
const PR_SET_PDEATHSIG = 1;
const PR_GET_PDEATHSIG = 2;
const PR_GET_DUMPABLE = 3;
const PR_SET_DUMPABLE = 4;
const PR_GET_KEEPCAPS = 7;
const PR_SET_NAME = 15;
const PR_GET_NAME = 16;
const PR_CAPBSET_READ = 23;
const PR_GET_TIMERSLACK = 30;
const PR_SET_CHILD_SUBREAPER = 36;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_GET_NO_NEW_PRIVS = 39;
const PR_GET_THP_DISABLE = 42;
const NAME_BYTES = 16;
const TIMER_SLACK = 50_000n;
const CAPABILITIES_MAX = 40;

/* include/uapi/linux/capability.h */
const CAPABILITY_VERSION_3 = 0x2008_0522;

const user = ({ linux }: LinuxContext): bigint => BigInt(linux.place.credentials.user);
const group = ({ linux }: LinuxContext): bigint => BigInt(linux.place.credentials.group);

/** Changes the credentials of a process; only root may change them to those of another user or group. */
function become({ linux }: LinuxContext, change: Partial<Credentials>): bigint {
  const { credentials } = linux.place;
  const after = { ...credentials, ...change };
  if (credentials.user !== 0 && (after.user !== credentials.user || after.group !== credentials.group))
    return failed(EPERM);
  linux.place.credentials = after;
  return 0n;
}

const setuid = (context: LinuxContext, id: bigint): CallResult => become(context, { user: unsigned32(id) });
const setgid = (context: LinuxContext, id: bigint): CallResult => become(context, { group: unsigned32(id) });

/** setreuid, setresuid: the effective one counts; -1 leaves it. */
function setEffective(kind: 'user' | 'group'): (context: LinuxContext, real: bigint, effective: bigint) => CallResult {
  return (context, _real, effective) =>
    unsigned32(effective) === UNCHANGED ? 0n : become(context, { [kind]: unsigned32(effective) });
}

function getresid(id: (context: LinuxContext) => bigint) {
  return (context: LinuxContext, real: bigint, effective: bigint, saved: bigint): CallResult => {
    for (const address of [real, effective, saved]) put32(context, address, Number(id(context)));
    return 0n;
  };
}

function getgroups(context: LinuxContext, count: bigint, list: bigint): CallResult {
  const { groups } = context.linux.place.credentials;
  const room = signed32(count);
  if (room === 0) return BigInt(groups.length);
  if (room < groups.length) return failed(EINVAL);
  putBytes(context, list, new Uint8Array(Uint32Array.from(groups).buffer));
  return BigInt(groups.length);
}

function setgroups(context: LinuxContext, count: bigint, list: bigint): CallResult {
  if (context.linux.place.credentials.user !== 0) return failed(EPERM);
  if (count > BigInt(GROUPS_MAX)) return failed(EINVAL);
  const bytes = bytesAt(context, list, Number(count) * 4);
  return become(context, { groups: [...new Uint32Array(bytes.slice().buffer)] });
}

function prctl(context: LinuxContext, option: bigint, argument: bigint): CallResult {
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
    case PR_SET_NO_NEW_PRIVS:
      return argument === 1n ? 0n : failed(EINVAL);
    case PR_CAPBSET_READ:
      return argument > BigInt(CAPABILITIES_MAX) ? failed(EINVAL) : 1n;
    case PR_GET_KEEPCAPS:
    case PR_GET_NO_NEW_PRIVS:
    case PR_GET_THP_DISABLE:
      return 0n;
    default:
      return failed(EINVAL);
  }
}

/** Root has all capabilities, others none. */
function capget(context: LinuxContext, header: bigint, data: bigint): CallResult {
  const view = new DataView(bytesAt(context, header, 8).buffer);
  if (view.getUint32(0, true) !== CAPABILITY_VERSION_3) {
    put32(context, header, CAPABILITY_VERSION_3);
    return data === 0n ? 0n : failed(EINVAL);
  }
  const pid = view.getInt32(4, true);
  if (pid !== 0 && !context.system.processes.has(pid)) return failed(ESRCH);
  if (data === 0n) return 0n;
  const isRoot = context.linux.place.credentials.user === 0;
  return putFields(context, data, 24, (fields) => {
    if (!isRoot) return;
    for (const at of [0, 4]) fields.setUint32(at, 0xffff_ffff, true);
    for (const at of [12, 16]) fields.setUint32(at, 0x1ff, true);
  });
}

/** struct rusage: the time in which the process, the thread or the children of the process have run, and nothing else. */
function getrusage(context: LinuxContext, whoArgument: bigint, usage: bigint): CallResult {
  const who = signed32(whoArgument);
  const { used, ofChildren } = context.linux.cpuTime;
  if (who !== 0 && who !== -1 && who !== 1) return failed(EINVAL);
  return putUsage(context, usage, who === 0 ? used : who === 1 ? context.thread.linux!.clock.used : ofChildren);
}

const whole = { state: 'whole', differs: '' } as const;
const effectiveOnly = { state: 'part', differs: 'Real, effective and saved ones are the same.' } as const;
const three = ['real', 'effective', 'saved'];

export const IDENTITY_CALLS: readonly LinuxCall[] = [
  {
    ...{ number: 98, name: 'getrusage', parameters: ['who', 'usage'], perform: getrusage },
    ...{ state: 'part', differs: 'All but the time is zeros.' },
  },
  { number: 102, name: 'getuid', parameters: [], perform: user, ...whole },
  { number: 104, name: 'getgid', parameters: [], perform: group, ...whole },
  { number: 105, name: 'setuid', parameters: ['user'], perform: setuid, ...effectiveOnly },
  { number: 106, name: 'setgid', parameters: ['group'], perform: setgid, ...effectiveOnly },
  { number: 107, name: 'geteuid', parameters: [], perform: user, ...whole },
  { number: 108, name: 'getegid', parameters: [], perform: group, ...whole },
  { number: 113, name: 'setreuid', parameters: three.slice(0, 2), perform: setEffective('user'), ...effectiveOnly },
  { number: 114, name: 'setregid', parameters: three.slice(0, 2), perform: setEffective('group'), ...effectiveOnly },
  { number: 115, name: 'getgroups', parameters: ['count', 'list'], perform: getgroups, ...whole },
  { number: 116, name: 'setgroups', parameters: ['count', 'list'], perform: setgroups, ...whole },
  { number: 117, name: 'setresuid', parameters: three, perform: setEffective('user'), ...effectiveOnly },
  { number: 118, name: 'getresuid', parameters: three, perform: getresid(user), ...effectiveOnly },
  { number: 119, name: 'setresgid', parameters: three, perform: setEffective('group'), ...effectiveOnly },
  { number: 120, name: 'getresgid', parameters: three, perform: getresid(group), ...effectiveOnly },
  { number: 122, name: 'setfsuid', parameters: ['user'], perform: user, ...effectiveOnly },
  { number: 123, name: 'setfsgid', parameters: ['group'], perform: group, ...effectiveOnly },
  {
    ...{ number: 125, name: 'capget', parameters: ['header', 'data'], perform: capget },
    ...{ state: 'part', differs: 'Root has all, others none.' },
  },
  {
    ...{ number: 126, name: 'capset', parameters: ['header', 'data'], perform: () => 0n },
    ...{ state: 'part', differs: 'It has no effect.' },
  },
  {
    ...{ number: 135, name: 'personality', parameters: ['persona'], perform: () => 0n },
    ...{ state: 'part', differs: 'There is one, that of Linux.' },
  },
  {
    ...{ number: 157, name: 'prctl', parameters: ['option', 'argument'], perform: prctl },
    ...{ state: 'part', differs: 'Names, and what has one answer here.' },
  },
];
