import { partitionPoint } from '../../sorted.js';

/** How much output a machine has written up to each tick: so its page can show the console of any tick. */
export class OutputLog {
  private readonly ticks: number[] = [];
  private readonly totals: number[] = [];

  /** Notes bytes that were written at a tick. What was written later is forgotten. Returns the number of bytes before them. */
  add(tick: number, bytes: number): number {
    const kept = this.countAt(tick);
    this.ticks.length = this.totals.length = kept;
    const before = this.totals[kept - 1] ?? 0;
    if (this.ticks[kept - 1] === tick) this.totals[kept - 1] = before + bytes;
    else {
      this.ticks.push(tick);
      this.totals.push(before + bytes);
    }
    return before;
  }

  /** Bytes written up to a tick. */
  bytesAt(tick: number): number {
    return this.totals[this.countAt(tick) - 1] ?? 0;
  }

  /** Entries up to a tick. */
  private countAt(tick: number): number {
    return partitionPoint(this.ticks.length, (index) => this.ticks[index]! <= tick);
  }
}
