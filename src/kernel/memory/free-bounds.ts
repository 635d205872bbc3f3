import { partitionPoint } from '../../sorted.js';
import type { LinearAddress } from './linear-address.js';

/** No free range that begins below an address is larger than so many bytes. */
export interface FreeBound {
  readonly below: LinearAddress;
  readonly largest: number;
}

/**
 * What searches for the lowest free range have found, so that later ones do not pass the same mappings again. Mappings that are
 * added only make free ranges smaller: the bounds still hold.
 */
export class FreeBounds {
  /** Ascending in both numbers. */
  private readonly bounds: FreeBound[] = [];

  /** The range that is searched. */
  constructor(
    readonly from: LinearAddress,
    readonly to: LinearAddress,
  ) {}

  /** Where a search for so many bytes begins. */
  before(size: number): FreeBound {
    const count = partitionPoint(this.bounds.length, (index) => this.bounds[index]!.largest < size);
    return this.bounds[count - 1] ?? { below: this.from, largest: 0 };
  }

  add(bound: FreeBound): void {
    const { bounds } = this;
    const first = partitionPoint(bounds.length, (index) => bounds[index]!.largest < bound.largest);
    const end = partitionPoint(bounds.length, (index) => bounds[index]!.below <= bound.below);
    // Those between say less than the new one.
    if (first <= end) bounds.splice(first, end - first, bound);
  }

  /** Mappings were removed. `start` and `end` are those of what is free there now, as far as it was not before. */
  free(start: LinearAddress, end: LinearAddress): void {
    if (end <= this.from) return;
    const at = Math.max(start, this.from);
    const first = partitionPoint(this.bounds.length, (index) => this.bounds[index]!.below <= at);
    const [bound] = this.bounds.splice(first);
    if (bound) this.add({ below: at, largest: bound.largest });
  }
}
