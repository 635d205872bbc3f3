/** The numbers of signals in Linux, whatever they are here. */
export const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGPIPE: 13, SIGTERM: 15 } as const;

/** Those that end bd0. */
const HEARD = ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGTERM'] as const;

/** What ends a wait: input that has come, or a signal. */
export class Bell {
  private rung = false;
  private answer: (() => void) | undefined;

  ring(): void {
    this.rung = true;
    this.answer?.();
  }

  /** Resolves when the bell rings, or has rung since the last wait; or after some milliseconds, Infinity for never. */
  async wait(ms: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    if (!this.rung)
      await new Promise<void>((done) => {
        this.answer = done;
        if (ms < Infinity) timer = setTimeout(done, Math.min(ms, 2 ** 31 - 1));
      });
    clearTimeout(timer);
    this.answer = undefined;
    this.rung = false;
  }
}

/** The signals that end bd0. They are heard when the event loop turns, so that what they end can be brought to an end. */
export class Signals {
  /** The number of the first one that came. */
  received: number | undefined;
  private readonly hear: (name: NodeJS.Signals) => void;

  constructor(onSignal: () => void) {
    this.hear = (name) => {
      this.received ??= SIGNALS[name as (typeof HEARD)[number]];
      onSignal();
    };
    this.listen();
  }

  /** Does what keeps the event loop from turning: a signal that comes meanwhile ends the host's process at once. */
  whileBlocking(work: () => void): void {
    for (const name of HEARD) process.off(name, this.hear);
    try {
      work();
    } finally {
      this.listen();
    }
  }

  private listen(): void {
    for (const name of HEARD) process.on(name, this.hear);
  }
}
