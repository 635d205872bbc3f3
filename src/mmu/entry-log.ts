/**
 * Positions of TLB entries that were filled, so that they can be dropped without a look at all. When the log is full, it is
 * thinned out: entries that no longer hold anything, or are listed twice, go.
 */
export class EntryLog {
  private readonly entries: Int32Array;
  private count = 0;
  /** Whether a position is listed; of no length if some may be listed more than once. */
  private readonly isListed: Uint8Array;

  /** Lists at most `capacity` entries; each once if `positions`, one more than the largest position, is given. */
  constructor(
    private readonly capacity: number,
    positions = 0,
  ) {
    this.entries = new Int32Array(capacity);
    this.isListed = new Uint8Array(positions);
  }

  /** Whether entries were filled that are not listed. */
  get isFull(): boolean {
    return this.count === this.capacity;
  }

  add(entry: number, isHeld: (entry: number) => boolean): void {
    if (this.isListed[entry] === 1 || this.isFull) return;
    this.isListed[entry] = 1;
    this.entries[this.count++] = entry;
    if (this.isFull) this.thinOut(isHeld);
  }

  /** Lists nothing any more. Returns what was listed; valid until the next `add`. */
  take(): Int32Array {
    const taken = this.entries.subarray(0, this.count);
    if (this.isListed.length > 0) for (const entry of taken) this.isListed[entry] = 0;
    this.count = 0;
    return taken;
  }

  private thinOut(isHeld: (entry: number) => boolean): void {
    const held = [...new Set(this.entries)].filter(isHeld);
    // Else it would soon be thinned out again.
    if (held.length > this.capacity / 2) return;
    this.take();
    for (const entry of held) this.add(entry, isHeld);
  }
}
