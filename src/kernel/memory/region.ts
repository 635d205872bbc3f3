import { PAGE_SIZE, hex } from '../../bits.js';
import type { VmoHandle, VmoPage } from '../../vmo/handle.js';
import { ChangedPages } from './pages/changed-pages.js';
import { FreeBounds } from './free-bounds.js';
import { toLinear, type LinearAddress } from './linear-address.js';
import {
  PROTECTION_READ,
  PROTECTION_WRITE,
  backingPage,
  homePage,
  reachableEnd,
  sharedFrom,
  type MappedFile,
  type Mapping,
  type SharedPart,
} from './mapping.js';
import type { SharedMemory } from './shared-memory.js';
import { findLast } from '../../sorted.js';
import { HostMemory } from '../host-memory.js';
import { derived, kept, schema, value } from '../../state/schema.js';

const PLAIN = PROTECTION_READ | PROTECTION_WRITE;

/**
 * A contiguous, page-aligned part of the address space that belongs to a process, and the mappings in it. Where there is
 * no mapping, an access traps.
 */
export class Region {
  static readonly state = schema(
    'region',
    Region,
    {
      start: value,
      size: value,
      users: value,
      residentPages: value,
      sharedPages: value,
      changed: value,
      sorted: value,
      searched: derived('from the mappings', () => undefined),
      hostMemory: kept('the one account of the machine'),
    },
    { label: ({ start }) => hex(toLinear(start)) },
  );

  /** Number of processes in it. */
  users = 1;
  /** Pages of it that are mapped to a frame. */
  residentPages = 0;
  /** Those among them that are mapped to a clean frame, which everybody shares who maps the same bytes. */
  sharedPages = 0;
  /** Pages of it whose bytes are not those of their mapping. */
  readonly changed = new ChangedPages();
  /** Ascending and disjoint. */
  private readonly sorted: Mapping[] = [];
  private searched: FreeBounds | undefined;

  /** `start` and `size` in bytes, multiples of 4096. */
  constructor(
    readonly start: LinearAddress,
    public size: number,
    private readonly hostMemory = new HostMemory(),
  ) {
    hostMemory.charge('region');
  }

  /** One past the last byte. */
  get end(): LinearAddress {
    return this.start + this.size;
  }

  /** Takes it and its mappings off the account, when it is gone. */
  giveUp(): void {
    this.hostMemory.release('mapping', this.sorted.length);
    this.countShared(this.sorted, -1);
    this.hostMemory.release('region');
  }

  get mappings(): readonly Mapping[] {
    return this.sorted;
  }

  /** The mapping that an address lies in. */
  mappingAt(address: LinearAddress): Mapping | undefined {
    const found = this.sorted[findLast(this.sorted, address)];
    return found !== undefined && address < found.end ? found : undefined;
  }

  /** The mappings that share pages with a range, ascending; the region must not change until all are taken. */
  *mappingsIn(start: LinearAddress, end: LinearAddress): Generator<Mapping, void> {
    for (let index = Math.max(0, findLast(this.sorted, start)); index < this.sorted.length; index++) {
      const mapping = this.sorted[index]!;
      if (mapping.start >= end) return;
      if (mapping.end > start) yield mapping;
    }
  }

  /** The lowest address of a range from which `size` bytes, whole pages, are not mapped; undefined where there are not as many. */
  findFree(from: LinearAddress, to: LinearAddress, size: number): LinearAddress | undefined {
    if (this.searched?.from !== from || this.searched.to !== to) this.searched = new FreeBounds(from, to);
    let { below: at, largest } = this.searched.before(size);
    for (const { start, end } of this.mappingsIn(at, to)) {
      if (start - at >= size) break;
      largest = Math.max(largest, start - at);
      at = end;
    }
    const isFound = to - at >= size;
    this.searched.add(isFound ? { below: at, largest } : { below: to, largest: Math.max(largest, to - at) });
    return isFound ? at : undefined;
  }

  /** The mappings that a range lies in, ascending; undefined where some page of it is not mapped. */
  covering(start: LinearAddress, end: LinearAddress): Mapping[] | undefined {
    const found: Mapping[] = [];
    for (let at = start, index = findLast(this.sorted, start); at < end; index++) {
      const mapping = this.sorted[index];
      if (!mapping || mapping.start > at || mapping.end <= at) return undefined;
      found.push(mapping);
      at = mapping.end;
    }
    return found;
  }

