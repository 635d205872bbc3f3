import { schema, value } from '../../state/schema.js';
import { RunClock } from './tasks/run-clock.js';
import { ThreadSignals } from './signals/thread-signals.js';

/** What a thread of a Linux process has besides a thread of BD0. */
export class LinuxThread {
  /** @internal */
  static readonly state = schema(
    'linux thread',
    LinuxThread,
    { tid: value, clearTid: value, robustList: value, name: value, signals: value, clock: value },
    { label: ({ tid }) => String(tid) },
  );

  /** The word that is cleared when the thread ends, and whose waiters are woken then; 0: none. */
  clearTid = 0n;
  robustList = 0n;
  /** What it is called, at most 15 bytes; undefined: as the program of its process. */
  name: Uint8Array | undefined;

  constructor(
    /** Its number for Linux; that of the first thread is that of the process. */
    readonly tid: number,
    readonly signals = new ThreadSignals(),
    /** Of the time in which it has run. */
    readonly clock = new RunClock(),
  ) {}
}
