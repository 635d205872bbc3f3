import type { StateGraph } from './state/graph.js';
import { differenceText, differences } from './state/difference.js';
import type { MemoryImage } from './vmo/frames/memory-image.js';

/** A machine's whole state at one tick: see `Computer.snapshot`. */
export class Snapshot {
  constructor(
    readonly tick: number,
    /** All but guest memory. */
    readonly graph: StateGraph,
    readonly memory: MemoryImage,
  ) {}

  /** Frames that may have changed since the snapshot before, ascending. */
  get changedFrames(): readonly number[] {
    return this.memory.changed;
  }

  /** Whether another snapshot of the machine is of the same state. */
  equals(other: Snapshot): boolean {
    return this.differencesTo(other, 1).length === 0;
  }

  /** The first `most` differences to another snapshot of the machine, or of one that runs the same, a line each. */
  differencesTo(other: Snapshot, most = 32): string[] {
    const found = differences(this.graph, other.graph, most).map(differenceText);
    this.memory.chunks.forEach((chunk, number) => {
      const others = other.memory.chunks[number];
      if (chunk === others) return;
      for (let place = 0; place < chunk.length && found.length < most; place++)
        found.push(...byteDifferences(number * chunk.length + place, chunk[place], others?.[place]));
    });
    return found.slice(0, most);
  }
}

/** The first byte in which a frame differs, as a line, if there is one. */
function byteDifferences(frame: number, a: Uint8Array | undefined, b: Uint8Array | undefined): string[] {
  if (a === b) return [];
  const length = Math.max(a?.length ?? 0, b?.length ?? 0);
  for (let at = 0; at < length; at++) {
    const [x, y] = [a?.[at] ?? 0, b?.[at] ?? 0];
    if (x !== y) return [`frame ${frame}, byte ${at}: ${x} → ${y}`];
  }
  return [];
}
