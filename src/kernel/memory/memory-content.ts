import { PAGE_SIZE } from '../../bits.js';
import type { GuestMemory } from '../../memory.js';
import type { VmoBuilder } from '../../vmo/content/builder.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { VmoStore } from '../../vmo/store.js';
import type { HostMemory } from '../host-memory.js';
import type { AddressSpace } from './address-space.js';
import type { LinearAddress } from './linear-address.js';
import { allows, homePage, reachableEnd, type Mapping } from './mapping.js';
import type { Pager } from './pager.js';
import type { ChangedPage } from './pages/changed-pages.js';
import type { Region } from './region.js';
import type { CallWork } from '../tasks/thread.js';
import { schema, value, type Schema } from '../../state/schema.js';

/** Extents that a part of the work takes up. */
const EXTENTS_IN_PART = 64;

/** What memory is read from, and where it goes. */
export interface ContentSource {
  readonly store: VmoStore;
  readonly space: AddressSpace;
  readonly pager: Pager;
  readonly guestMemory: GuestMemory;
  readonly hostMemory: HostMemory;
}

/** Where bytes lie: in the region that they are read in, or in the home of shared memory. */
interface LyingBytes {
  readonly region: Region;
  readonly mapping: Mapping;
  /** What is added to the address of a byte for where it lies. */
  readonly distance: number;
  /** One past the last of them, as an address that they are read at. */
  readonly end: LinearAddress;
}

/**
 * Takes a range of memory into a VMO, in parts. What was not written since it was mapped is taken as a slice of what it is
 * mapped to, whatever its length, and nothing is touched; pages that were written are copied.
 */
export class MemoryContent implements CallWork {
  static readonly state: Schema = schema('memory content', MemoryContent, {
    unhashedBytes: value,
    builder: value,
    isAligned: value,
    at: value,
    end: value,
    isForProgram: value,
  });

  /** Bytes so far that are not hashed yet, as far as a program can know: see HandleTable. */
  unhashedBytes = 0;
  private readonly builder: VmoBuilder;
  /** Pages of memory are pages of the VMO. */
  private readonly isAligned: boolean;

  /** The bytes from `at` to `end`, which have to be readable if a program asks for them. */
  constructor(
    store: VmoStore,
    private at: LinearAddress,
    private readonly end: LinearAddress,
    private readonly isForProgram = true,
  ) {
    this.builder = store.builder();
    this.isAligned = at % PAGE_SIZE === 0;
  }

  get isComplete(): boolean {
    return this.at >= this.end;
  }

  /** Takes the next part. Returns how many bytes were copied; undefined where a byte may not be read. */
  takePart(source: ContentSource): number | undefined {
    let copied = 0;
    for (let left = EXTENTS_IN_PART; left > 0 && !this.isComplete;) {
      const lying = this.lyingAt(source);
      if (!lying) return undefined;
      const { region, distance, end } = lying;
      const changed = region.changed.within(pageOf(this.at + distance), end + distance, left);
      for (const { page, content } of changed) {
        this.takeMapped(source, lying, page - distance);
        copied += this.takePage(
          source,
          { page, content },
          Math.min(page + PAGE_SIZE - distance, end) - this.at,
          distance,
        );
      }
      if (changed.length < left) this.takeMapped(source, lying, end);
      left -= changed.length + 1;
    }
    return copied;
  }

  /** The VMO of all parts, which the caller closes. */
  finish(): VmoHandle {
    return this.builder.commit();
  }

  close(): void {
    this.builder.discard();
  }

  /** Where the next bytes lie; undefined where they may not be read. */
  private lyingAt({ space }: ContentSource): LyingBytes | undefined {
    const { at } = this;
    const region = space.regionAt(at);
    const mapping = region?.mappingAt(at);
    if (!region || !mapping || (this.isForProgram && !allows(mapping.protection, 'read'))) return undefined;
    const end = Math.min(this.end, reachableEnd(mapping));
    const page = pageOf(at);
    const distance = homePage(mapping, page) - page;
    if (end <= at) return undefined;
    if (distance === 0) return { region, mapping, distance, end };
    const home = mapping.shared!.memory.region!;
    const shown = home.mappingAt(at + distance)!;
    return { region: home, mapping: shown, distance, end: Math.min(end, shown.end - distance) };
  }

  /** Up to `end`, if that lies ahead, what a mapping fills its pages with. */
  private takeMapped({ store }: ContentSource, { mapping, distance }: LyingBytes, end: LinearAddress): void {
    const { start, backing } = mapping;
    const length = end - this.at;
    if (length <= 0) return;
    const offset = backing ? backing.offset + this.at + distance - start : 0;
    const kept = backing ? Math.max(0, Math.min(length, backing.vmo.length - offset)) : 0;
    if (backing && kept > 0) this.builder.copyFrom(backing.vmo, offset, kept);
    if (!this.isAligned) this.unhashedBytes += kept;
    if (kept < length) {
      const zeros = store.zeros(length - kept);
      this.builder.copyFrom(zeros);
      zeros.close();
    }
    this.at = end;
  }

  /** Takes `length` bytes of a page that was written. Returns the bytes copied. */
  private takePage(
    { pager, guestMemory }: ContentSource,
    { page, content }: ChangedPage,
    length: number,
    distance: number,
  ): number {
    const from = this.at + distance - page;
    this.at += length;
    this.unhashedBytes += length;
    if (content) {
      this.builder.copyFrom(content, from, length);
      return 0;
    }
    const physical = (pager.pageTable.entry(page) >>> 12) * PAGE_SIZE + from;
    this.builder.append(guestMemory.ram.subarray(physical, physical + length));
    return length;
  }
}

function pageOf(address: LinearAddress): LinearAddress {
  return address - (address % PAGE_SIZE);
}
