import { PAGE_SIZE } from '../../bits.js';
import { RIP } from '../state/layout.js';

const VMCALL_BYTES = 3;

/** Maximum number of places; when it is exceeded, all are discarded. */
const MOST_PLACES = 4096;

/**
 * The places of VMCALLs that the evaluator has executed. A VMCALL changes only rip, so while neither its code nor its
 * mapping has changed, the next one at the same place need not be fetched and evaluated, which takes two fifths of a
 * kernel call's time.
 */
export class VmcallPlaces {
  private readonly places = new Set<number>();

  /** `host32` holds the CPU state. */
  constructor(private readonly host32: Int32Array) {}

  /** A key for the place at rip; -1 if it is not canonical or the instruction may reach the end of its page. */
  get key(): number {
    const low = this.host32[RIP >> 2]!;
    const high = this.host32[(RIP >> 2) + 1]!;
    if ((high << 16) >> 16 !== high || (low & (PAGE_SIZE - 1)) >= PAGE_SIZE - VMCALL_BYTES) return -1;
    return (high & 0xffff) * 2 ** 32 + (low >>> 0);
  }

  /** If a VMCALL is known at rip, moves rip past it and returns true. */
  pass(): boolean {
    if (!this.places.has(this.key)) return false;
    this.host32[RIP >> 2]! += VMCALL_BYTES;
    return true;
  }

  /** Records that the evaluator has executed a VMCALL at a place. */
  add(place: number): void {
    if (place < 0) return;
    if (this.places.size >= MOST_PLACES) this.places.clear();
    this.places.add(place);
  }

  /** Discards all places, since code or mappings have changed. */
  forget(): void {
    if (this.places.size > 0) this.places.clear();
  }

  /** Discards the places in a linear page whose mapping has changed; the address is given in two halves. */
  forgetPage(linearHigh: number, linearLow: number): void {
    const start = (linearHigh & 0xffff) * 2 ** 32 + ((linearLow & -PAGE_SIZE) >>> 0);
    for (const place of this.places) if (place >= start && place < start + PAGE_SIZE) this.places.delete(place);
  }
}
