import type { GuestMemory } from '../../../memory.js';
import { unionOf, type AddressRange } from '../../../mmu/fence.js';
import { pageOf } from '../../access/linear-page.js';
import type { CodePage } from '../compile/code-reader.js';
import { USER_VIEW, type CodeView } from '../../engine/code-view.js';
import type { Region } from '../compile/region.js';
import type { CodeRecord } from './code-record.js';
import { MOST_REGIONS, REGION_USES, RegionEntries } from '../region-entries.js';
import { RegionIndex } from './region-index.js';

/** Ticks after which uses of regions fade: their counts of 32 bits must not overflow, and one run counts up to 2^30. */
const TICKS_BETWEEN_FADES = 2 ** 29;

/** A region's function: `(entry, ticks, base, self) → RegionExit | site << 3`. */
export type RegionFunction = (entry: number, ticks: number, base: bigint, self: number) => number;

/** Compiled code of a region, wherever its bytes may lie. */
export interface CompiledCode extends Omit<CodeRecord, 'key' | 'bytes'> {
  /** SHA-256 over what it was made from, in hexadecimal digits. */
  readonly key: string;
  readonly wasmBytes: number;
  readonly module: WebAssembly.Module;
  readonly run: RegionFunction;
}

/** The code that a region consists of. */
export interface RegionExtent {
  readonly pages: readonly CodePage[];
  /** Its instructions, as the low 48 bits of addresses. */
  readonly ranges: readonly AddressRange[];
  /** Addresses that were left out because of a code stop. */
  readonly stops: readonly bigint[];
}

/** The extent of a region that was found. */
export function extentOf({ pages, nodes, stops }: Region): RegionExtent {
  const blocks = nodes.filter((node) => node !== undefined);
  const ranges = unionOf(blocks.map(({ rip, end }) => ({ start: lowBits(rip), end: lowBits(end - 1n) + 1 })));
  return { pages, ranges, stops };
}

/** Whether a region contains, or has left out, instructions in a range. */
export function isAffectedBy({ ranges, stops }: RegionExtent, { start, end }: AddressRange): boolean {
  if (ranges.some((range) => range.start < end && range.end > start)) return true;
  return stops.some((rip) => lowBits(rip) >= start && lowBits(rip) < end);
}

function lowBits(rip: bigint): number {
  return Number(BigInt.asUintN(48, rip));
}

/** Compiled code in the place where its bytes lie. */
export interface CompiledRegion extends RegionExtent {
  readonly code: CompiledCode;
  /** The linear page that its addresses count from. */
  readonly base: bigint;
  readonly view: CodeView;
  /** What was asked for: the first addresses of `entries`. */
  readonly wanted: readonly bigint[];
  readonly entries: readonly bigint[];
  /** Its place in the dispatcher's table. */
  readonly index: number;
  /** Misses of checks wider than their access that have been reported since it was made. */
  wideMisses: number;
  /** How often it has been made again. */
  timesRemade: number;
  /** Ticks that must be saved when it is made again. */
  readonly costToRemake: number;
}

/**
 * The regions, where generated code finds them and by page; and those put aside, since a page of theirs is mapped elsewhere,
 * which are not entered. Regions are put in and taken out between runs of generated code only.
 */
export class RegionTable {
  /** The view of addresses that are looked up. */
  view = USER_VIEW;
  /** By addresses as their views have them. */
  private readonly byEntry = new Map<bigint, CompiledRegion>();
  private readonly byPlace: (CompiledRegion | undefined)[] = [];
  private readonly all = new RegionIndex<CompiledRegion>();
  private readonly aside = new Set<CompiledRegion>();
  private readonly freePlaces: number[] = [];
  private placesUsed = 0;
  private readonly addresses: RegionEntries;
  private readonly uses: Uint32Array;
  /** Entries that `uses` does not count any more. */
  private usesBefore = 0;
  private ticksToFade = TICKS_BETWEEN_FADES;
  private readonly placesOfCode = new Map<CompiledCode, number>();

  constructor(
    memory: GuestMemory,
    private readonly functions: WebAssembly.Table,
  ) {
    this.addresses = new RegionEntries(memory);
    this.uses = new Uint32Array(memory.memory.buffer, REGION_USES, MOST_REGIONS);
  }

  /** The region that is entered at an address. */
  at(rip: bigint): CompiledRegion | undefined {
    const place = rip ^ this.view;
    const region = this.byEntry.get(place);
    if (!region || !this.aside.has(region)) return region;
    const other = this.otherAt(rip, this.view);
    if (other) this.byEntry.set(place, other);
    else this.byEntry.delete(place);
    return other;
  }

  /** The regions with code in the linear page around an address that can be entered, the newest first. */
  inPageOf(rip: bigint, view = this.view): readonly CompiledRegion[] {
    return [...this.all.inPage(pageOf(rip) ^ view)].filter((region) => !this.aside.has(region)).reverse();
  }

  /** The newest region with the block that begins at an address, and the entry that leads to it best. */
  around(rip: bigint): { readonly region: CompiledRegion; readonly best: bigint } | undefined {
    let newest: { region: CompiledRegion; best: bigint } | undefined;
    for (const region of this.all.inPage(pageOf(rip) ^ this.view)) {
      const best = region.code.bestEntries.get(BigInt.asIntN(64, rip - region.base));
      if (best === undefined || this.aside.has(region)) continue;
      newest = { region, best: BigInt.asUintN(64, region.base + best) };
    }
    return newest;
  }

  /** The regions put aside with code in the linear page that begins at an address, the oldest first. */
  asideInPage(linear: bigint): readonly CompiledRegion[] {
    return this.aside.size === 0
      ? []
      : [...this.all.inPage(linear ^ this.view)].filter((region) => this.aside.has(region));
  }

