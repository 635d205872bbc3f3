import { hexToBytes } from '@noble/hashes/utils.js';
import { wouldDeadlock } from '../tasks/deadlock.js';
import { Errno, KernelError, failure } from '../errors.js';
import { HEAP_PAIR_BYTES, MAX_NAME_BYTES, heapPairFrom } from '../program/header-page.js';
import type { Process } from '../tasks/process.js';
import { deadlineTick } from '../tasks/thread.js';
import { ENDED, processOf, type CallContext, type CallResult, type KernelCall } from './call.js';
import { spendOn } from './arguments.js';
import { lookedUp, nameArgument } from './name-argument.js';
import { waitFor } from './wait.js';

/** `struct bd0_process_info` of guest/include/bd0.h: 11 words, image id[32], name[64]. */
export const PROCESS_INFO_BYTES = 184;
const IMAGE_ID_OFFSET = 88;
const NAME_OFFSET = 120;

/** process_info's state. */
export const PROCESS_STATE = { runnable: 0, waiting: 1 } as const;

const PID_BYTES = 8;

/** start's flags. */
export const START_DEBUG = 1n;
export const START_SHARE = 2n;

/** What start reads of argv: so many bytes of pointers and strings. */
const MOST_ARGUMENT_BYTES = 2 ** 20;

/** Any larger region is ENOSPC, too, and is no number that counts bytes one by one. */
const MOST_LIMIT_BYTES = 2n ** 48n;

function exit({ kernel, process }: CallContext, code: bigint): CallResult {
  kernel.end(process, Number(code & 0xffn));
  return ENDED;
}

function start(
  context: CallContext,
  namePointer: bigint,
  limit: bigint,
  argvPointer: bigint,
  flags: bigint,
  hostPid: bigint,
): CallResult {
  const { kernel, process } = context;
  const name = nameArgument(context, namePointer, Errno.EINVAL);
  if (typeof name === 'bigint') return name;
  const argv = argvPointer === 0n ? [new TextEncoder().encode(name)] : argumentsAt(context, argvPointer);
  if (!Array.isArray(argv)) return failure(argv);
  if (flags & ~(START_DEBUG | START_SHARE)) return failure(Errno.EINVAL);
  const host = flags & START_SHARE ? processOf(context, hostPid) : undefined;
  if (flags & START_SHARE && !host) return failure(Errno.ESRCH);
  if (!host && hostPid !== 0n) return failure(Errno.EINVAL);
  if (limit === 0n) return failure(Errno.EINVAL);
  if (limit > MOST_LIMIT_BYTES) return failure(Errno.ENOSPC);
  const found = lookedUp(context, name);
  if (typeof found === 'string') return found;
  const { value: image } = found;
  if (!image) return failure(Errno.ENOENT);
  try {
    const options = { name, limitBytes: Number(limit), argv, parent: process.pid, ...(host && { host }) };
    const started = kernel.start(image, options);
    if (flags & START_DEBUG) context.debugMode.set(started.threads[0]!, true);
    return BigInt(started.pid);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    return failure(error.errno === Errno.ENOMEM ? Errno.ENOSPC : error.errno);
  } finally {
    image.close();
  }
}

/** The strings of a NULL-terminated array of pointers; else the error. */
function argumentsAt(context: CallContext, pointer: bigint): Uint8Array[] | Errno {
  const { memory } = context;
  const argv: Uint8Array[] = [];
  for (let left = MOST_ARGUMENT_BYTES, at = pointer; ; at += 8n) {
    const place = memory.locate(at, 8n, 'read');
    if (place === undefined) return Errno.EFAULT;
    const string = new DataView(memory.read(place, 8).buffer).getBigUint64(0, true);
    if (string === 0n) return argv;
    left -= 8;
    const bytes = memory.readString(string, Math.max(0, left));
    if (bytes === undefined) return Errno.EFAULT;
    if (bytes === 'too long') return Errno.EINVAL;
    left -= bytes.length + 1;
    spendOn(context, 8 + bytes.length + 1);
    argv.push(bytes);
  }
}

function processFind(context: CallContext, namePointer: bigint): CallResult {
  const name = nameArgument(context, namePointer, Errno.ENOENT);
  if (typeof name === 'bigint') return name;
  const pids = context.kernel.processes.live().flatMap((process) => (process.name === name ? [process.pid] : []));
  return pids.length === 0 ? failure(Errno.ENOENT) : BigInt(Math.min(...pids));
}

