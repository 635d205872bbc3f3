import { CONSOLE_MODE, type ConsoleMode } from '../terminal/console.js';
import { Errno, failure } from '../errors.js';
import { deadlineTick } from '../tasks/thread.js';
import { PENDING, type CallContext, type CallResult, type KernelCall } from './call.js';

/** Bytes that are moved at once. */
const PART_BYTES = 65536;
/** What takes a unit of effort, wherever it goes: some 3 MB are written in a second, which fill no terminal for long. */
const WRITTEN_BYTES_PER_EFFORT = 8;

const MODES: readonly ConsoleMode[] = Object.values(CONSOLE_MODE);

/**
 * Long output goes out in parts, each of them a call of its own in time, as the iterations of REP are. While Ctrl-S
 * holds the output, the thread waits as for input: for Ctrl-Q.
 */
function consoleWrite(context: CallContext, buffer: bigint, length: bigint): CallResult {
  const { memory, pending } = context;
  const start = memory.locate(buffer, length, 'read');
  if (start === undefined) return failure(Errno.EFAULT);
  if (context.console.isSuspended) {
    pending.wait = { deadline: Infinity, for: 'input', late: undefined };
    return PENDING;
  }
  const left = Number(length) - pending.progress;
  const part = Math.min(left, PART_BYTES);
  if (part > 0) context.console.write(memory.read(start + pending.progress, part));
  context.kernel.charge({ effort: part / WRITTEN_BYTES_PER_EFFORT });
  if (part === left) return length;
  pending.progress += part;
  return PENDING;
}

function consoleRead(context: CallContext, buffer: bigint, length: bigint, deadline: bigint): CallResult {
  const { memory, pending, now, process } = context;
  const start = memory.locate(buffer, length, 'write');
  if (start === undefined) return failure(Errno.EFAULT);
  if (length === 0n) return 0n;
  const max = Math.min(Number(length), PART_BYTES);
  const input = context.console.read(max, process.consoleMode, (bytes) => memory.write(start, bytes));
  if (input !== undefined) return input === 'end' ? 0n : BigInt(input);
  if (deadline <= BigInt(now)) return failure(Errno.ETIMEDOUT);
  pending.wait = { deadline: deadlineTick(deadline), for: 'input', late: undefined };
  return PENDING;
}

/** Each process has a mode of its own; that of the process in the foreground counts. */
function consoleMode({ process }: CallContext, mode: bigint): CallResult {
  const wanted = MODES.find((known) => BigInt(known) === mode);
  if (wanted === undefined) return failure(Errno.EINVAL);
  const before = process.consoleMode;
  process.consoleMode = wanted;
  return BigInt(before);
}

export const CONSOLE_CALLS: readonly KernelCall[] = [
  { number: 16, name: 'console_write', parameters: ['buffer', 'n'], perform: consoleWrite },
  { number: 17, name: 'console_read', parameters: ['buffer', 'n', 'deadline'], perform: consoleRead },
  { number: 21, name: 'console_mode', parameters: ['mode'], perform: consoleMode },
];
