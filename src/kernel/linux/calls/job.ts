import type { CallResult } from '../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, LinuxError, failed } from '../errno.js';
import type { LinuxProcess } from '../linux-process.js';

const { EACCES, EINVAL, EPERM, ESRCH } = LinuxErrno;

/** The process of a pid, the caller for 0; one that has ended counts until it was waited for. Throws LinuxError ESRCH. */
function processOf({ system, linux }: LinuxContext, pid: number): LinuxProcess {
  const found = pid === 0 ? linux : system.processes.get(pid);
  if (!found) throw new LinuxError(ESRCH);
  return found;
}

function setpgid(context: LinuxContext, pidArgument: bigint, groupArgument: bigint): CallResult {
  const { linux, system } = context;
  const pid = signed32(pidArgument) || linux.pid;
  const group = signed32(groupArgument) || pid;
  if (group < 0) return failed(EINVAL);
  const target = processOf(context, pid);
  if (target.family.parentOf === linux) {
    if (target.session !== linux.session) return failed(EPERM);
    if (target.hasExecuted) return failed(EACCES);
  } else if (target !== linux) return failed(ESRCH);
  if (target.session === target.pid) return failed(EPERM);
  const others = [...system.processes.values()];
  if (group !== pid && !others.some((each) => each.group === group && each.session === linux.session))
    return failed(EPERM);
  target.group = group;
  return 0n;
}

function setsid({ linux, system }: LinuxContext): CallResult {
  if ([...system.processes.values()].some(({ group }) => group === linux.pid)) return failed(EPERM);
  linux.session = linux.group = linux.pid;
  return BigInt(linux.pid);
}

const getpgid = (context: LinuxContext, pid: bigint): CallResult => BigInt(processOf(context, signed32(pid)).group);
const getsid = (context: LinuxContext, pid: bigint): CallResult => BigInt(processOf(context, signed32(pid)).session);

const whole = { state: 'whole', differs: '' } as const;

export const JOB_CALLS: readonly LinuxCall[] = [
  { number: 109, name: 'setpgid', parameters: ['pid', 'group'], perform: setpgid, ...whole },
  { number: 111, name: 'getpgrp', parameters: [], perform: ({ linux }) => BigInt(linux.group), ...whole },
  { number: 112, name: 'setsid', parameters: [], perform: setsid, ...whole },
  { number: 121, name: 'getpgid', parameters: ['pid'], perform: getpgid, ...whole },
  { number: 124, name: 'getsid', parameters: ['pid'], perform: getsid, ...whole },
];
