import { PAGE_SIZE } from '../../bits.js';
import { RIP } from '../state/layout.js';

const VMCALL_BYTES = 3;

/** More are forgotten all at once. */
const MOST_PLACES = 4096;

/**
 * Where VMCALLs lie that the evaluator has done. A VMCALL changes nothing but rip, so as long as neither code nor a mapping
 * of it has changed, the next one at the same place need not be fetched and evaluated: two fifths of a kernel-call's time.
 */
export class VmcallPlaces {
  private readonly places = new Set<number>();

  /** `host32` holds the CPU state. */
  constructor(private readonly host32: Int32Array) {}

  /** Names the place at rip; -1: one that is not canonical, or whose instruction may end at the end of its page or behind. */
  get key(): number {
    const low = this.host32[RIP >> 2]!;
    const high = this.host32[(RIP >> 2) + 1]!;
    if ((high << 16) >> 16 !== high || (low & (PAGE_SIZE - 1)) >= PAGE_SIZE - VMCALL_BYTES) return -1;
    return (high & 0xffff) * 2 ** 32 + (low >>> 0);
  }

  /** Where a VMCALL is known at rip, puts rip behind it and answers true. */
  pass(): boolean {
    if (!this.places.has(this.key)) return false;
    this.host32[RIP >> 2]! += VMCALL_BYTES;
    return true;
  }

  /** Notes that the evaluator has done a VMCALL at a place. */
  add(place: number): void {
    if (place < 0) return;
    if (this.places.size >= MOST_PLACES) this.places.clear();
    this.places.add(place);
  }

  /** Code or mappings have changed. */
  forget(): void {
    if (this.places.size > 0) this.places.clear();
  }

  /** The mapping of one linear page has changed; its address, by halves. */
  forgetPage(linearHigh: number, linearLow: number): void {
    const start = (linearHigh & 0xffff) * 2 ** 32 + ((linearLow & -PAGE_SIZE) >>> 0);
    for (const place of this.places) if (place >= start && place < start + PAGE_SIZE) this.places.delete(place);
  }
}
