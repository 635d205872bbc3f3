import type { CallResult } from '../../calls/call.js';
import type { Thread } from '../../tasks/thread.js';
import { signed32, type LinuxCall, type LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import { ROBUST_HEAD_BYTES } from '../tasks/thread-words.js';
import { put64 } from '../user-data.js';

function setTidAddress({ thread }: LinuxContext, address: bigint): CallResult {
  thread.linux!.clearTid = address;
  return BigInt(thread.linux!.tid);
}

function setRobustList({ thread }: LinuxContext, head: bigint, length: bigint): CallResult {
  if (length !== BigInt(ROBUST_HEAD_BYTES)) return failed(LinuxErrno.EINVAL);
  thread.linux!.robustList = head;
  return 0n;
}

/** Of the caller, or of a thread of its own or of another process. */
function getRobustList(context: LinuxContext, tidArgument: bigint, head: bigint, length: bigint): CallResult {
  const tid = signed32(tidArgument);
  const thread = tid === 0 ? context.thread : threadOf(context, tid);
  if (!thread) return failed(LinuxErrno.ESRCH);
  put64(context, length, BigInt(ROBUST_HEAD_BYTES));
  return put64(context, head, thread.linux!.robustList);
}

function threadOf({ system }: LinuxContext, tid: number): Thread | undefined {
  for (const { signals } of system.processes.values()) {
    const found = signals.process.threads.find(({ linux }) => linux?.tid === tid);
    if (found) return found;
  }
  return undefined;
}

const whole = { state: 'whole', differs: '' } as const;

export const THREAD_CALLS: readonly LinuxCall[] = [
  {
    ...{ number: 186, name: 'gettid', parameters: [], perform: ({ thread }) => BigInt(thread.linux!.tid) },
    ...whole,
  },
  { number: 218, name: 'set_tid_address', parameters: ['address'], perform: setTidAddress, ...whole },
  {
    ...{ number: 273, name: 'set_robust_list', parameters: ['head', 'length'], perform: setRobustList },
    ...whole,
  },
  {
    ...{ number: 274, name: 'get_robust_list', parameters: ['tid', 'head', 'length'], perform: getRobustList },
    ...whole,
  },
];
