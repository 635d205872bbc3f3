import { MASK64 } from '../../bits.js';
import { Errno, failure } from '../errors.js';
import { HostMemoryError } from '../host-memory.js';
import { homeOf } from '../memory/view.js';
import { fromLinear } from '../memory/linear-address.js';
import { threadOf, type CallContext, type CallResult, type KernelCall } from './call.js';

/** `struct bd0_last_writer` of guest/include/bd0.h: tid, rip, tick. */
export const LAST_WRITER_BYTES = 24;

/** Besides its own memory a thread in debug mode may write these bytes. */
function debugAllow(context: CallContext, tid: bigint, address: bigint, length: bigint): CallResult {
  const thread = threadOf(context, tid);
  if (!thread) return failure(Errno.ESRCH);
  const seen = fromLinear(address);
  if (seen === undefined) return failure(Errno.EINVAL);
  const last = address + length - 1n;
  // Neither does the range wrap around, nor is the canonical hole in it.
  if (length > 0n && (last > MASK64 || fromLinear(last) !== seen + Number(length) - 1)) return failure(Errno.EINVAL);
  const start = homeOf(context.process.view, seen);
  try {
    return thread.guard.grant({ start, end: start + Number(length) }) ? 0n : failure(Errno.EINVAL);
  } catch (error) {
    if (error instanceof HostMemoryError) return failure(Errno.ENOMEM);
    throw error;
  }
}

function debugLastWriter(context: CallContext, address: bigint, buffer: bigint): CallResult {
  const start = context.memory.locate(buffer, BigInt(LAST_WRITER_BYTES), 'write');
  if (start === undefined) return failure(Errno.EFAULT);
  const byte = fromLinear(address);
  const writer = byte === undefined ? undefined : context.debugMode.lastWriter(homeOf(context.process.view, byte));
  if (!writer) return failure(Errno.ENODATA);
  const words = [BigInt(writer.tid), writer.rip, BigInt(writer.tick)];
  context.memory.write(start, new Uint8Array(new BigUint64Array(words).buffer));
  return 0n;
}

function debugMode(context: CallContext, tid: bigint, isOn: bigint): CallResult {
  const thread = threadOf(context, tid);
  if (!thread) return failure(Errno.ESRCH);
  if (isOn > 1n) return failure(Errno.EINVAL);
  return context.debugMode.set(thread, isOn === 1n) ? 1n : 0n;
}

export const DEBUG_CALLS: readonly KernelCall[] = [
  { number: 64, name: 'debug_allow', parameters: ['tid', 'address', 'n'], perform: debugAllow },
  { number: 65, name: 'debug_last_writer', parameters: ['address', 'writer'], perform: debugLastWriter },
  { number: 66, name: 'debug_mode', parameters: ['tid', 'on'], perform: debugMode },
];
