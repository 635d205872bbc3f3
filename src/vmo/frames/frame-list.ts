/** A queue of frames from which any frame can be taken out: a doubly linked list in two arrays, every step O(1). */
export class FrameList {
  private readonly next: Int32Array;
  private readonly previous: Int32Array;
  /** The slot that is both ends of the ring. */
  private readonly end: number;
  private count = 0;

  /** For frame numbers from `firstFrame` up to, and without, `endFrame`. */
  constructor(
    private readonly firstFrame: number,
    endFrame: number,
  ) {
    this.end = endFrame - firstFrame;
    this.next = new Int32Array(this.end + 1);
    this.previous = new Int32Array(this.end + 1);
    this.next[this.end] = this.previous[this.end] = this.end;
  }

  get size(): number {
    return this.count;
  }

  /** Puts a frame that is not in the list at its end. */
  push(frame: number): void {
    const slot = frame - this.firstFrame;
    const last = this.previous[this.end]!;
    this.link(last, slot);
    this.link(slot, this.end);
    this.count++;
  }

  /** Takes out a frame that is in the list. */
  remove(frame: number): void {
    const slot = frame - this.firstFrame;
    this.link(this.previous[slot]!, this.next[slot]!);
    this.count--;
  }

  /** Takes out the frame that was put in first. */
  shift(): number | undefined {
    if (this.count === 0) return undefined;
    const frame = this.next[this.end]! + this.firstFrame;
    this.remove(frame);
    return frame;
  }

  /** The frames, the one that was put in first at the front. */
  *frames(): Generator<number, void, undefined> {
    for (let slot = this.next[this.end]!; slot !== this.end; slot = this.next[slot]!) yield slot + this.firstFrame;
  }

  private link(before: number, after: number): void {
    this.next[before] = after;
    this.previous[after] = before;
  }
}
