/** process_vm_readv, process_vm_writev. mm/process_vm_access.c */
import { chargeBytes } from '../../../calls/arguments.js';
import type { CallResult } from '../../../calls/call.js';
import { signed32, type LinuxCall, type LinuxContext } from '../../call.js';
import { LinuxErrno, failed } from '../../errno.js';
import { mayTrace } from '../../tracing/may-trace.js';
import type { TracedMemory } from '../../tracing/traced-memory.js';
import { Buffers, vectorAt } from '../buffers.js';
import { findThread, memoryOf } from './find-thread.js';

const { EFAULT, EINVAL, EPERM, ESRCH } = LinuxErrno;

/** The most bytes that one call moves; it returns the count. */
const MOVED_BYTES_MAX = 2 ** 20;

type Move = (other: TracedMemory, address: bigint, local: Buffers, from: number, lengthBytes: number) => number;

const readPart: Move = (other, address, local, from, lengthBytes) => {
  const bytes = other.read(address, lengthBytes);
  const room = local.accessible(from, bytes.length, 'write');
  if (room > 0) local.put(from, bytes.subarray(0, room));
  return room;
};

const writePart: Move = (other, address, local, from, lengthBytes) => {
  const room = local.accessible(from, lengthBytes, 'read');
  return other.write(address, local.get(from, room));
};

function transfer(
  context: LinuxContext,
  pid: bigint,
  [local, localCount, remote, remoteCount, flags]: readonly bigint[],
  move: Move,
): CallResult {
  if (flags !== 0n) return failed(EINVAL);
  const buffers = Buffers.ofVector(context, local!, localCount!);
  if (buffers.length === 0) return 0n;
  const parts = vectorAt(context, remote!, remoteCount!);
  const thread = findThread(context, signed32(pid));
  if (!thread) return failed(ESRCH);
  if (!mayTrace(context.linux, thread.process.linux!)) return failed(EPERM);
  const other = memoryOf(context, thread);
  let done = 0;
  for (const { address, length } of parts) {
    const left = Math.min(buffers.length, MOVED_BYTES_MAX) - done;
    const wanted = length < BigInt(left) ? Number(length) : left;
    if (wanted === 0) continue;
    const moved = move(other, address, buffers, done, wanted);
    done += moved;
    if (moved < wanted) break;
  }
  chargeBytes(context, done);
  const isNothingAsked = parts.every(({ length }) => length === 0n);
  return done === 0 && !isNothingAsked ? failed(EFAULT) : BigInt(done);
}

const parameters = ['pid', 'local', 'localCount', 'remote', 'remoteCount', 'flags'];
const part = { state: 'part', differs: 'At most 1 MiB at once.', parameters } as const;

export const PROCESS_MEMORY_CALLS: readonly LinuxCall[] = [
  {
    ...{ number: 310, name: 'process_vm_readv', ...part },
    perform: (context, pid, ...rest) => transfer(context, pid!, rest, readPart),
  },
  {
    ...{ number: 311, name: 'process_vm_writev', ...part },
    perform: (context, pid, ...rest) => transfer(context, pid!, rest, writePart),
  },
];
