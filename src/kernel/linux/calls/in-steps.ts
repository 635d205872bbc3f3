import type { Steps } from '../../../vmo/steps.js';
import type { CallResult } from '../../calls/call.js';
import { StandingCall, type SteppedCall } from '../../calls/stepped-call.js';
import type { LinuxContext } from '../call.js';

/** Does long work, for which the machine stands still, and then answers. */
export function inSteps(context: LinuxContext, work: () => Steps<void>, rest: () => bigint): CallResult {
  return standing(context, function* () {
    for (const _ of work()) yield 0;
    return rest();
  });
}

/** Makes a call in steps, between which the machine stands still; returns the result of the steps. */
export function standing(context: LinuxContext, steps: () => Steps<bigint, number>): CallResult {
  const work = (context.pending.work ??= new StandingCall(steps())) as SteppedCall<bigint>;
  const step = work.take(context);
  return typeof step === 'string' ? step : step.value;
}