  /** Whether some region's code lies in a frame. */
  holds(frame: number): boolean {
    return this.all.holds(frame);
  }

  /** How many can be entered. */
  get size(): number {
    return this.all.size - this.aside.size;
  }
  /** How often regions have been entered, those counted that are gone. */
  get entered(): number {
    return this.uses.reduce((sum, uses) => sum + uses, this.usesBefore);
  }
  /** Whether a region is there, put aside or not. */
  has(region: CompiledRegion): boolean {
    return this.all.has(region);
  }
  /** Whether some region has this code. */
  isInUse(code: CompiledCode): boolean {
    return this.placesOfCode.has(code);
  }
  [Symbol.iterator](): IterableIterator<CompiledRegion> {
    return this.all[Symbol.iterator]();
  }

  /** A place in the dispatcher's table, or undefined where there is none left. */
  takePlace(): number | undefined {
    const free = this.freePlaces.pop();
    if (free !== undefined) return free;
    return this.placesUsed < MOST_REGIONS ? this.placesUsed++ : undefined;
  }

  add(region: CompiledRegion): void {
    this.all.add(region);
    this.placesOfCode.set(region.code, (this.placesOfCode.get(region.code) ?? 0) + 1);
    this.functions.set(region.index, region.code.run);
    this.byPlace[region.index] = region;
    this.open(region);
  }

  /** Makes it that a region is not entered; others may be at the same addresses, as `at` finds out. */
  putAside(region: CompiledRegion): void {
    this.aside.add(region);
    for (const entry of region.entries) {
      const place = entry ^ region.view;
      if (this.byEntry.get(place) === region) this.addresses.delete(place);
    }
  }
  /** Undoes `putAside`. */
  takeBack(region: CompiledRegion): void {
    this.aside.delete(region);
    this.open(region);
  }

  /** Makes generated code find the region of an address, if another has taken its place there. */
  refresh(rip: bigint): boolean {
    const region = this.at(rip);
    if (region && !this.addresses.has(rip ^ this.view)) this.enterAt(rip, region);
    return region !== undefined;
  }

  delete(region: CompiledRegion): void {
    if (!this.all.delete(region)) throw new Error('a region is taken out twice');
    this.leavePlace(region);
    this.byPlace[region.index] = undefined;
    this.aside.delete(region);
    for (const entry of region.entries) {
      const place = entry ^ region.view;
      if (this.byEntry.get(place) !== region) continue;
      const other = this.otherAt(entry, region.view);
      this.addresses.delete(place);
      if (!other) this.byEntry.delete(place);
      else {
        this.byEntry.set(place, other);
        this.enterAt(entry, other);
      }
    }
  }

  /** Makes its entries lead to it. */
  private open(region: CompiledRegion): void {
    region.entries.forEach((entry, index) => {
      this.byEntry.set(entry ^ region.view, region);
      this.enterAt(entry, region, index);
    });
  }

  /** The newest region that can be entered at an address. */
  private otherAt(entry: bigint, view: CodeView): CompiledRegion | undefined {
    let newest: CompiledRegion | undefined;
    for (const region of this.all.inPage(pageOf(entry) ^ view))
      if (!this.aside.has(region) && region.entries.includes(entry)) newest = region;
    return newest;
  }

  /** Removes the regions with code in a frame, including those put aside. Returns their number. */
  deleteFrame(frame: number): number {
    const regions = this.all.inFrame(frame);
    for (const region of regions) this.delete(region);
    return regions.length;
  }

  /** Deletes the regions that are affected by code stops in a range. */
  deleteAffected(range: AddressRange): void {
    for (const region of [...this.all]) if (isAffectedBy(region, range)) this.delete(region);
  }

  clear(): void {
    for (const region of this.all) this.leavePlace(region);
    this.addresses.clear();
    this.byPlace.length = 0;
    for (const collection of [this.byEntry, this.all, this.aside]) collection.clear();
  }

  /** The region that has been entered least of late, the oldest of several, leaving out one; counts of all of them fade. */
  leastUsed(except?: CompiledRegion): CompiledRegion | undefined {
    let least: CompiledRegion | undefined;
    for (const region of this.all) {
      if (region === except) continue;
      if (!least || this.uses[region.index]! < this.uses[least.index]!) least = region;
    }
    this.fade();
    return least;
  }

  /** Takes note that so many ticks have passed. */
  ran(ticks: number): void {
    this.ticksToFade -= ticks;
    if (this.ticksToFade >= 0) return;
    this.ticksToFade = TICKS_BETWEEN_FADES;
    this.fade();
  }

  /** Halves how often regions have been entered, so that what was used long ago counts less, and no count overflows. */
  fade(): void {
    for (const { index } of this.all) {
      const uses = this.uses[index]!;
      this.uses[index] = uses >>> 1;
      this.usesBefore += uses - (uses >>> 1);
    }
  }

  /** Frees the place of a region that is taken out. */
  private leavePlace({ index, code }: CompiledRegion): void {
    this.functions.set(index, null);
    this.freePlaces.push(index);
    this.usesBefore += this.uses[index]!;
    this.uses[index] = 0;
    const places = this.placesOfCode.get(code)! - 1;
    if (places > 0) this.placesOfCode.set(code, places);
    else this.placesOfCode.delete(code);
  }

  private enterAt(address: bigint, region: CompiledRegion, entry = region.entries.indexOf(address)): void {
    const { base, index, code, view } = region;
    this.addresses.set({ address: address ^ view, base, index, entry, minimumTicks: code.minimumTicks });
  }
}