  /** What a page of a mapping of this region is to hold that is in no frame; undefined: zeros. */
  contentOf(mapping: Mapping, page: LinearAddress): VmoPage | undefined {
    const home = mapping.shared?.memory.region;
    const at = homePage(mapping, page);
    if (page >= reachableEnd(mapping)) return undefined;
    if (home && at !== page) return home.contentOf(home.mappingAt(at)!, at);
    return this.changed.contentOf(page)?.page(0) ?? backingPage(mapping, page);
  }

  /** Throws RangeError where the mapping is not made of whole pages of this region, or some page is mapped already. */
  add(mapping: Mapping): void {
    const { start, end } = mapping;
    const index = findLast(this.sorted, start);
    const before = this.sorted[index];
    const after = this.sorted[index + 1];
    const name = `mapping ${hex(toLinear(start))} to ${hex(toLinear(end - 1))}`;
    if (start % PAGE_SIZE !== 0 || end % PAGE_SIZE !== 0 || start >= end)
      throw new RangeError(`${name} is not made of whole pages`);
    if (start < this.start || end > this.end) throw new RangeError(`${name} lies outside its region`);
    if ((before && before.end > start) || (after && after.start < end))
      throw new RangeError(`${name} lies over another one`);
    this.sorted.splice(index + 1, 0, mapping);
    this.hostMemory.charge('mapping');
    this.countShared([mapping], 1);
  }

  /** The shared memory that mappings in a range show. */
  sharedIn(start: LinearAddress, end: LinearAddress): SharedMemory[] {
    return [...this.mappingsIn(start, end)].flatMap(({ shared }) => shared?.memory ?? []);
  }

  /** Counts mappings at the shared memory that they show, but not those of its home. */
  private countShared(mappings: readonly Mapping[], by: number): void {
    for (const { shared } of mappings) {
      if (!shared || shared.memory.region === this) continue;
      shared.memory.mappings += by;
      if (shared.mayWrite) shared.memory.writers += by;
    }
  }

  /** As `add`, of zeros: one mapping with what is beside it, where that is of the same kind. */
  addZeros(start: LinearAddress, end: LinearAddress, protection: number): void {
    this.add({ start, end, protection, backing: undefined });
    this.join(start, end);
  }

  /** As `add`, of shared memory: one mapping with what is beside it, where that shows what comes before or after it. */
  addShared(start: LinearAddress, end: LinearAddress, protection: number, shared: SharedPart, file?: MappedFile): void {
    this.add({ start, end, protection, backing: undefined, shared, file });
    this.join(start, end);
  }

  /**
   * Changes the protection of a range, whole pages that are all mapped. `again` makes another handle on a VMO, where a mapping
   * is divided.
   */
  protect(start: LinearAddress, end: LinearAddress, protection: number, again: (vmo: VmoHandle) => VmoHandle): void {
    const old = this.covering(start, end);
    if (!old) throw new RangeError(`not all of ${hex(toLinear(start))} to ${hex(toLinear(end - 1))} is mapped`);
    const parts = old.flatMap((mapping) => divided(mapping, start, end, protection, again));
    this.exchange(findLast(this.sorted, start), old.length, parts);
    this.join(start, end);
  }

  /** Makes one mapping of those side by side that are alike and touch a range. */
  private join(start: LinearAddress, end: LinearAddress): void {
    let index = Math.max(0, findLast(this.sorted, start - 1));
    for (let next; (next = this.sorted[index + 1]) && next.start <= end;) {
      const mapping = this.sorted[index]!;
      if (goesOn(mapping, next)) this.exchange(index, 2, [{ ...mapping, end: next.end }]);
      else index++;
    }
  }

  /** Whether a range is memory that no program has mapped: zeros that may be read and written, but for what was written. */
  isPlain(start: LinearAddress, end: LinearAddress): boolean {
    return this.isZeros(start, end, PLAIN);
  }

