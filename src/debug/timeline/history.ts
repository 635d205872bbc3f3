import { PAGE_SIZE } from '../../bits.js';
import type { Snapshot } from '../../snapshot.js';
import { partitionPoint } from '../../sorted.js';

/** A snapshot, and where the input log stood. */
export interface HistoryPoint {
  readonly snapshot: Snapshot;
  readonly cursor: number;
  /** How often the machine had asked for console input at the tick: see Inputs. */
  readonly misses: number;
  /** Puts back what the machine knows besides its state. */
  readonly putAside: () => void;
  /** Frames that may have changed since the point before. */
  changed: ReadonlySet<number>;
}

/** Host memory of a snapshot besides the pages that it has for itself: its graph, roughly. */
const POINT_BYTES = 65536;

/**
 * Snapshots by their ticks, within a budget of memory. If there are too many, those go that are closest to their neighbours for
 * their age, so that distances grow with age. The first one stays: it is the beginning of history.
 */
export class History {
  private readonly points: HistoryPoint[] = [];
  private bytes = 0;

  constructor(private readonly maxBytes: number) {}

  get first(): HistoryPoint | undefined {
    return this.points[0];
  }

  get last(): HistoryPoint | undefined {
    return this.points.at(-1);
  }

  /** Approximate host memory, in bytes. */
  get usedBytes(): number {
    return this.bytes;
  }

  get count(): number {
    return this.points.length;
  }

  /** Adds a snapshot of a later tick than all others, or of the last one: it takes the place of that. */
  add(given: HistoryPoint): void {
    const { snapshot } = given;
    const { last } = this;
    const changed = new Set(given.changed);
    if (last?.snapshot.tick === snapshot.tick) {
      for (const frame of last.changed) changed.add(frame);
      this.bytes -= bytesOf(this.points.pop()!);
    }
    const point = { ...given, changed };
    this.points.push(point);
    this.bytes += bytesOf(point);
    while (this.bytes > this.maxBytes && this.points.length > 2) this.removeOne();
  }

  /** The last point at or before a tick. */
  before(tick: number): HistoryPoint | undefined {
    return lastBefore(this.points, tick);
  }

  /** The first point after a tick. */
  after(tick: number): HistoryPoint | undefined {
    return this.points.find(({ snapshot }) => snapshot.tick > tick);
  }

  /** Forgets points after a tick. */
  truncate(tick: number): void {
    while (this.points.length > 0 && this.points.at(-1)!.snapshot.tick > tick)
      this.bytes -= bytesOf(this.points.pop()!);
  }

  private removeOne(): void {
    const { points } = this;
    const now = points.at(-1)!.snapshot.tick;
    let least = 1;
    let leastValue = Infinity;
    for (let index = 1; index < points.length - 1; index++) {
      const span = points[index + 1]!.snapshot.tick - points[index - 1]!.snapshot.tick;
      const value = span / (now - points[index]!.snapshot.tick + 1);
      if (value < leastValue) [least, leastValue] = [index, value];
    }
    const [removed] = points.splice(least, 1);
    const next = points[least]!;
    this.bytes -= bytesOf(removed!) + bytesOf(next);
    next.changed = new Set([...removed!.changed, ...next.changed]);
    this.bytes += bytesOf(next);
  }
}

/** The last of some points, ascending, at or before a tick. */
export function lastBefore(points: readonly HistoryPoint[], tick: number): HistoryPoint | undefined {
  return points[partitionPoint(points.length, (index) => points[index]!.snapshot.tick <= tick) - 1];
}

function bytesOf({ changed }: HistoryPoint): number {
  return POINT_BYTES + changed.size * PAGE_SIZE;
}
