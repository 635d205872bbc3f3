import { schema, value } from '../../../state/schema.js';
import type { Process } from '../../tasks/process.js';
import type { JobChange } from '../tasks/wait-status.js';
import type { IntervalTimer } from './interval-timer.js';
import type { PosixTimer } from './posix-timer.js';
import { PendingSignals } from './pending-signals.js';
import { SignalActions } from './signal-actions.js';

/** The signals of a process: what it wants, and what was sent to it and not to one of its threads. */
export class ProcessSignals {
  /** @internal */
  static readonly state = schema('process signals', ProcessSignals, {
    process: value,
    actions: value,
    pending: value,
    stoppedBy: value,
    isStopping: value,
    goesOn: value,
    endedBy: value,
    realTimer: value,
    timers: value,
    number: value,
  });

  readonly pending = new PendingSignals();
  /** The signal that has stopped the process; 0: it runs. */
  stoppedBy = 0;
  /** Its traced threads have not all taken part in that yet, and its parent is notified when they have. */
  isStopping = false;
  /** SIGCONT has arrived: what its parent is notified of when one of its traced threads runs. */
  goesOn: JobChange | undefined;
  /** The signal that ends the process as soon as one of its threads runs; 0: none. */
  endedBy = 0;
  /** ITIMER_REAL, once it was asked for. */
  realTimer: IntervalTimer | undefined;
  /** Those of timer_create(2), by their numbers. */
  readonly timers = new Map<number, PosixTimer>();

  constructor(
    readonly process: Process,
    /** Is woken when a signal has come: see `FileSystem.takeNumber`. */
    readonly number: number,
    public actions = new SignalActions(),
  ) {}

  /** For a child: the actions of its parent, the same or a copy, and none that are pending. */
  forked(child: Process, number: number, sharesActions: boolean): ProcessSignals {
    return new ProcessSignals(child, number, sharesActions ? this.actions : this.actions.copy());
  }

  /** It begins another program. */
  exec(): void {
    this.actions = this.actions.copy();
    this.actions.forgetHandlers();
  }
}
