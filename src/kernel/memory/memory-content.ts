import { PAGE_SIZE } from '../../bits.js';
import type { GuestMemory } from '../../memory.js';
import type { VmoBuilder } from '../../vmo/content/builder.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { VmoStore } from '../../vmo/store.js';
import type { HostMemory } from '../host-memory.js';
import type { AddressSpace } from './address-space.js';
import type { LinearAddress } from './linear-address.js';
import { allows, type Mapping } from './mapping.js';
import type { Pager } from './pager.js';
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

  /** Takes the next part. Answers how many bytes were copied; undefined where a byte may not be read. */
  takePart(source: ContentSource): number | undefined {
    let copied = 0;
    for (let left = EXTENTS_IN_PART; left > 0 && !this.isComplete;) {
      const region = source.space.regionAt(this.at);
      const mapping = region?.mappingAt(this.at);
      if (!region || !mapping || (this.isForProgram && !allows(mapping.protection, 'read'))) return undefined;
      const end = Math.min(this.end, mapping.end);
      const changed = region.changed.within(pageOf(this.at), end, left);
      for (const { page, content } of changed) {
        this.takeMapped(source, mapping, page);
        copied += this.takePage(source, page, content, Math.min(page + PAGE_SIZE, end));
      }
      if (changed.length < left) this.takeMapped(source, mapping, end);
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

  /** Up to `end`, if that lies ahead, what a mapping fills its pages with. */
  private takeMapped({ store }: ContentSource, { start, backing }: Mapping, end: LinearAddress): void {
    const length = end - this.at;
    if (length <= 0) return;
    const offset = backing ? backing.offset + this.at - start : 0;
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

  /** Up to `end`, a page that was written. Answers the bytes copied. */
  private takePage(
    { pager, guestMemory }: ContentSource,
    page: LinearAddress,
    content: VmoHandle | undefined,
    end: LinearAddress,
  ): number {
    const [from, to] = [this.at - page, end - page];
    this.at = end;
    this.unhashedBytes += to - from;
    if (content) {
      this.builder.copyFrom(content, from, to - from);
      return 0;
    }
    const physical = (pager.pageTable.entry(page) >>> 12) * PAGE_SIZE;
    this.builder.append(guestMemory.ram.subarray(physical + from, physical + to));
    return to - from;
  }
}

function pageOf(address: LinearAddress): LinearAddress {
  return address - (address % PAGE_SIZE);
}
