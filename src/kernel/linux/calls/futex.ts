import { PENDING, type CallResult } from '../../calls/call.js';
import { deadlineTick } from '../../tasks/thread.js';
import type { LinearAddress } from '../../memory/linear-address.js';
import type { WaitKey } from '../../tasks/wait-queues.js';
import { signed32, unsigned32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import { futexKey } from '../tasks/thread-words.js';
import { timespecAt } from '../timespec.js';
import { located, put32 } from '../user-data.js';

const { EAGAIN, EFAULT, EINVAL, ENOSYS, ETIMEDOUT } = LinuxErrno;

/* include/uapi/linux/futex.h */
const FUTEX_WAIT = 0;
const FUTEX_WAKE = 1;
const FUTEX_REQUEUE = 3;
const FUTEX_CMP_REQUEUE = 4;
const FUTEX_WAKE_OP = 5;
const FUTEX_WAIT_BITSET = 9;
const FUTEX_WAKE_BITSET = 10;
const FUTEX_COMMAND = 0x7f;
const FUTEX_CLOCK_REALTIME = 0x100;

const WORD_BYTES = 4;

/** The arguments of a call; what some mean differs by the operation. */
interface FutexArguments {
  readonly address: bigint;
  readonly value: bigint;
  readonly timeout: bigint;
  readonly address2: bigint;
  readonly value3: bigint;
}

function futex(
  context: LinuxContext,
  address: bigint,
  operation: bigint,
  value: bigint,
  timeout: bigint,
  address2: bigint,
  value3: bigint,
): CallResult {
  const flags = signed32(operation);
  const command = flags & FUTEX_COMMAND;
  const given = { address, value, timeout, address2, value3 };
  if (address % BigInt(WORD_BYTES) !== 0n) return failed(EINVAL);
  switch (command) {
    case FUTEX_WAIT:
      return wait(context, given, false, false);
    case FUTEX_WAIT_BITSET:
      if (unsigned32(value3) === 0) return failed(EINVAL);
      return wait(context, given, true, (flags & FUTEX_CLOCK_REALTIME) !== 0);
    case FUTEX_WAKE_BITSET:
      if (unsigned32(value3) === 0) return failed(EINVAL);
      return BigInt(wake(context, wordAt(context, address), value));
    case FUTEX_WAKE:
      return BigInt(wake(context, wordAt(context, address), value));
    case FUTEX_REQUEUE:
    case FUTEX_CMP_REQUEUE:
      return requeue(context, given, command === FUTEX_CMP_REQUEUE);
    case FUTEX_WAKE_OP:
      return wakeOperation(context, given);
    default:
      return failed(ENOSYS);
  }
}

/** The word that an address names, by where it lies. Throws LinuxError EFAULT. */
function wordAt(context: LinuxContext, address: bigint): LinearAddress {
  return located(context, address, WORD_BYTES, 'read');
}

function keyOf({ space }: LinuxContext, word: LinearAddress): WaitKey {
  return futexKey(space, word);
}

function wait(context: LinuxContext, given: FutexArguments, isAbsolute: boolean, isReal: boolean): CallResult {
  const { pending, memory } = context;
  const word = wordAt(context, given.address);
  const deadline = deadlineOf(context, given.timeout, isAbsolute, isReal);
  if (deadline === undefined) return failed(EINVAL);
  if (memory.readWord(word) !== unsigned32(given.value)) return failed(EAGAIN);
  if (deadline <= BigInt(context.now)) return failed(ETIMEDOUT);
  pending.wait = {
    deadline: deadlineTick(deadline),
    for: keyOf(context, word),
    late: failed(ETIMEDOUT),
  };
  return PENDING;
}

/** The tick at which a wait ends; undefined for a time that is not valid. */
function deadlineOf(context: LinuxContext, timeout: bigint, isAbsolute: boolean, isReal: boolean): bigint | undefined {
  if (timeout === 0n) return 2n ** 63n;
  const time = timespecAt(context, timeout);
  if (time === undefined) return undefined;
  if (isAbsolute) return isReal ? time - context.system.epoch : time;
  return time + BigInt(context.now);
}

/** Linux counts those that are woken as a signed number of 32 bits, and wakes one at least. */
function wake(context: LinuxContext, word: LinearAddress, value: bigint): number {
  const { kernel } = context;
  const woken = kernel.wake(keyOf(context, word), 0n, Math.max(1, signed32(value)));
  kernel.charge({ effort: woken });
  return woken;
}

function requeue(context: LinuxContext, given: FutexArguments, isCompared: boolean): CallResult {
  const { address, value, timeout: most, address2, value3 } = given;
  if (signed32(value) < 0 || signed32(most) < 0) return failed(EINVAL);
  if (address2 % BigInt(WORD_BYTES) !== 0n) return failed(EINVAL);
  const [from, to] = [wordAt(context, address), wordAt(context, address2)];
  if (isCompared && context.memory.readWord(from) !== unsigned32(value3)) return failed(EAGAIN);
  const { kernel } = context;
  const woken = signed32(value) > 0 ? kernel.wake(keyOf(context, from), 0n, signed32(value)) : 0;
  const moved = kernel.requeue(keyOf(context, from), keyOf(context, to), signed32(most));
  kernel.charge({ effort: woken + moved });
  return BigInt(isCompared ? woken + moved : woken);
}

/** Changes the second word, wakes those of the first, and those of the second where what was there compares as asked. */
function wakeOperation(context: LinuxContext, given: FutexArguments): CallResult {
  const { address, value, timeout: value2, address2, value3 } = given;
  if (address2 % BigInt(WORD_BYTES) !== 0n) return failed(EINVAL);
  const first = wordAt(context, address);
  const second = context.memory.locate(address2, BigInt(WORD_BYTES), 'write');
  if (second === undefined) return failed(EFAULT);
  const code = unsigned32(value3);
  const before = context.memory.readWord(second) | 0;
  const after = changed(before, code);
  const isTrue = compared(before, code);
  if (after === undefined || isTrue === undefined) return failed(ENOSYS);
  put32(context, address2, after);
  const woken = wake(context, first, value);
  return BigInt(woken + (isTrue ? wake(context, second, value2) : 0));
}

/** What FUTEX_OP_ makes of a word; undefined for an operation that there is not. */
function changed(before: number, code: number): number | undefined {
  const operation = (code >>> 28) & 7;
  const isShift = code >>> 31 === 1;
  const given = ((code << 8) | 0) >> 20;
  const argument = isShift ? 1 << (given & 31) : given;
  return [argument, before + argument, before | argument, before & ~argument, before ^ argument][operation];
}

/** Whether a word compares as FUTEX_OP_CMP_ says; undefined for a comparison that there is not. */
function compared(before: number, code: number): boolean | undefined {
  const argument = ((code << 20) | 0) >> 20;
  const results = [
    before === argument,
    before !== argument,
    before < argument,
    before <= argument,
    before > argument,
    before >= argument,
  ];
  return results[(code >>> 24) & 15];
}

export const FUTEX_CALLS: readonly LinuxCall[] = [
  {
    ...{ number: 202, name: 'futex', perform: futex },
    parameters: ['address', 'operation', 'value', 'timeout', 'address2', 'value3'],
    interrupted: (_context, _address, _operation, _value, timeout) => (timeout === 0n ? 'restart' : 'go on'),
    ...{ state: 'part', differs: 'Without priority inheritance; the bit sets of waiters are ignored.' },
  },
];
