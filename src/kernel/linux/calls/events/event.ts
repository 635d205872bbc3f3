import { PENDING, type CallResult } from '../../../calls/call.js';
import { deadlineTick } from '../../../tasks/thread.js';
import { signed32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxErrno, failed } from '../../errno.js';
import { fileOf } from '../../files/arguments.js';
import { O_CLOEXEC, O_RDWR } from '../../files/constants.js';
import { CONSOLE_NUMBER } from '../../files/open/console-file.js';
import { EventPoll } from '../../files/open/event-poll.js';
import { isDirectory } from '../../files/tree/directory.js';
import { RegularFile } from '../../files/tree/inode.js';
import { timespecAt } from '../../timespec.js';
import { opened } from './event-files.js';
import { replaceMask } from './poll.js';
import { located, putBytes, viewAt } from '../../user-data.js';

const { EEXIST, EINVAL, ELOOP, ENOENT, EPERM } = LinuxErrno;

const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
/** struct epoll_event, packed. */
const EVENT_BYTES = 12;
const EVENTS_MAX = 4096;
const NANOSECONDS_PER_MILLISECOND = 1_000_000;
function epollCreate1(context: LinuxContext, flagsArgument: bigint): CallResult {
  const flags = signed32(flagsArgument);
  if (flags & ~O_CLOEXEC) return failed(EINVAL);
  return opened(context, flags, (inode, number) => new EventPoll(inode, O_RDWR, number));
}

function epollCreate(context: LinuxContext, size: bigint): CallResult {
  return signed32(size) <= 0 ? failed(EINVAL) : epollCreate1(context, 0n);
}

function epollCtl(context: LinuxContext, poll: bigint, operation: bigint, fd: bigint, event: bigint): CallResult {
  const { fileSystem } = context.system;
  const kind = signed32(operation);
  const asked = kind === EPOLL_CTL_DEL ? undefined : viewAt(context, event, EVENT_BYTES);
  const [own, file] = [fileOf(context, poll), fileOf(context, fd)];
  if (file.inode instanceof RegularFile || isDirectory(file.inode)) return failed(EPERM);
  if (own === file || !(own instanceof EventPoll)) return failed(EINVAL);
  const known = own.find(signed32(fd), file);
  if (kind === EPOLL_CTL_ADD ? known : !known) return failed(kind === EPOLL_CTL_ADD ? EEXIST : ENOENT);
  if (kind < EPOLL_CTL_ADD || kind > EPOLL_CTL_MOD) return failed(EINVAL);
  if (file instanceof EventPoll && file.reaches(own)) return failed(ELOOP);
  if (known) own.remove(fileSystem, known);
  if (!asked) return 0n;
  const [events, data] = [asked.getUint32(0, true), asked.getBigUint64(4, true)];
  own.add(fileSystem, { fd: signed32(fd), file, events, data });
  return 0n;
}

/** Waits for events, at most so many nanoseconds; undefined for as long as it takes. */
function waitForEvents(
  context: LinuxContext,
  fd: bigint,
  events: bigint,
  count: bigint,
  timeout: number | undefined,
): CallResult {
  const { pending, now, system } = context;
  const most = signed32(count);
  if (most <= 0) return failed(EINVAL);
  const room = Math.min(most, EVENTS_MAX);
  located(context, events, room * EVENT_BYTES, 'write');
  const poll = fileOf(context, fd);
  if (!(poll instanceof EventPoll)) return failed(EINVAL);
  const ready = poll.take(system.fileSystem, room);
  // The tick of the deadline, and one more, since 0 means that none was worked out.
  if (pending.progress === 0) pending.progress = now + (timeout ?? 0) + 1;
  const deadline = timeout === undefined ? Infinity : pending.progress - 1;
  if (ready.length === 0 && now < deadline) {
    const tick = deadline === Infinity ? Infinity : deadlineTick(BigInt(Math.ceil(deadline)));
    const wantsInput = poll.watchedNumbers.includes(CONSOLE_NUMBER);
    pending.wait = { deadline: tick, for: { kind: 'file', number: poll.number }, late: undefined, wantsInput };
    return PENDING;
  }
  const bytes = new Uint8Array(ready.length * EVENT_BYTES);
  const view = new DataView(bytes.buffer);
  ready.forEach((each, index) => {
    view.setUint32(index * EVENT_BYTES, each.events, true);
    view.setBigUint64(index * EVENT_BYTES + 4, each.data, true);
  });
  putBytes(context, events, bytes);
  return BigInt(ready.length);
}

function epollWait(context: LinuxContext, fd: bigint, events: bigint, count: bigint, timeout: bigint): CallResult {
  const milliseconds = signed32(timeout);
  const nanoseconds = milliseconds < 0 ? undefined : milliseconds * NANOSECONDS_PER_MILLISECOND;
  return waitForEvents(context, fd, events, count, nanoseconds);
}

const epollPwait: LinuxCall['perform'] = (context, fd, events, count, timeout, mask, size) => {
  replaceMask(context, mask, size);
  return epollWait(context, fd, events, count, timeout);
};

const epollPwait2: LinuxCall['perform'] = (context, fd, events, count, timeout, mask, size) => {
  const time = timeout === 0n ? undefined : timespecAt(context, timeout);
  if (timeout !== 0n && time === undefined) return failed(EINVAL);
  replaceMask(context, mask, size);
  return waitForEvents(context, fd, events, count, time === undefined ? undefined : Math.min(Number(time), 2 ** 52));
};

const whole = { state: 'whole', differs: '' } as const;
const waiting = { ...whole, interrupted: 'fail' } as const;
const wait = ['poll', 'events', 'count', 'timeout'];

export const EVENT_CALLS: readonly LinuxCall[] = [
  { number: 213, name: 'epoll_create', parameters: ['size'], perform: epollCreate, ...whole },
  { number: 232, name: 'epoll_wait', parameters: wait, perform: epollWait, ...waiting },
  { number: 233, name: 'epoll_ctl', parameters: ['poll', 'operation', 'fd', 'event'], perform: epollCtl, ...whole },
  {
    ...{ number: 281, name: 'epoll_pwait', parameters: [...wait, 'mask', 'size'], perform: epollPwait },
    ...waiting,
  },
  {
    ...{ number: 441, name: 'epoll_pwait2', parameters: [...wait, 'mask', 'size'], perform: epollPwait2 },
    ...waiting,
  },
  { number: 291, name: 'epoll_create1', parameters: ['flags'], perform: epollCreate1, ...whole },
];
