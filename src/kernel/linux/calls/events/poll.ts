import { PENDING, type CallResult } from '../../../calls/call.js';
import { deadlineTick } from '../../../tasks/thread.js';
import { signed32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxErrno, LinuxError, failed } from '../../errno.js';
import { O_PATH } from '../../files/constants.js';
import { CONSOLE_NUMBER } from '../../files/open/console-file.js';
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
  POLLRDNORM,
  POLLWRNORM,
  type OpenFile,
} from '../../files/open/open-file.js';
import { SignalFile } from '../../files/open/signal-file.js';
import { Watch } from '../../files/watch.js';
import { SET_BYTES } from '../../signals/signal.js';
import { NANOSECONDS, putTime, timeFieldsAt } from '../../timespec.js';
import { bytesAt, putBytes, viewAt } from '../../user-data.js';

const { EBADF, EINVAL } = LinuxErrno;
const POLLFD_BYTES = 8;

/** A descriptor that is watched, and for which events. */
interface Polled {
  readonly fd: number;
  readonly events: number;
}

/** What a call waits until: a tick, Infinity for none. Kept between the times that it is made. */
function deadlineOf({ pending, now }: LinuxContext, timeout: bigint | undefined): number {
  if (timeout === undefined) return Infinity;
  // The tick of the deadline, and one more, since 0 means that none was worked out.
  if (pending.progress === 0) pending.progress = now + Number(timeout < 2n ** 52n ? timeout : 2n ** 52n) + 1;
  return pending.progress - 1;
}

/** Events that have come for a descriptor; POLLNVAL for one that is not open. */
function eventsOf({ linux, system }: LinuxContext, { fd, events }: Polled): number {
  if (fd < 0) return 0;
  if (!linux.files.has(fd)) return POLLNVAL;
  const file = linux.files.get(fd);
  if (file.flags & O_PATH) return POLLNVAL;
  if (file instanceof SignalFile) return file.isReadyFor(linux.signals) ? events & POLLIN : 0;
  return file.readiness(system.fileSystem) & (events | POLLERR | POLLHUP);
}

/** What has to change for a file to be ready for the caller. */
function numbersOf({ linux }: LinuxContext, file: OpenFile): readonly number[] {
  return file instanceof SignalFile ? [linux.signals.number] : file.numbers;
}

/** Whether a call that finds nothing does not answer that: it has time left, or a signal is due, which comes first. fs/select.c */
function goesOn({ now, thread, system }: LinuxContext, deadline: number): boolean {
  return now < deadline || system.signals.isInterrupted(thread);
}

/** Waits until one of the descriptors may be ready, or the time is over. */
function waitForAny(context: LinuxContext, polled: readonly Polled[], deadline: number): CallResult {
  const { pending, linux, system } = context;
  const numbers = polled.flatMap(({ fd }) =>
    fd >= 0 && linux.files.has(fd) ? numbersOf(context, linux.files.get(fd)) : [],
  );
  pending.work?.close();
  const watch = new Watch(system.fileSystem, numbers);
  pending.work = watch;
  const tick = deadline === Infinity ? Infinity : deadlineTick(BigInt(Math.ceil(deadline)));
  const wantsInput = numbers.includes(CONSOLE_NUMBER);
  pending.wait = { deadline: tick, for: { kind: 'file', number: watch.number }, late: undefined, wantsInput };
  return PENDING;
}

