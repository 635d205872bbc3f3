import { kept, outside, schema, value } from '../../state/schema.js';
/** A queue of frames from which any frame can be removed: a doubly linked list in two arrays, with O(1) operations. */
export class FrameList {
  static readonly state = schema(
    'frame list',
    FrameList,
    {
      next: kept('hashed as the order of the frames'),
      previous: kept('hashed as the order of the frames'),
      end: outside('the size of the pool'),
      count: value,
      firstFrame: outside('the place of the pool'),
    },
    { isPart: true, computed: [{ name: 'frames', read: (list) => [...list.frames()] }] },
  );

  private readonly next: Int32Array;
  private readonly previous: Int32Array;
  /** The slot that serves as both ends of the ring. */
  private readonly end: number;
  private count = 0;

  /** For frame numbers from `firstFrame` to `endFrame` (exclusive). */
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

  /** Appends a frame that is not in the list. */
  push(frame: number): void {
    const slot = frame - this.firstFrame;
    const last = this.previous[this.end]!;
    this.link(last, slot);
    this.link(slot, this.end);
    this.count++;
  }

  /** Removes a frame that is in the list. */
  remove(frame: number): void {
    const slot = frame - this.firstFrame;
    this.link(this.previous[slot]!, this.next[slot]!);
    this.count--;
  }

  /** Removes and returns the frame that was added first. */
  shift(): number | undefined {
    if (this.count === 0) return undefined;
    const frame = this.next[this.end]! + this.firstFrame;
    this.remove(frame);
    return frame;
  }

  /** The frames in the order in which they were added. */
  *frames(): Generator<number, void, undefined> {
    for (let slot = this.next[this.end]!; slot !== this.end; slot = this.next[slot]!) yield slot + this.firstFrame;
  }

  private link(before: number, after: number): void {
    this.next[before] = after;
    this.previous[after] = before;
  }
}
