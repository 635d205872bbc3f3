/** Lets messages arrive, and waits. */
export class Turns {
  private readonly channel = new MessageChannel();
  private ended: () => void = () => {};
  private wakeUp: () => void = () => {};

  constructor() {
    this.channel.port1.onmessage = () => this.ended();
  }

  /** Resolves after the messages that have arrived. A channel has none of the delay that browsers give to nested timeouts. */
  next(): Promise<void> {
    return new Promise((done) => {
      this.ended = done;
      this.channel.port2.postMessage(undefined);
    });
  }

  /** Resolves after so many milliseconds, or when `wake` is called. */
  sleep(milliseconds: number): Promise<void> {
    return new Promise((done) => {
      const timer =
        milliseconds < Infinity
          ? setTimeout(() => this.wake(), Math.min(Math.ceil(milliseconds), 2 ** 31 - 1))
          : undefined;
      this.wakeUp = () => {
        clearTimeout(timer);
        this.wakeUp = () => {};
        done();
      };
    });
  }

  /** Ends the current sleep. */
  wake(): void {
    this.wakeUp();
  }

  close(): void {
    this.channel.port1.close();
    this.wake();
  }
}

const FIRST_TICKS = 10_000;
const LONGEST_TICKS = 2 ** 26;
/** What a slice takes, on average; one with slow instructions may take longer. */
const SLICE_MS = 7;

/** The lengths of slices, fitted to SLICE_MS: a key or a click has an effect after the current slice. */
export class Slices {
  ticks = FIRST_TICKS;

  /** A slice has run so many ticks in so many milliseconds. */
  fit(milliseconds: number, ticks: number): void {
    // One that ended early says nothing about how long a longer one takes.
    const most = ticks >= this.ticks / 2 ? 2 : 1;
    const factor = Math.min(SLICE_MS / Math.max(milliseconds, 0.1), most);
    this.ticks = Math.min(Math.max(1000, Math.floor(this.ticks * factor)), LONGEST_TICKS);
  }
}
