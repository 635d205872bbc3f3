import { PAGE_SIZE } from '../../bits.js';
import { HOST_LAYOUT } from '../../memory.js';
import type { Region } from './region.js';
import type { Translation } from './translate.js';

/** A region's code, bound to the memory. */
export interface CompiledRegion extends Omit<Translation, 'bytes'> {
  readonly region: Region;
  /** Host address of its entry table. */
  readonly entryTable: number;
  readonly run: (entry: number, budget: number) => number;
}

/** There are as many regions as entry tables, at most. */
const MOST_REGIONS = HOST_LAYOUT.entryTablesBytes / PAGE_SIZE;

/**
 * The compiled regions, and who has which entry table. A region that is not in here is never entered again, so its entry
 * table can be another's; regions are taken out between runs of generated code only.
 */
export class RegionTable {
  private readonly byEntry = new Map<bigint, CompiledRegion>();
  private readonly byPage = new Map<bigint, Set<CompiledRegion>>();
  private readonly byFrame = new Map<number, Set<CompiledRegion>>();
  /** The oldest first. */
  private readonly all = new Set<CompiledRegion>();
  private readonly freeTables: number[] = [];
  private tablesEnd: number = HOST_LAYOUT.entryTables;

  /** The region that is entered at an address. */
  at(rip: bigint): CompiledRegion | undefined {
    return this.byEntry.get(rip);
  }

  /** The regions of the linear page around an address, the oldest first. */
  inPageOf(rip: bigint): readonly CompiledRegion[] {
    return [...(this.byPage.get(pageOf(rip)) ?? [])];
  }

  /** Whether some region's code lies in a frame. */
  holds(frame: number): boolean {
    return this.byFrame.has(frame);
  }

  get size(): number {
    return this.all.size;
  }

  /** The host address of an entry table for a region to come; where there is none left, the oldest region goes. */
  takeEntryTable(): number {
    if (this.freeTables.length === 0 && this.all.size === MOST_REGIONS) this.delete([...this.all][0]!);
    const free = this.freeTables.pop();
    if (free !== undefined) return free;
    const table = this.tablesEnd;
    this.tablesEnd += PAGE_SIZE;
    return table;
  }

  add(compiled: CompiledRegion): void {
    this.all.add(compiled);
    addTo(this.byPage, compiled.region.page, compiled);
    addTo(this.byFrame, frameOf(compiled), compiled);
    for (const entry of compiled.entryNumbers.keys()) this.byEntry.set(entry, compiled);
  }

  delete(compiled: CompiledRegion): void {
    if (!this.all.delete(compiled)) throw new Error('a region is taken out twice');
    this.freeTables.push(compiled.entryTable);
    deleteFrom(this.byPage, compiled.region.page, compiled);
    deleteFrom(this.byFrame, frameOf(compiled), compiled);
    const neighbours = this.inPageOf(compiled.region.page);
    for (const entry of compiled.entryNumbers.keys()) {
      if (this.byEntry.get(entry) !== compiled) continue;
      const other = neighbours.find(({ entryNumbers }) => entryNumbers.has(entry));
      if (other) this.byEntry.set(entry, other);
      else this.byEntry.delete(entry);
    }
  }

  /** Takes out the regions whose code lies in a frame; whether there were any. */
  deleteFrame(frame: number): boolean {
    const regions = this.byFrame.get(frame);
    if (!regions) return false;
    for (const compiled of [...regions]) this.delete(compiled);
    return true;
  }

  clear(): void {
    for (const { entryTable } of this.all) this.freeTables.push(entryTable);
    for (const map of [this.byEntry, this.byPage, this.byFrame, this.all]) map.clear();
  }
}

export function pageOf(rip: bigint): bigint {
  return rip - (rip % BigInt(PAGE_SIZE));
}

function frameOf({ region }: CompiledRegion): number {
  return region.physicalPage / PAGE_SIZE;
}

function addTo<K>(map: Map<K, Set<CompiledRegion>>, key: K, compiled: CompiledRegion): void {
  const set = map.get(key);
  if (set) set.add(compiled);
  else map.set(key, new Set([compiled]));
}

function deleteFrom<K>(map: Map<K, Set<CompiledRegion>>, key: K, compiled: CompiledRegion): void {
  const set = map.get(key);
  set?.delete(compiled);
  if (set?.size === 0) map.delete(key);
}
