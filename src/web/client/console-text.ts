import type { MachineClient } from './machine-client.js';

/** Output that is kept to show the console of the past; of more, the oldest is forgotten. */
const KEPT_BYTES = 2 ** 22;

/** What shows the console. `write` calls `done` when it has shown the bytes. */
export interface Screen {
  write(bytes: Uint8Array, done: () => void): void;
  clear(): void;
}

/** Keeps the output of a machine, and shows that of the tick at which it is. */
export class ConsoleText {
  private kept = new Uint8Array(2 ** 16);
  /** The output has `start` bytes before the kept ones, and `end` in all. */
  private start = 0;
  private end = 0;
  private shown = 0;
  private readonly remove: (() => void)[];

  constructor(
    private readonly machine: MachineClient,
    private readonly screen: Screen,
  ) {
    this.remove = [
      machine.on('output', ({ at, bytes }) => this.add(at, bytes)),
      machine.on('status', ({ outputBytes }) => this.show(outputBytes)),
    ];
  }

  close(): void {
    for (const each of this.remove) each();
  }

  private add(at: number, bytes: Uint8Array): void {
    this.end = Math.min(this.end, at);
    this.reserve(bytes.length);
    this.kept.set(bytes, this.end - this.start);
    this.end += bytes.length;
    if (this.shown > at) this.show(at);
    this.shown = this.end;
    this.screen.write(bytes, () => this.machine.shown(bytes.length));
  }

  /** Shows the first bytes of the output. */
  private show(count: number): void {
    const to = Math.min(count, this.end);
    if (to < this.shown) {
      this.screen.clear();
      this.shown = Math.min(this.start, to);
    }
    if (to > this.shown) this.screen.write(this.kept.slice(this.shown - this.start, to - this.start), () => {});
    this.shown = to;
  }

  private reserve(bytes: number): void {
    const length = this.end - this.start;
    if (length + bytes <= this.kept.length) return;
    const dropped = Math.min(length, Math.max(0, length + bytes - KEPT_BYTES / 2));
    const next = new Uint8Array(Math.max(2 * (length - dropped + bytes), 2 ** 16));
    next.set(this.kept.subarray(dropped, length));
    this.kept = next;
    this.start += dropped;
  }
}
