import type { StateWriter } from '../../state/state-writer.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { Steps } from '../../vmo/steps.js';
import type { CallWork } from '../tasks/thread.js';
import { Errno, KernelError } from '../errors.js';
import { identified } from '../memory/identified.js';
import { chargeBytes } from './arguments.js';
import { PENDING, STANDING, type CallContext } from './call.js';

/** What a step takes of the host that takes no time: that of hashing 64 pages, in units of effort. */
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
      context.kernel.work.add(STEP_EFFORT);
      return STANDING;
    }
    this.parts++;
    chargeBytes(context, value);
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

/** A call that is done in steps and may fail in the middle: the error instead of the result. */
export function takeStep<Result>(
  work: SteppedCall<Result>,
  context: CallContext,
): { readonly value: Result } | typeof PENDING | typeof STANDING | Errno {
  try {
    return work.take(context);
  } catch (error) {
    if (error instanceof KernelError) return error.errno;
    throw error;
  }
}

/**
 * The identity of the VMO of a handle of the caller, as the steps of a call. Time passes for the bytes that the process
 * cannot know to be hashed, whether or not they are, and for nothing else. `vmo` is another handle on it. Throws
 * HostMemoryError where its canonical form takes more of the host's memory than is left when that time has passed.
 */
export function* hashed(context: CallContext, handle: bigint, vmo: VmoHandle): Steps<string, number> {
  const { store, process } = context;
  const { handles } = process;
  const ahead = store.hashAheadInSteps(vmo);
  try {
    for (let left = handles.unhashedBytesOf(handle); left > HASHED_BYTES_IN_PART; left -= HASHED_BYTES_IN_PART) {
      // It is no part of the machine's state, and takes as much of the host's memory as any cache may.
      if (!store.hasFullCaches) ahead.next();
      yield HASHED_BYTES_IN_PART;
    }
  } finally {
    ahead.return();
  }
  for (const _ of identified(context, vmo)) yield 0;
  handles.wasHashed(handle, vmo);
  return vmo.id;
}
