import type { CallContext, CallResult, KernelCall } from './call.js';

function clock(context: CallContext): CallResult {
  return BigInt(context.now);
}

export const TIME_CALLS: readonly KernelCall[] = [{ number: 18, name: 'clock', parameters: [], perform: clock }];
