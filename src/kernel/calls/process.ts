import { hexToBytes } from '@noble/hashes/utils.js';
import { Errno, failure } from '../errors.js';
import { HEAP_PAIR_BYTES, HEAP_PAIR_OFFSET, MAX_NAME_BYTES, heapPairFrom } from '../header-page.js';
import type { Process } from '../process.js';
import { ENDED, type CallContext, type CallResult, type KernelCall } from './call.js';

/** `struct bd0_process_info` of guest/include/bd0.h: 11 words, image id[32], name[64]. */
export const PROCESS_INFO_BYTES = 184;
const IMAGE_ID_OFFSET = 88;
const NAME_OFFSET = 120;

/** process_info's state. */
export const PROCESS_STATE = { runnable: 0, waiting: 1 } as const;

function exit(context: CallContext, code: bigint): CallResult {
  context.exit(Number(code & 0xffn));
  return ENDED;
}

function processStart(context: CallContext, pid: bigint): CallResult {
  const process = context.findProcess(pid);
  return process ? process.start : failure(Errno.ESRCH);
}

function processInfo(context: CallContext, pid: bigint, info: bigint): CallResult {
  const start = context.memory.locate(info, BigInt(PROCESS_INFO_BYTES), 'write');
  if (start === undefined) return failure(Errno.EFAULT);
  const process = context.findProcess(pid);
  if (!process) return failure(Errno.ESRCH);
  context.memory.write(start, processInfoBytes(context, process));
  return 0n;
}

function processInfoBytes(context: CallContext, process: Process): Uint8Array {
  const bytes = new Uint8Array(PROCESS_INFO_BYTES);
  const view = new DataView(bytes.buffer);
  const { region, regions, threads, description } = process;
  const pair = heapPairFrom(context.memory.peek(region.start + HEAP_PAIR_OFFSET, HEAP_PAIR_BYTES));
  const waits = threads.every(({ pending }) => pending?.deadline !== undefined);
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
  { number: 3, name: 'process_start', parameters: ['pid'], perform: processStart },
  { number: 4, name: 'process_info', parameters: ['pid', 'info'], perform: processInfo },
];

if (PROCESS_INFO_BYTES !== NAME_OFFSET + MAX_NAME_BYTES + 1) throw new Error('process_info does not end with its name');
