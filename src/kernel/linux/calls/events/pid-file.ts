/** Processes as files: pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2). kernel/pid.c */
import type { CallResult } from '../../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError, failed } from '../../errno.js';
import { usableFileOf } from '../../files/arguments.js';
import { O_CLOEXEC, O_NONBLOCK, O_RDWR } from '../../files/constants.js';
import { PidFile } from '../../files/open/pid-file.js';
import { sentBy } from '../../signals/signal-info.js';
import { viewAt } from '../../user-data.js';
import { opened } from './event-files.js';
import { infoAt, send } from '../signal.js';

const { EBADF, EINVAL, ESRCH } = LinuxErrno;

function pidfdOpen(context: LinuxContext, pidArgument: bigint, flagsArgument: bigint): CallResult {
  const [pid, flags] = [signed32(pidArgument), signed32(flagsArgument)];
  if (flags & ~O_NONBLOCK || pid <= 0) return failed(EINVAL);
  const process = context.system.processes.get(pid);
  if (!process) return failed(ESRCH);
  return opened(context, O_CLOEXEC, (inode) => new PidFile(inode, O_RDWR | flags, process));
}

/** The process of a descriptor. Throws EBADF. */
export function pidFileOf(context: LinuxContext, fd: bigint): PidFile {
  const file = usableFileOf(context, fd);
  if (file instanceof PidFile) return file;
  throw new LinuxError(EBADF);
}

function pidfdSendSignal(
  context: LinuxContext,
  fd: bigint,
  signalArgument: bigint,
  infoAddress: bigint,
  flags: bigint,
): CallResult {
  if (signed32(flags) !== 0) return failed(EINVAL);
  const { process } = pidFileOf(context, fd);
  const signal = signed32(signalArgument);
  if (infoAddress !== 0n && readSignal(context, infoAddress) !== signal) return failed(EINVAL);
  const info =
    infoAddress === 0n ? sentBy(context.linux, signal) : infoAt(context, signalArgument, infoAddress, process.pid);
  if (context.system.processes.get(process.pid) !== process) return failed(ESRCH);
  send(context, process.signals.process, info);
  return 0n;
}

function readSignal(context: LinuxContext, address: bigint): number {
  return viewAt(context, address, 4).getInt32(0, true);
}

function pidfdGetfd(context: LinuxContext, fd: bigint, number: bigint, flags: bigint): CallResult {
  if (signed32(flags) !== 0) return failed(EINVAL);
  const { process } = pidFileOf(context, fd);
  if (process.family.status) return failed(ESRCH);
  return BigInt(context.linux.files.add(process.files.get(signed32(number)), true));
}

const whole = { state: 'whole', differs: '' } as const;

export const PID_FILE_CALLS: readonly LinuxCall[] = [
  {
    ...{ number: 424, name: 'pidfd_send_signal', parameters: ['fd', 'signal', 'info', 'flags'] },
    ...{ perform: pidfdSendSignal, ...whole },
  },
  {
    ...{ number: 434, name: 'pidfd_open', parameters: ['pid', 'flags'], perform: pidfdOpen },
    ...{ state: 'part', differs: 'Without PIDFD_THREAD.' },
  },
  { number: 438, name: 'pidfd_getfd', parameters: ['fd', 'number', 'flags'], perform: pidfdGetfd, ...whole },
];
