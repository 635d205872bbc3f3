import { schema, value } from '../../../state/schema.js';
import { NO_STACK, type SignalStack } from './signal-stack.js';
import { PendingSignals } from './pending-signals.js';
import { UNBLOCKABLE, type SignalSet } from './signal.js';

/** What frames tell of the last exception of a thread. */
interface LastFault {
  readonly vector: number;
  readonly errorCode: number;
  /** Of the last page fault. */
  readonly cr2: bigint;
}

/** The signals of a thread. */
export class ThreadSignals {
  /** @internal */
  static readonly state = schema('thread signals', ThreadSignals, {
    mask: value,
    savedMask: value,
    awaited: value,
    pending: value,
    stack: value,
    fault: value,
  });

  /** Those that are blocked. */
  mask: SignalSet = 0n;
  /** What `mask` is again when the call that has replaced it answers: that of rt_sigsuspend, ppoll, pselect6. */
  savedMask: SignalSet | undefined;
  /** Those that rt_sigtimedwait waits for, blocked or not. */
  awaited: SignalSet = 0n;
  stack: SignalStack = { ...NO_STACK, flags: 0 };
  fault: LastFault = { vector: 0, errorCode: 0, cr2: 0n };

  constructor(readonly pending = new PendingSignals()) {}

  /** For a thread that is made: the mask of the one that makes it, and its stack for signals where that is another copy. */
  inherit({ mask, savedMask, stack }: ThreadSignals, keepsStack: boolean): void {
    this.mask = savedMask ?? mask;
    if (keepsStack) this.stack = stack;
  }

  /** For a thread that begins another program. */
  exec(): ThreadSignals {
    const signals = new ThreadSignals(this.pending);
    signals.inherit(this, false);
    return signals;
  }

  setMask(mask: SignalSet): void {
    this.mask = mask & ~UNBLOCKABLE;
  }

  /** Another mask until the call of the thread answers, or a handler returns that has interrupted it. */
  replaceMask(mask: SignalSet): void {
    this.savedMask ??= this.mask;
    this.setMask(mask);
  }

  /** A call has answered. */
  restoreMask(): void {
    if (this.savedMask === undefined) return;
    this.mask = this.savedMask;
    this.savedMask = undefined;
  }
}
