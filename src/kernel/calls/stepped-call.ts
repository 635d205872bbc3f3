import { schema, derived, outside, value, type Schema } from '../../state/schema.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { Steps } from '../../vmo/steps.js';
import type { CallWork } from '../tasks/thread.js';
import { Errno, KernelError } from '../errors.js';
import { identified } from '../memory/identified.js';
import { again } from '../memory/map-target.js';
import { chargeBytes } from './arguments.js';
import { PENDING, STANDING, type CallContext } from './call.js';

/** What a step takes of the host that takes no time: that of hashing 64 pages, in units of effort. */
const STEP_EFFORT = 512;
/** Bytes for which time passes at once while a VMO is hashed: those that a step hashes. */
const HASHED_BYTES_IN_PART = 2 ** 18;

/** The fields that every call in steps has, for the schema of its class. */
export const STEPPED_FIELDS = {
  parts: value,
  isStanding: derived('false where state is captured', () => false),
  result: derived('taken up in the tick in which it is known', () => undefined),
  inProgress: derived<SteppedCall<unknown>>('made again from the other fields', (call) => call.abandon()),
};

export const STEPPED_OPTIONS = { discarded: (call: SteppedCall<unknown>): void => call.abandon() };

/**
 * A call that is done in steps. Some take time; between those that take none, the machine stands still. A subclass keeps what
 * it has done in its fields, which describe it whenever time passes: `steps` goes on from there.
 */
export abstract class SteppedCall<Result> implements CallWork {
  /** Parts that have taken time. */
  private parts = 0;
  /** True while the machine stands still. */
  isStanding = false;
  private result: { readonly value: Result } | undefined;
  private inProgress: Steps<Result, number> | undefined;

  /**
   * The steps that are left, as the fields say. Each returns the bytes that it moved, for which time passes, always as many for
   * the same content, or 0: the machine stands still.
   */
  protected abstract steps(context: CallContext): Steps<Result, number>;

  /** Does a step. Returns the result in an object, or what the call is to answer now. */
  take(context: CallContext): { readonly value: Result } | typeof PENDING | typeof STANDING {
    if (this.result) return this.result;
    this.inProgress ??= this.steps(context);
    const { done, value } = this.inProgress.next();
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
    this.abandon();
  }

  /** Gives up the steps in progress; they can be made again from the fields. */
  abandon(): undefined {
    this.inProgress?.return(undefined as Result);
    this.inProgress = undefined;
  }
}

/** A call in steps that take no time: none is in progress between two ticks, so it has no state. */
export class StandingCall<Result> extends SteppedCall<Result> {
  static readonly state: Schema = schema('standing call', StandingCall, {
    ...STEPPED_FIELDS,
    all: outside('none is left where state is captured'),
  });

  constructor(private readonly all: Steps<Result, number>) {
    super();
  }

  protected steps(): Steps<Result, number> {
    return this.all;
  }

  override close(): void {
    this.all.return(undefined as Result);
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

/** The hashing of a VMO for a call, as far as it is: what other calls have in hand too. */
export class Hashing {
  static readonly state: Schema = schema('hashing', Hashing, { handle: value, vmo: value, leftBytes: value });

  /** Bytes for which no time has passed, of those that the process cannot know to be hashed. */
  private leftBytes: number;
  private readonly vmo: VmoHandle;

  /** `vmo` is that of a handle of the caller: another handle on it is kept until `close`. */
  constructor(
    { store, process }: CallContext,
    private readonly handle: bigint,
    vmo: VmoHandle,
  ) {
    this.vmo = again(store, vmo);
    this.leftBytes = process.handles.unhashedBytesOf(handle);
  }

  /** The VMO, for as long as this is not closed. */
  get held(): VmoHandle {
    return this.vmo;
  }

  /**
   * The identity of the VMO, as the steps of a call. Time passes for the bytes that the process cannot know to be hashed,
   * whether or not they are, and for nothing else. Throws HostMemoryError where its canonical form takes more of the host's
   * memory than is left when that time has passed.
   */
  *steps(context: CallContext): Steps<string, number> {
    const { store, process } = context;
    const ahead = store.hashAheadInSteps(this.vmo);
    try {
      while (this.leftBytes > HASHED_BYTES_IN_PART) {
        // It is no part of the machine's state, and takes as much of the host's memory as any cache may.
        if (!store.hasFullCaches) ahead.next();
        this.leftBytes -= HASHED_BYTES_IN_PART;
        yield HASHED_BYTES_IN_PART;
      }
    } finally {
      ahead.return();
    }
    for (const _ of identified(context, this.vmo)) yield 0;
    process.handles.wasHashed(this.handle, this.vmo);
    return this.vmo.id;
  }

  close(): void {
    this.vmo.close();
  }
}

/** A call that hashes a VMO. */
export class HashCall extends SteppedCall<string> {
  static readonly state: Schema = schema('hash call', HashCall, { ...STEPPED_FIELDS, hashing: value }, STEPPED_OPTIONS);

  private readonly hashing: Hashing;

  constructor(context: CallContext, handle: bigint, vmo: VmoHandle) {
    super();
    this.hashing = new Hashing(context, handle, vmo);
  }

  protected steps(context: CallContext): Steps<string, number> {
    return this.hashing.steps(context);
  }

  override close(): void {
    super.close();
    this.hashing.close();
  }
}
