import { PAGE_SIZE } from '../bits.js';
import { changesBetween, type Alias, type SlotChange } from './alias.js';
import { DataStops } from './data-stops.js';
import { addressOf, type WriteFence } from './fence.js';
import type { WriteEntries } from './tlb.js';

/** Maximum number of inactive fences whose write entries are kept. */
const MOST_FENCES_KEPT = 16;

/** What decides, besides the page tables below the root, where addresses lead and which stores are fast. */
export class TranslationContext {
  /** Where memory is seen elsewhere than where it lies. */
  aliases: readonly Alias[] = [];
  /** The write fence that is active. */
  fence: WriteFence | undefined;
  readonly dataStops = new DataStops();
  /** Called when something else is seen in some slots, since another root is in use. */
  onSwitched: (changes: readonly SlotChange[]) => void = () => {};
  /** Called when what lies at a page was fetched from, in some window, and has changed. */
  onHomeChanged: (home: number) => void = () => {};
  /** Called when some aliases will not be used again. */
  onForgotten: (aliases: readonly Alias[]) => void = () => {};
  /** Write entries of inactive fences, by key; the most recently stored are last. */
  private readonly keptWrites = new Map<string | undefined, WriteEntries>();

  /** Whether something else than what lies at an address, given as its low 48 bits, is seen there. */
  isHidden(address: number): boolean {
    return this.aliases.some(({ window, size }) => address >= window && address < window + size);
  }

  /** Where what is seen at an address lies; both are given as their low 48 bits. */
  homeOf(address: number): number {
    for (const { window, home, size } of this.aliases)
      if (address >= window && address < window + size) return address - window + home;
    return address;
  }

  /** As `homeOf`, for an address in two halves. */
  homeAt(linearHigh: number, linearLow: number): number {
    const address = addressOf(linearHigh, linearLow);
    return this.aliases.length > 0 ? this.homeOf(address) : address;
  }

  /** Whether the fence owns a whole page, so that stores to it need not be reported. */
  ownsPage(linearHigh: number, linearLow: number): boolean {
    if (!this.fence) return true;
    const page = addressOf(linearHigh, linearLow & ~(PAGE_SIZE - 1));
    return this.fence.owns(page, page + PAGE_SIZE);
  }

  /** Whether the page of an address has a data stop that an access (a combination of ACCESS_ bits) could hit. */
  hasDataStop(linearHigh: number, linearLow: number, access: number): boolean {
    return !this.dataStops.isEmpty && this.dataStops.excludes(this.homeAt(linearHigh, linearLow), access);
  }

  /** Calls `visit` for each address, besides its own, at which what lies at an address is seen. */
  forEachWindow(address: number, visit: (window: number) => void): void {
    for (const { window, home, size } of this.aliases)
      if (address >= home && address < home + size) visit(window + address - home);
  }

  /** Uses other aliases. Returns what that changes. */
  switchTo(aliases: readonly Alias[]): readonly SlotChange[] {
    const changes = changesBetween(this.aliases, aliases);
    this.aliases = aliases;
    // They are of all slots, and not known by slot.
    this.keptWrites.clear();
    return changes;
  }

  /** Keeps the write entries that an inactive fence had, if they are known. */
  keepWrites(fence: WriteFence | undefined, entries: WriteEntries | undefined): void {
    this.keptWrites.delete(fence?.key);
    if (!entries) return;
    this.keptWrites.set(fence?.key, entries);
    const [oldest] = this.keptWrites.keys();
    if (this.keptWrites.size > MOST_FENCES_KEPT) this.keptWrites.delete(oldest);
  }

  /** The write entries that were kept for a fence. */
  writesOf(fence: WriteFence | undefined): WriteEntries | undefined {
    return this.keptWrites.get(fence?.key);
  }

  forgetWrites(): void {
    this.keptWrites.clear();
  }
}
