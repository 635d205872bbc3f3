import { deadlineTick } from '../tasks/thread.js';
import { PENDING, type CallContext, type CallResult, type KernelCall } from './call.js';

function clock(context: CallContext): CallResult {
  return BigInt(context.now);
}

function sleep({ now, pending }: CallContext, ns: bigint): CallResult {
  if (ns === 0n) return 0n;
  pending.wait = { deadline: deadlineTick(BigInt(now) + ns), for: undefined, late: 0n };
  return PENDING;
}

export const TIME_CALLS: readonly KernelCall[] = [
  { number: 13, name: 'sleep', parameters: ['ns'], perform: sleep },
  { number: 18, name: 'clock', parameters: [], perform: clock },
];
