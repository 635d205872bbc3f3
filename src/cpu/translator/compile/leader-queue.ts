/** The beginning of a block that a region may take in. */
export interface Leader {
  readonly rip: bigint;
  /** How hot it is; the hottest are taken in first. */
  readonly heat: number;
}

interface Place extends Leader {
  readonly order: number;
}

/** Leaders, the hottest first; of those that are equally hot, the one that came first. A binary heap. */
export class LeaderQueue {
  private readonly heap: Place[] = [];
  private added = 0;

  push({ rip, heat }: Leader): void {
    const { heap } = this;
    const place = { rip, heat, order: this.added++ };
    let at = heap.push(place) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(place, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = place;
  }

  pop(): Leader | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      const child = left + 1 < heap.length && isBefore(heap[left + 1]!, heap[left]!) ? left + 1 : left;
      if (child >= heap.length || !isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Place, b: Place): boolean {
  return a.heat > b.heat || (a.heat === b.heat && a.order < b.order);
}
