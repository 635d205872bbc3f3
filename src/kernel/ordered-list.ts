import { partitionPoint } from '../sorted.js';

/** Items that a chunk holds at most: so many are moved by an insertion, and the list of chunks stays short. */
const CHUNK_MAX = 512;

/** A negative number where `a` comes before `b`, 0 where they are equal, else a positive one. */
export type Compare<T> = (a: T, b: T) => number;

/**
 * Distinct items in order, in chunks: adding, removing and finding one costs a binary search and moves one chunk; finding
 * one by its number costs a look at each chunk.
 */
export class OrderedList<T> {
  /** None is empty. */
  private readonly chunks: T[][] = [];
  private count = 0;

  constructor(private readonly compare: Compare<T>) {}

  get size(): number {
    return this.count;
  }

  /** Returns false, with nothing changed, where an equal item is there already. */
  add(item: T): boolean {
    const chunk = this.chunks[Math.max(0, this.chunkOf(item))];
    if (!chunk) {
      this.chunks.push([item]);
      this.count++;
      return true;
    }
    const at = this.placeIn(chunk, item);
    if (at > 0 && this.compare(chunk[at - 1]!, item) === 0) return false;
    chunk.splice(at, 0, item);
    this.count++;
    if (chunk.length > CHUNK_MAX)
      this.chunks.splice(this.chunks.indexOf(chunk) + 1, 0, chunk.splice(chunk.length >>> 1));
    return true;
  }

  /** Returns false where no equal item is there. */
  delete(item: T): boolean {
    const index = this.chunkOf(item);
    const chunk = this.chunks[index];
    if (!chunk) return false;
    const at = this.placeIn(chunk, item) - 1;
    if (at < 0 || this.compare(chunk[at]!, item) !== 0) return false;
    chunk.splice(at, 1);
    if (chunk.length === 0) this.chunks.splice(index, 1);
    this.count--;
    return true;
  }

  /** The first item. */
  get first(): T | undefined {
    return this.chunks[0]?.[0];
  }

  /** At most `count` items, from item number `first` on. */
  slice(first: number, count: number): T[] {
    const found: T[] = [];
    let skipped = 0;
    for (const chunk of this.chunks) {
      if (found.length >= count) break;
      if (skipped + chunk.length > first) {
        const from = Math.max(0, first - skipped);
        for (let at = from; at < chunk.length && found.length < count; at++) found.push(chunk[at]!);
      }
      skipped += chunk.length;
    }
    return found;
  }

  *[Symbol.iterator](): Generator<T, void, undefined> {
    for (const chunk of this.chunks) yield* chunk;
  }

  /** The last chunk that begins with the item or one before it; -1 if all begin after it. */
  private chunkOf(item: T): number {
    const { chunks, compare } = this;
    return partitionPoint(chunks.length, (index) => compare(chunks[index]![0]!, item) <= 0) - 1;
  }

  /** Number of items of a chunk up to and including the item. */
  private placeIn(chunk: readonly T[], item: T): number {
    return partitionPoint(chunk.length, (index) => this.compare(chunk[index]!, item) <= 0);
  }
}
