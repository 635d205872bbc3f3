/** The numbers of signals in Linux, whatever they are here. */
export const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGPIPE: 13, SIGTERM: 15 } as const;

/** Those that end bd0. */
const HEARD = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const;

/** The longest delay of a timer of Node's; a longer one would end at once. */
const LONGEST_DELAY_MS = 2 ** 31 - 1;

/** Ends a wait when something has happened: input has come, output has been taken, or a signal has come. */
export class Bell {
  private rung = false;
  private answer: (() => void) | undefined;

  ring(): void {
    this.rung = true;
    this.answer?.();
  }

  /**
   * Resolves when the bell rings, or at once if it has rung since the last wait; or after some milliseconds. It may resolve
   * earlier than that, after 24 days. Node stays alive during a wait, even if nothing is left that could ring.
   */
  async wait(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    if (!this.rung)
      await new Promise<void>((done) => {
        this.answer = done;
        timer = setTimeout(done, Math.min(ms, LONGEST_DELAY_MS));
      });
    clearTimeout(timer);
    this.answer = undefined;
    this.rung = false;
  }
}

/**
 * The signals that end bd0. The first one is heard when the event loop turns, so that a command can end in order; from then
 * on their default action holds, so that a second one ends the process at once, whatever it is doing.
 */
export class Signals {
  /** The number of the first one that came. */
  received: number | undefined;

  /** `onSignal` is called for the first one, with its default action restored. */
  constructor(onSignal: () => void) {
    const hear = (name: NodeJS.Signals): void => {
      for (const heard of HEARD) process.off(heard, hear);
      this.received = SIGNALS[name as (typeof HEARD)[number]];
      onSignal();
    };
    for (const name of HEARD) process.on(name, hear);
  }
}
