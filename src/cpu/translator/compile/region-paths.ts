import type { Label } from '../../wasm/encoding/code.js';
import type { Origin } from '../../wasm/encoding/value.js';
import { GENERAL_REGISTERS } from './region-registers.js';
import type { Knowledge } from './region-compiler.js';

/** Where the paths through a region meet in its code, and what is known on each of them. Nodes are those of Flow. */
export class RegionPaths {
  /** Labels of the loops around the current code, and of the merges after it. */
  readonly loops = new Map<number, Label>();
  readonly merges = new Map<number, Label>();
  /** Knowledge at the end of each block. */
  readonly departures = new Map<number, Knowledge>();
  /** Origins of the registers on each path to a merge. */
  private readonly arrivals = new Map<number, (readonly Origin[])[]>();

  /** Notes that a path leads to a merge from the current code. */
  noteArrival(merge: number, { origins }: Knowledge): void {
    const known = this.arrivals.get(merge);
    if (known) known.push(origins);
    else this.arrivals.set(merge, [origins]);
  }

  /** Origins of the registers at a merge: those that all paths agree on, and fresh ones for the others. */
  originsAt(merge: number, makeFresh: () => Origin): Origin[] {
    const arrivals = this.arrivals.get(merge) ?? [];
    const origins: Origin[] = [];
    for (let register = 0; register < GENERAL_REGISTERS; register++) {
      const first = arrivals[0]?.[register];
      const agree = first && arrivals.every((known) => isSame(known[register]!, first));
      origins.push(agree ? first : makeFresh());
    }
    return origins;
  }
}

function isSame(a: Origin, b: Origin): boolean {
  return a.root === b.root && a.offset === b.offset;
}