  /** True where a range is zeros of this protection, except for pages that were written. */
  isZeros(start: LinearAddress, end: LinearAddress, expected: number): boolean {
    for (let at = start, index = findLast(this.sorted, start); at < end; index++) {
      const mapping = this.sorted[index];
      if (!mapping || mapping.start > at || mapping.end <= at) return false;
      if (!isPlain(mapping) || mapping.protection !== expected) return false;
      at = mapping.end;
    }
    return true;
  }

  /** Puts mappings, ascending, in the place of some that follow one another and cover the same pages. */
  replace(old: readonly Mapping[], parts: readonly Mapping[]): void {
    const index = findLast(this.sorted, old[0]!.start);
    const covers = parts[0]!.start === old[0]!.start && parts.at(-1)!.end === old.at(-1)!.end;
    if (!covers || old.some((mapping, i) => this.sorted[index + i] !== mapping))
      throw new RangeError(`${parts.length} mappings cannot take the place of ${old.length}`);
    this.exchange(index, old.length, parts);
  }

  /**
   * Removes a range of whole pages from all mappings. `again` makes another handle on a VMO if a mapping continues on both
   * sides of the range.
   */
  cut(start: LinearAddress, end: LinearAddress, again: (vmo: VmoHandle) => VmoHandle): void {
    let index = Math.max(0, findLast(this.sorted, start));
    if (index < this.sorted.length && this.sorted[index]!.end <= start) index++;
    const parts: Mapping[] = [];
    let count = 0;
    for (let mapping; (mapping = this.sorted[index + count]) && mapping.start < end; count++) {
      const { backing } = mapping;
      const goesOn = mapping.end > end;
      if (mapping.start < start) parts.push({ ...mapping, end: start });
      else if (!goesOn) backing?.vmo.close();
      if (!goesOn) continue;
      const vmo = backing && (mapping.start < start ? again(backing.vmo) : backing.vmo);
      const rest = vmo && { vmo, offset: backing.offset + end - mapping.start };
      parts.push({ ...mapping, start: end, backing: rest, shared: sharedFrom(mapping, end) });
    }
    this.exchange(index, count, parts);
    const before = this.sorted[findLast(this.sorted, start)];
    if (count > 0) this.searched?.free(before?.end ?? this.start, end);
  }

  /** True where `cut` would leave more mappings than there are: the range lies within one, and reaches neither of its ends. */
  isSplitBy(start: LinearAddress, end: LinearAddress): boolean {
    const mapping = this.mappingAt(start);
    return mapping !== undefined && mapping.start < start && mapping.end > end;
  }

  private exchange(index: number, count: number, parts: readonly Mapping[]): void {
    this.countShared(this.sorted.splice(index, count, ...parts), -1);
    this.countShared(parts, 1);
    this.hostMemory.release('mapping', count);
    this.hostMemory.charge('mapping', parts.length);
  }
}

/** Whether two mappings, one after the other, can be one. */
function goesOn(before: Mapping, after: Mapping): boolean {
  if (before.end !== after.start || before.protection !== after.protection) return false;
  if (isPlain(before) && isPlain(after)) return true;
  const [shown, next] = [sharedFrom(before, after.start), after.shared];
  if (!shown || !next || before.backing || after.backing) return false;
  return shown.memory === next.memory && shown.offset === next.offset && shown.mayWrite === next.mayWrite;
}

/** Whether a mapping is of zeros, which nobody else sees. */
function isPlain({ backing, shared }: Mapping): boolean {
  return !backing && !shared;
}

/** The parts of a mapping of which the one within a range gets another protection. The first of them has its handle. */
function divided(
  mapping: Mapping,
  start: LinearAddress,
  end: LinearAddress,
  protection: number,
  again: (vmo: VmoHandle) => VmoHandle,
): Mapping[] {
  const edges = [start, end].filter((edge) => edge > mapping.start && edge < mapping.end);
  const starts = [mapping.start, ...edges];
  return starts.map((from, index) => ({
    start: from,
    end: starts[index + 1] ?? mapping.end,
    protection: from >= start && from < end ? protection : mapping.protection,
    backing: mapping.backing && {
      vmo: index === 0 ? mapping.backing.vmo : again(mapping.backing.vmo),
      offset: mapping.backing.offset + from - mapping.start,
    },
    shared: sharedFrom(mapping, from),
    file: mapping.file,
  }));
}
