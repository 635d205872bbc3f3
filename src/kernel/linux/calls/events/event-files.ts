/** Files without a name that tell of events: eventfd(2), timerfd_create(2), signalfd(2). */
import type { CallResult } from '../../../calls/call.js';
import { signed32, unsigned32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError, failed } from '../../errno.js';
import { fileOf, usableFileOf, waitFor } from '../../files/arguments.js';
import { O_CLOEXEC, O_NONBLOCK, O_RDWR } from '../../files/constants.js';
import { EventCounter } from '../../files/open/event-counter.js';
import type { OpenFile } from '../../files/open/open-file.js';
import { SignalFile } from '../../files/open/signal-file.js';
import { TimerFile } from '../../files/open/timer-file.js';
import { FILE_SYSTEM, SpecialFile } from '../../files/tree/inode.js';
import { SIGNAL_FILE_BYTES, bytesForSignalFile } from '../../signals/signal-info.js';
import { SET_BYTES, UNBLOCKABLE } from '../../signals/signal.js';
import { TIMER_ABSTIME, isRealClock, isWaitingClock } from '../../timespec.js';
import { viewAt } from '../../user-data.js';
import type { Buffers } from '../buffers.js';
import { putSetting, relativeSetting, settingAt } from './timer.js';

const { EINVAL } = LinuxErrno;

const EFD_SEMAPHORE = 1;
const TFD_TIMER_CANCEL_ON_SET = 2;
/** The mode of files without a name; they have no type. */
const ANONYMOUS_MODE = 0o600;

/** Opens a file without a name, and answers its descriptor. */
export function opened(
  { linux, system }: LinuxContext,
  flags: number,
  make: (inode: SpecialFile, number: number) => OpenFile,
): CallResult {
  linux.files.free();
  const { fileSystem } = system;
  const number = fileSystem.takeNumber();
  const { user: owner, group } = linux.place.credentials;
  const attributes = { mode: ANONYMOUS_MODE, owner, group, links: 1, time: fileSystem.now };
  const inode = new SpecialFile({ id: 0, number, fileSystem: FILE_SYSTEM.anonymous }, attributes);
  fileSystem.hold(inode);
  return BigInt(linux.files.add(make(inode, number), (flags & O_CLOEXEC) !== 0));
}

function eventfd2(context: LinuxContext, initial: bigint, flagsArgument: bigint): CallResult {
  const flags = signed32(flagsArgument);
  if (flags & ~(O_CLOEXEC | O_NONBLOCK | EFD_SEMAPHORE)) return failed(EINVAL);
  const [kept, isSemaphore] = [O_RDWR | (flags & O_NONBLOCK), (flags & EFD_SEMAPHORE) !== 0];
  const count = BigInt(unsigned32(initial));
  return opened(context, flags, (inode, number) => new EventCounter(inode, kept, number, count, isSemaphore));
}

function timerfdCreate(context: LinuxContext, clockArgument: bigint, flagsArgument: bigint): CallResult {
  const [clock, flags] = [signed32(clockArgument), signed32(flagsArgument)];
  if (flags & ~(O_CLOEXEC | O_NONBLOCK) || !isWaitingClock(clock)) return failed(EINVAL);
  const kept = O_RDWR | (flags & O_NONBLOCK);
  return opened(context, flags, (inode, number) => new TimerFile(inode, kept, number, isRealClock(clock)));
}

/** The timer of a descriptor. Throws EBADF, EINVAL. */
function timerFileOf(context: LinuxContext, fd: bigint): TimerFile {
  const file = usableFileOf(context, fd);
  if (!(file instanceof TimerFile)) throw new LinuxError(EINVAL);
  return file;
}

