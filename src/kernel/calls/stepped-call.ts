import type { StateWriter } from '../../state/state-writer.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { Steps } from '../../vmo/steps.js';
import type { CallWork } from '../tasks/thread.js';
import { spendOn } from './arguments.js';
import { PENDING, STANDING, type CallContext } from './call.js';

/** What a step takes of the host that takes no time: that of hashing 64 pages, in units of `KernelServices.exert`. */
const STEP_EFFORT = 512;
/** Bytes for which time passes at once while a VMO is hashed: those that a step hashes. */
const HASHED_BYTES_IN_PART = 2 ** 18;

/** A call that is done in steps. */
export class SteppedCall<Result> implements CallWork {
  /** Parts that have taken time. */
  private parts = 0;
  /** True while the machine stands still. */
  isStanding = false;
  private result: { readonly value: Result } | undefined;

  /**
   * Each step answers the bytes that it moved, for which time passes, always as many for the same content; or 0: the machine
   * stands still. `held` are closed at the end.
   */
  constructor(
    private readonly steps: Steps<Result, number>,
    private readonly held: readonly (VmoHandle | undefined)[] = [],
  ) {}

  /** Does a step. Answers the result in an object, or what the call is to answer now. */
  take(context: CallContext): { readonly value: Result } | typeof PENDING | typeof STANDING {
    if (this.result) return this.result;
    const { done, value } = this.steps.next();
    if (done) return (this.result = { value });
    this.isStanding = value === 0;
    if (this.isStanding) {
      context.kernel.exert(STEP_EFFORT);
      return STANDING;
    }
    this.parts++;
    spendOn(context, value);
    return PENDING;
  }

  close(): void {
    this.steps.return(undefined as Result);
    for (const vmo of this.held) vmo?.close();
  }

  /** How far it is while the machine stands still leaves no trace in it. */
  writeState(out: StateWriter): void {
    out.number(this.parts);
    for (const vmo of this.held) out.text(vmo?.contentId ?? '');
  }
}

/**
 * The identity of the VMO of a handle of the caller, as the steps of a call. Time passes for the bytes that the process
 * cannot know to be hashed, whether or not they are, and for nothing else. `vmo` is another handle on it.
 */
export function* hashed({ store, process }: CallContext, handle: bigint, vmo: VmoHandle): Steps<string, number> {
  const { handles } = process;
  const steps = store.identifyInSteps(vmo);
  let step = steps.next();
  for (let left = handles.unhashedBytesOf(handle); left > HASHED_BYTES_IN_PART; left -= HASHED_BYTES_IN_PART) {
    yield HASHED_BYTES_IN_PART;
    if (!step.done) step = steps.next();
  }
  for (; !step.done; step = steps.next()) yield 0;
  handles.wasHashed(handle, vmo);
  return step.value;
}