function processList({ kernel, memory }: CallContext, buffer: bigint, n: bigint): CallResult {
  const start = memory.locate(buffer, n * BigInt(PID_BYTES), 'write');
  if (start === undefined) return failure(Errno.EFAULT);
  const pids = kernel.processes.live().map(({ pid }) => pid).sort((a, b) => a - b); // prettier-ignore
  const told = BigInt(pids.length) < n ? pids : pids.slice(0, Number(n));
  const bytes = new DataView(new ArrayBuffer(told.length * PID_BYTES));
  told.forEach((pid, index) => bytes.setBigUint64(index * PID_BYTES, BigInt(pid), true));
  memory.write(start, new Uint8Array(bytes.buffer));
  return BigInt(pids.length);
}

function processWait(context: CallContext, pid: bigint, deadline: bigint): CallResult {
  const { kernel, process, thread } = context;
  const number = Number(pid);
  const code = process.endedChildren.take(number);
  if (code !== undefined) return BigInt(code);
  const target = processOf(context, pid);
  if (!target) return failure(Errno.ESRCH);
  if (target === process) return failure(Errno.EDEADLK);
  if (deadlineTick(deadline) === Infinity && wouldDeadlock(kernel, thread, target.threads))
    return failure(Errno.EDEADLK);
  return waitFor(context, { kind: 'process', number }, deadline);
}

function processKill(context: CallContext, pid: bigint, code: bigint): CallResult {
  const target = processOf(context, pid);
  if (!target) return failure(Errno.ESRCH);
  context.kernel.end(target, Number(code & 0xffn));
  return target === context.process ? ENDED : 0n;
}

function processStart(context: CallContext, pid: bigint): CallResult {
  const process = processOf(context, pid);
  return process ? process.start : failure(Errno.ESRCH);
}

function processInfo(context: CallContext, pid: bigint, info: bigint): CallResult {
  const start = context.memory.locate(info, BigInt(PROCESS_INFO_BYTES), 'write');
  if (start === undefined) return failure(Errno.EFAULT);
  const process = processOf(context, pid);
  if (!process) return failure(Errno.ESRCH);
  context.memory.write(start, processInfoBytes(context, process));
  return 0n;
}

function processInfoBytes(context: CallContext, process: Process): Uint8Array {
  const bytes = new Uint8Array(PROCESS_INFO_BYTES);
  const view = new DataView(bytes.buffer);
  const { threads, description, maps } = process;
  const regions = [...process.regions, ...maps];
  const pair = heapPairFrom(context.memory.peek(process.heapPair, HEAP_PAIR_BYTES));
  const waits = threads.every(({ pending }) => pending?.wait && pending.answer === undefined);
  const words = [
    BigInt(process.pid),
    BigInt(description.parent),
    process.start,
    BigInt(process.size),
    process.entry,
    pair.heapPointer,
    pair.stackFloor,
    BigInt(waits ? PROCESS_STATE.waiting : PROCESS_STATE.runnable),
    BigInt(threads.length),
    BigInt(regions.reduce((total, { residentPages }) => total + residentPages, 0)),
    BigInt(regions.reduce((total, { sharedPages }) => total + sharedPages, 0)),
  ];
  words.forEach((word, index) => view.setBigUint64(index * 8, word, true));
  bytes.set(hexToBytes(description.imageId), IMAGE_ID_OFFSET);
  bytes.set(description.nameBytes, NAME_OFFSET);
  return bytes;
}

export const PROCESS_CALLS: readonly KernelCall[] = [
  { number: 0, name: 'exit', parameters: ['code'], perform: exit },
  { number: 1, name: 'start', parameters: ['name', 'limit', 'argv', 'flags', 'host_pid'], perform: start },
  { number: 2, name: 'process_find', parameters: ['name'], perform: processFind },
  { number: 3, name: 'process_start', parameters: ['pid'], perform: processStart },
  { number: 4, name: 'process_info', parameters: ['pid', 'info'], perform: processInfo },
  { number: 5, name: 'process_list', parameters: ['pids', 'n'], perform: processList },
  { number: 6, name: 'process_wait', parameters: ['pid', 'deadline'], perform: processWait },
  { number: 7, name: 'process_kill', parameters: ['pid', 'code'], perform: processKill },
];

if (PROCESS_INFO_BYTES !== NAME_OFFSET + MAX_NAME_BYTES + 1) throw new Error('process_info does not end with its name');
