import { PAGE_SIZE } from '../../bits.js';
import { EFER_SCE } from '../../mmu/entry.js';
import { isCanonicalHigh } from '../../mmu/walk.js';
import { RIP } from '../state/layout.js';
import { SYSCALL, type CpuEvent } from '../state/events.js';

/** Maximum number of places; when it is exceeded, all are discarded. */
const MOST_PLACES = 4096;

/** Events of instructions that only move rip: VMCALL and SYSCALL. */
type ExitEvent = CpuEvent & { readonly kind: 'vmcall' | 'syscall' };

interface Exit {
  readonly event: ExitEvent;
  /** Length of the instruction, with its prefixes. */
  readonly bytes: number;
}

/**
 * The places of VMCALLs and SYSCALLs that the evaluator has executed. They change only rip, so while neither their code
 * nor its mapping has changed, the next one at the same place need not be fetched and evaluated, which takes two fifths
 * of a kernel call's time.
 */
export class ExitPlaces {
  private readonly places = new Map<number, Exit>();

  /** `host32` holds the CPU state. */
  constructor(
    private readonly host32: Int32Array,
    private readonly controls: { readonly efer: number },
  ) {}

  /** A key for the place at rip; -1 if it is not canonical. */
  get key(): number {
    const low = this.host32[RIP >> 2]!;
    const high = this.host32[(RIP >> 2) + 1]!;
    if (!isCanonicalHigh(high)) return -1;
    return (high & 0xffff) * 2 ** 32 + (low >>> 0);
  }

  /** If an instruction is known at rip that exits, moves rip past it and returns its event. */
  pass(): ExitEvent | undefined {
    const exit = this.places.get(this.key);
    if (!exit || (exit.event === SYSCALL && (this.controls.efer & EFER_SCE) === 0)) return undefined;
    this.host32[RIP >> 2]! += exit.bytes;
    return exit.event;
  }

  /** Records that the evaluator has executed such an instruction at a place, and that rip is past it. */
  add(place: number, event: ExitEvent): void {
    const bytes = (this.key - place) & (PAGE_SIZE - 1);
    // An instruction that reaches the end of its page may be changed through another page.
    if (place < 0 || (place & (PAGE_SIZE - 1)) + bytes >= PAGE_SIZE) return;
    if (this.places.size >= MOST_PLACES) this.places.clear();
    this.places.set(place, { event, bytes });
  }

  /** Discards all places, since code or mappings have changed. */
  forget(): void {
    if (this.places.size > 0) this.places.clear();
  }

  /** Discards the places in a linear page whose mapping has changed; the address is given in two halves. */
  forgetPage(linearHigh: number, linearLow: number): void {
    const start = (linearHigh & 0xffff) * 2 ** 32 + ((linearLow & -PAGE_SIZE) >>> 0);
    for (const place of this.places.keys()) if (place >= start && place < start + PAGE_SIZE) this.places.delete(place);
  }
}
