import type { Steps } from '../../../vmo/steps.js';
import type { CallResult } from '../../calls/call.js';
import { StandingCall, type SteppedCall } from '../../calls/stepped-call.js';
import type { LinuxContext } from '../call.js';

/** Does long work, for which the machine stands still, and then answers. */
export function inSteps(context: LinuxContext, work: () => Steps<void>, rest: () => bigint): CallResult {
  const { pending } = context;
  function* steps(): Steps<bigint, number> {
    for (const _ of work()) yield 0;
    return rest();
  }
  const step = ((pending.work ??= new StandingCall(steps())) as SteppedCall<bigint>).take(context);
  return typeof step === 'string' ? step : step.value;
}
