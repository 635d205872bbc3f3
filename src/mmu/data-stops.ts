import type { AddressRange } from './fence.js';
import { PAGE_SIZE } from '../bits.js';
import type { PagePart } from './partial-entries.js';
import { StopRanges } from './stop-ranges.js';
import { ACCESS_WRITE } from './walk.js';

/** The accesses that a data stop is for; 'access' is both. */
export type DataStopKind = 'read' | 'write' | 'access';

/** An access to bytes of which some have a data stop. */
export interface DataAccess extends AddressRange {
  readonly access: 'read' | 'write';
  /** The first byte that has a stop. */
  readonly stopped: number;
  /** The thread whose kernel call made it; undefined for an access of an instruction. */
  readonly tid: number | undefined;
  /** Whether the addresses are physical ones. */
  readonly isPhysical: boolean;
}

/**
 * Data stops: ranges of addresses, of any length and number, whose accesses are recorded. Pages with a stop have
 * no TLB entries of the kinds that could hit it, so accesses to them take the slow path, which records those that
 * touch a stop; partial entries (partial-entries.ts) make the others faster. As with DR0 to DR7, only data accesses count, not table walks (SDM Vol. 3B 17.2.4).
 *
 * All addresses here are those at which memory lies (`TranslationContext.homeOf`), given as their low 48 bits: an access
 * counts in whatever window it is made, and none to other memory that is seen at the same linear address.
 */
export class DataStops {
  /** The thread on whose behalf the kernel accesses memory. */
  callOf: number | undefined;
  private readonly reads = new StopRanges();
  private readonly writes = new StopRanges();
  /** Physical addresses to which stores are recorded, wherever they are mapped. */
  private readonly physical = new StopRanges();
  /** Accesses since `takeAccesses` was called last, each once. */
  private accesses: DataAccess[] = [];

  /** Whether there are no stops: a field, since it is tested at every miss of the TLB. */
  isEmpty = true;

  /** Use `DerivedEntries.addDataStop` instead, which also keeps the TLB up to date. */
  add(range: AddressRange, kind: DataStopKind): void {
    if (kind !== 'write') this.reads.add(range);
    if (kind !== 'read') this.writes.add(range);
    this.isEmpty = false;
  }

  /** Throws RangeError if the range was not added with this kind. */
  delete(range: AddressRange, kind: DataStopKind): void {
    if (kind !== 'write') this.reads.delete(range);
    if (kind !== 'read') this.writes.delete(range);
    this.isEmpty = this.reads.isEmpty && this.writes.isEmpty;
  }

  /**
   * Whether the page of an address must have no TLB entry for an access (a combination of ACCESS_ bits). An entry for
   * writes also serves the reads of instructions that do both, so it must not exist if the page has a read stop.
   */
  excludes(address: number, access: number): boolean {
    if (this.isEmpty) return false;
    return this.reads.touchesPage(address) || ((access & ACCESS_WRITE) !== 0 && this.writes.touchesPage(address));
  }

  /** The bytes between the first and the last stop in the page of an address, which has some. */
  partOf(address: number): PagePart {
    const page = address - (address % PAGE_SIZE);
    const extents = [this.reads, this.writes].flatMap(
      (ranges) => ranges.extentIn({ start: page, end: page + PAGE_SIZE }) ?? [],
    );
    const low = Math.min(...extents.map(({ start }) => start)) - page;
    return { low, high: Math.max(...extents.map(({ end }) => end)) - page };
  }

  /** Whether any stop lies in the pages of a range that spans at most two pages. */
  touches({ start, end }: AddressRange): boolean {
    if (this.isEmpty) return false;
    return [this.reads, this.writes].some((ranges) => ranges.touchesPage(start) || ranges.touchesPage(end - 1));
  }

  /** Records an access if it touches a stop of its kind. */
  note(start: number, bytes: number, access: 'read' | 'write'): void {
    const part = (access === 'read' ? this.reads : this.writes).firstWithin({ start, end: start + bytes });
    if (!part) return;
    const noted = { start, end: start + bytes, access, stopped: part.start, tid: this.callOf, isPhysical: false };
    if (!this.accesses.some((known) => isSame(known, noted))) this.accesses.push(noted);
  }

  /** Use `DerivedEntries.addPhysicalStop` instead, which makes all stores to the frames take the slow path. */
  addPhysical(range: AddressRange): void {
    this.physical.add(range);
  }

  /** Throws RangeError if the range was not added. */
  deletePhysical(range: AddressRange): void {
    this.physical.delete(range);
  }

  /** Whether a physical stop lies in a frame. */
  hasPhysical(frame: number): boolean {
    return this.physical.touchesPage(frame * PAGE_SIZE);
  }

  /** Records a store to physical memory if it touches a stop. */
  notePhysical(start: number, bytes: number): void {
    const part = this.physical.firstWithin({ start, end: start + bytes });
    if (!part) return;
    const noted = { start, end: start + bytes, access: 'write' as const, stopped: part.start, tid: this.callOf };
    this.accesses.push({ ...noted, isPhysical: true });
  }

  /** As `note`, for an access of the kernel, which counts if it is on behalf of a thread. */
  noteCall(start: number, bytes: number, access: 'read' | 'write'): void {
    if (this.callOf !== undefined && !this.isEmpty) this.note(start, bytes, access);
  }

  get hasAccesses(): boolean {
    return this.accesses.length > 0;
  }

  /** The recorded accesses in the order in which they were made; they are forgotten. */
  takeAccesses(): readonly DataAccess[] {
    const { accesses } = this;
    if (accesses.length > 0) this.accesses = [];
    return accesses;
  }
}

function isSame(a: DataAccess, b: DataAccess): boolean {
  return (
    a.start === b.start && a.end === b.end && a.access === b.access && a.tid === b.tid && a.isPhysical === b.isPhysical
  );
}
