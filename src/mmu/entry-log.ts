/** Words of 32 bits in a TLB entry. */
const WORDS_OF_ENTRY = 4;

/**
 * Positions of TLB entries that were filled, so that they can be dropped without a look at all. When the log is full, it is
 * thinned out: entries that no longer hold anything, or are listed twice, go.
 */
export class EntryLog {
  private readonly entries: Int32Array;
  private count = 0;
  /** Whether an entry is listed, by its number from `first`; of no length if some may be listed more than once. */
  private readonly isListed: Uint8Array;
  private readonly first: number;

  /** Lists at most `capacity` entries; each once if `range` says where all of them are, in words of 32 bits. */
  constructor(
    private readonly capacity: number,
    range: { readonly start: number; readonly end: number } = { start: 0, end: 0 },
  ) {
    this.entries = new Int32Array(capacity);
    this.first = range.start;
    this.isListed = new Uint8Array((range.end - range.start) / WORDS_OF_ENTRY);
  }

  /** Whether entries were filled that are not listed. */
  get isFull(): boolean {
    return this.count === this.capacity;
  }

  /** All that is listed; valid until the next change. */
  get listed(): Int32Array {
    return this.entries.subarray(0, this.count);
  }

  add(entry: number, isHeld: (entry: number) => boolean): void {
    const number = (entry - this.first) / WORDS_OF_ENTRY;
    if (this.isListed[number] === 1 || this.isFull) return;
    this.isListed[number] = 1;
    this.entries[this.count++] = entry;
    if (this.isFull) this.thinOut(isHeld);
  }

  /** Lists nothing any more. Returns what was listed; valid until the next `add`. */
  take(): Int32Array {
    const taken = this.entries.subarray(0, this.count);
    if (this.isListed.length > 0) for (const entry of taken) this.isListed[(entry - this.first) / WORDS_OF_ENTRY] = 0;
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