/** poll, with a timeout in nanoseconds; undefined for none. */
function pollFor(
  context: LinuxContext,
  address: bigint,
  countArgument: bigint,
  timeout: bigint | undefined,
): CallResult {
  const count = Number(BigInt.asUintN(32, countArgument));
  if (count > context.linux.files.limit) return failed(EINVAL);
  const view = viewAt(context, address, count * POLLFD_BYTES);
  const polled = Array.from({ length: count }, (_, index) => ({
    fd: view.getInt32(index * POLLFD_BYTES, true),
    events: view.getUint16(index * POLLFD_BYTES + 4, true),
  }));
  const deadline = deadlineOf(context, timeout);
  const found = polled.map((each) => eventsOf(context, each));
  const ready = found.filter((events) => events !== 0).length;
  if (ready === 0 && goesOn(context, deadline)) return waitForAny(context, polled, deadline);
  found.forEach((events, index) => view.setUint16(index * POLLFD_BYTES + 6, events, true));
  putBytes(context, address, new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  return BigInt(ready);
}

function poll(context: LinuxContext, fds: bigint, count: bigint, timeout: bigint): CallResult {
  const milliseconds = signed32(timeout);
  return pollFor(context, fds, count, milliseconds < 0 ? undefined : BigInt(milliseconds) * 1_000_000n);
}

/** The signals that are blocked while a call waits: those of a set at an address. */
export function replaceMask(context: LinuxContext, address: bigint, size: bigint): void {
  if (address === 0n) return;
  if (size !== SET_BYTES) throw new LinuxError(EINVAL);
  context.thread.linux!.signals.replaceMask(viewAt(context, address, Number(SET_BYTES)).getBigUint64(0, true));
}

function ppoll(
  context: LinuxContext,
  fds: bigint,
  count: bigint,
  time: bigint,
  mask: bigint,
  size: bigint,
): CallResult {
  replaceMask(context, mask, size);
  return pollFor(context, fds, count, timeAt(context, time, NANOSECONDS));
}

/** A struct timespec or timeval in nanoseconds; undefined for no address. Throws EFAULT, EINVAL. */
function timeAt(context: LinuxContext, address: bigint, unitsPerSecond: bigint): bigint | undefined {
  if (address === 0n) return undefined;
  const { seconds, fraction } = timeFieldsAt(context, address);
  if (seconds < 0n || fraction < 0n || (unitsPerSecond === NANOSECONDS && fraction >= unitsPerSecond))
    throw new LinuxError(EINVAL);
  return seconds * NANOSECONDS + fraction * (NANOSECONDS / unitsPerSecond);
}

/** The sets of select, and the events that each stands for, in the order of its arguments. */
const SETS = [
  { asked: POLLIN, counts: POLLIN | POLLRDNORM | POLLHUP | POLLERR },
  { asked: POLLOUT, counts: POLLOUT | POLLWRNORM | POLLERR },
  { asked: POLLPRI, counts: POLLPRI },
];

function selectFor(
  context: LinuxContext,
  countArgument: bigint,
  addresses: readonly bigint[],
  timeout: bigint | undefined,
): CallResult {
  const count = Math.min(signed32(countArgument), context.linux.files.limit);
  if (count < 0) return failed(EINVAL);
  const length = Math.ceil(count / 64) * 8;
  const sets = addresses.map((address) => (address === 0n ? undefined : bytesAt(context, address, length)));
  const has = (set: Uint8Array | undefined, fd: number): boolean => set !== undefined && ((set[fd >> 3]! >> (fd & 7)) & 1) === 1; // prettier-ignore
  const polled: Polled[] = [];
  for (let fd = 0; fd < count; fd++) {
    const events = SETS.reduce((all, { asked }, index) => (has(sets[index], fd) ? all | asked : all), 0);
    if (events === 0) continue;
    if (!context.linux.files.has(fd)) return failed(EBADF);
    polled.push({ fd, events });
  }
  const deadline = deadlineOf(context, timeout);
  const results = sets.map((set) => set && new Uint8Array(length));
  let ready = 0;
  for (const each of polled) {
    const events = eventsOf(context, { ...each, events: -1 });
    SETS.forEach(({ counts }, index) => {
      if (!has(sets[index], each.fd) || (events & counts) === 0) return;
      results[index]![each.fd >> 3]! |= 1 << (each.fd & 7);
      ready++;
    });
  }
  if (ready === 0 && goesOn(context, deadline)) return waitForAny(context, polled, deadline);
  results.forEach((set, index) => set && putBytes(context, addresses[index]!, set));
  return BigInt(ready);
}

function select(
  context: LinuxContext,
  count: bigint,
  read: bigint,
  write: bigint,
  except: bigint,
  time: bigint,
): CallResult {
  const timeout = timeAt(context, time, 1_000_000n);
  const result = selectFor(context, count, [read, write, except], timeout);
  if (time !== 0n && typeof result === 'bigint' && result >= 0n) putLeft(context, time, 1000n);
  return result;
}

function pselect6(
  context: LinuxContext,
  count: bigint,
  read: bigint,
  write: bigint,
  except: bigint,
  time: bigint,
  mask: bigint,
): CallResult {
  const timeout = timeAt(context, time, NANOSECONDS);
  if (mask !== 0n) {
    const given = viewAt(context, mask, 2 * Number(SET_BYTES));
    replaceMask(context, given.getBigUint64(0, true), given.getBigUint64(8, true));
  }
  const result = selectFor(context, count, [read, write, except], timeout);
  if (time !== 0n && typeof result === 'bigint' && result >= 0n) putLeft(context, time, 1n);
  return result;
}

/** Linux tells in the timeout what was left of it. */
function putLeft(context: LinuxContext, address: bigint, nanosecondsPerUnit: bigint): void {
  const { pending, now } = context;
  const left = BigInt(Math.max(0, Math.ceil(pending.progress - 1 - now)));
  putTime(context, address, left, nanosecondsPerUnit);
}

const whole = { state: 'whole', differs: '' } as const;
const sets = ['count', 'read', 'write', 'except', 'time'];

export const POLL_CALLS: readonly LinuxCall[] = [
  {
    number: 7,
    name: 'poll',
    parameters: ['fds', 'count', 'timeout'],
    perform: poll,
    interrupted: 'go on',
    ...whole,
  },
  { number: 23, name: 'select', parameters: sets, perform: select, interrupted: 'no restart', ...whole },
  {
    number: 270,
    name: 'pselect6',
    parameters: [...sets, 'mask'],
    perform: pselect6,
    interrupted: 'no restart',
    ...whole,
  },
  {
    number: 271,
    name: 'ppoll',
    parameters: ['fds', 'count', 'time', 'mask', 'size'],
    perform: ppoll,
    interrupted: 'no restart',
    ...whole,
  },
];
