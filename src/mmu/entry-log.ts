/**
 * Positions of TLB entries that were filled, so that they can be dropped without a look at all. When the log is full, it is
 * thinned out: entries that are listed twice, or no longer hold anything, go.
 */
export class EntryLog {
  private readonly entries: Int32Array;
  private count = 0;

  /** Lists at most `capacity` entries. */
  constructor(private readonly capacity: number) {
    this.entries = new Int32Array(capacity);
  }

  /** Whether entries were filled that are not listed. */
  get isFull(): boolean {
    return this.count === this.capacity;
  }

  add(entry: number, isHeld: (entry: number) => boolean): void {
    if (this.isFull) return;
    this.entries[this.count++] = entry;
    if (this.isFull) this.thinOut(isHeld);
  }

  /** Lists nothing any more. Returns what was listed, some of it more than once; valid until the next `add`. */
  take(): Int32Array {
    const taken = this.entries.subarray(0, this.count);
    this.count = 0;
    return taken;
  }

  private thinOut(isHeld: (entry: number) => boolean): void {
    const held = [...new Set(this.entries)].filter(isHeld);
    // Else it would soon be thinned out again.
    if (held.length > this.capacity / 2) return;
    this.entries.set(held);
    this.count = held.length;
  }
}
