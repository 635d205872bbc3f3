import type { CallResult } from '../../calls/call.js';
import type { LinuxCall, LinuxContext } from '../call.js';

function setTidAddress({ thread }: LinuxContext, address: bigint): CallResult {
  thread.linux!.clearTid = address;
  return BigInt(thread.linux!.tid);
}

function setRobustList({ thread }: LinuxContext, head: bigint): CallResult {
  thread.linux!.robustList = head;
  return 0n;
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
    ...{ state: 'part', differs: 'The list is not walked when the thread ends.' },
  },
];