function timerfdSettime(
  context: LinuxContext,
  fd: bigint,
  flagsArgument: bigint,
  address: bigint,
  old: bigint,
): CallResult {
  const flags = signed32(flagsArgument);
  const asked = settingAt(context, address);
  if (flags & ~(TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET) || !asked) return failed(EINVAL);
  const timer = timerFileOf(context, fd);
  const { alarms } = context.system.jobs;
  const before = timer.setting(alarms, context.now);
  timer.set(alarms, context.now, flags & TIMER_ABSTIME ? relativeSetting(context, asked, timer) : asked);
  return old === 0n ? 0n : putSetting(context, old, before);
}

function timerfdGettime(context: LinuxContext, fd: bigint, address: bigint): CallResult {
  const setting = timerFileOf(context, fd).setting(context.system.jobs.alarms, context.now);
  return putSetting(context, address, setting);
}

function signalfd4(context: LinuxContext, fd: bigint, mask: bigint, size: bigint, flagsArgument: bigint): CallResult {
  const flags = signed32(flagsArgument);
  if (size !== SET_BYTES) return failed(EINVAL);
  const signals = viewAt(context, mask, Number(SET_BYTES)).getBigUint64(0, true) & ~UNBLOCKABLE;
  if (flags & ~(O_CLOEXEC | O_NONBLOCK)) return failed(EINVAL);
  const owner = context.linux.signals;
  if (signed32(fd) === -1)
    return opened(context, flags, (inode) => new SignalFile(inode, O_RDWR | (flags & O_NONBLOCK), signals, owner));
  const file = fileOf(context, fd);
  if (!(file instanceof SignalFile)) return failed(EINVAL);
  file.signals = signals;
  context.system.fileSystem.wake(owner.number);
  return BigInt(signed32(fd));
}

/** read(2) of what signalfd(2) makes: signals that are pending for the caller, as many as there is room for. */
export function readSignals(context: LinuxContext, file: SignalFile, buffers: Buffers): CallResult {
  const { thread, linux, system } = context;
  const count = Math.floor(buffers.length / SIGNAL_FILE_BYTES);
  if (count === 0) return failed(EINVAL);
  let read = 0;
  while (read < count) {
    const at = read * SIGNAL_FILE_BYTES;
    if (buffers.accessible(at, SIGNAL_FILE_BYTES, 'write') < SIGNAL_FILE_BYTES)
      return read > 0 ? BigInt(at) : failed(LinuxErrno.EFAULT);
    const own = thread.linux!.signals.pending;
    const info = system.signals.take(own, file.signals) ?? system.signals.take(linux.signals.pending, file.signals);
    if (!info) break;
    buffers.put(at, bytesForSignalFile(info));
    read++;
  }
  return read > 0 ? BigInt(read * SIGNAL_FILE_BYTES) : waitFor(context, file, undefined, linux.signals.number);
}

const whole = { state: 'whole', differs: '' } as const;

export const EVENT_FILE_CALLS: readonly LinuxCall[] = [
  {
    ...{ number: 282, name: 'signalfd', parameters: ['fd', 'mask', 'size'], ...whole },
    perform: (context, fd, mask, size) => signalfd4(context, fd!, mask!, size!, 0n),
  },
  { number: 283, name: 'timerfd_create', parameters: ['clock', 'flags'], perform: timerfdCreate, ...whole },
  {
    ...{ number: 284, name: 'eventfd', parameters: ['initial'], ...whole },
    perform: (context, initial) => eventfd2(context, initial!, 0n),
  },
  {
    ...{ number: 286, name: 'timerfd_settime', parameters: ['fd', 'flags', 'value', 'old'] },
    ...{ perform: timerfdSettime, ...whole },
  },
  { number: 287, name: 'timerfd_gettime', parameters: ['fd', 'value'], perform: timerfdGettime, ...whole },
  { number: 289, name: 'signalfd4', parameters: ['fd', 'mask', 'size', 'flags'], perform: signalfd4, ...whole },
  { number: 290, name: 'eventfd2', parameters: ['initial', 'flags'], perform: eventfd2, ...whole },
];
