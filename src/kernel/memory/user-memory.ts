import { PAGE_SHIFT, PAGE_SIZE, hex } from '../../bits.js';
import type { LinearMemory } from '../../cpu/access/linear-memory.js';
import type { AddressRange } from '../../mmu/fence.js';
import { PRESENT } from '../../mmu/entry.js';
import { ACCESS_READ, ACCESS_WRITE } from '../../mmu/walk.js';
import { OutOfFramesError } from '../../vmo/errors.js';
import type { AddressSpace } from './address-space.js';
import { ADDRESS_SPACE_END, fromLinear, highHalf, lowHalf, toLinear, type LinearAddress } from './linear-address.js';
import { homePage, reachableEnd, type MemoryAccess } from './mapping.js';
import type { Pager } from './pager.js';
import type { View } from './view.js';

/** Approves stores that are made on behalf of a thread. */
export interface StoreGuard {
  /** Called before bytes are stored from an address on; returns the parts that may be stored, or throws. */
  admit(start: LinearAddress, bytes: Uint8Array): readonly AddressRange[];
  /** Those parts have been stored. */
  stored(parts: readonly AddressRange[]): void;
}

/**
 * Memory by linear address as a thread at CPL 3 has it, for the kernel that works on a thread's behalf and for those who
 * look at the machine from outside. `read` and `write` do what instructions would: they bring pages in and set A and D
 * bits, and throw OutOfFramesError where a page finds no frame. They go page by page, and need one at a time. `peek`,
 * `poke` and their like are for debuggers.
 *
 * Addresses are home addresses (view.ts), save those that a thread or the user of a debugger gave: `locate`, `readString`,
 * `peekSeen` and `pokeSeen` take what the view of the process shows there, and `locate` returns the home address.
 */
export class UserMemory {
  constructor(
    private readonly linearMemory: LinearMemory,
    private readonly space: AddressSpace,
    private readonly pager: Pager,
    private readonly guard?: StoreGuard,
    private readonly view?: View,
  ) {}

  /** The same memory, whose `write` asks a guard. */
  guardedBy(guard: StoreGuard): UserMemory {
    return new UserMemory(this.linearMemory, this.space, this.pager, guard, this.view);
  }

  /** The same memory for threads that see it in a view; undefined: where it lies. */
  seenIn(view: View | undefined): UserMemory {
    return view === this.view ? this : new UserMemory(this.linearMemory, this.space, this.pager, this.guard, view);
  }

  /**
   * The home address of a range that a thread gave, any 64-bit numbers, if the thread may access all of it: it does not wrap
   * around, lies in one window or in none, and each byte lies in a mapping that allows it. A range of no bytes may lie
   * anywhere.
   */
  locate(linear: bigint, lengthBytes: bigint, access: MemoryAccess): LinearAddress | undefined {
    if (lengthBytes === 0n) return 0;
    const seen = fromLinear(linear);
    if (seen === undefined || lengthBytes > BigInt(ADDRESS_SPACE_END - seen)) return undefined;
    const { view } = this;
    if (view && seen + Number(lengthBytes) > view.contiguousEnd(seen)) return undefined;
    const start = view ? view.home(seen) : seen;
    return this.space.permits(start, start + Number(lengthBytes), access) ? start : undefined;
  }

  /** A copy of bytes that may be read, as `locate` tells. */
  read(start: LinearAddress, lengthBytes: number): Uint8Array {
    this.note(start, lengthBytes, 'read');
    return this.copy(start, lengthBytes);
  }

  private copy(start: LinearAddress, lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(lengthBytes);
    const { ram } = this.linearMemory.memory;
    forEachPage(start, lengthBytes, (address, offset, length) => {
      const physical = this.translate(address, 'read');
      bytes.set(ram.subarray(physical, physical + length), offset);
      this.pager.releasePins();
      return true;
    });
    return bytes;
  }

  /** The 32 bits at a multiple of four that may be read, as `locate` tells. */
  readWord(start: LinearAddress): number {
    const word = this.linearMemory.memory.read32(this.translate(start, 'read'));
    this.note(start, 4, 'read');
    this.pager.releasePins();
    return word >>> 0;
  }

  /**
   * A copy of the bytes before a zero byte, at most `most`, 'too long' where there are more; undefined where one of them, or
   * the zero byte, cannot be read.
   */
  readString(linear: bigint, most: number): Uint8Array | 'too long' | undefined {
    const found: number[] = [];
    for (let at = linear; found.length <= most;) {
      const length = PAGE_SIZE - Number(at % BigInt(PAGE_SIZE));
      const start = this.locate(at, BigInt(length), 'read');
      if (start === undefined) return undefined;
      const part = this.copy(start, length);
      const end = part.indexOf(0);
      this.note(start, end < 0 ? length : end + 1, 'read');
      found.push(...part.subarray(0, end < 0 ? length : end));
      if (end >= 0) break;
      at += BigInt(length);
    }
    return found.length > most ? 'too long' : Uint8Array.from(found);
  }

  /** Stores bytes where they may be written, as `locate` tells. */
  write(start: LinearAddress, bytes: Uint8Array): void {
    const parts = this.guard?.admit(start, bytes) ?? [{ start, end: start + bytes.length }];
    for (const part of parts) this.writePart(part.start, bytes.subarray(part.start - start, part.end - start));
    this.guard?.stored(parts);
  }

  private writePart(start: LinearAddress, bytes: Uint8Array): void {
    this.note(start, bytes.length, 'write');
    forEachPage(start, bytes.length, (address, offset, length) => {
      this.store(this.translate(address, 'write'), bytes.subarray(offset, offset + length));
      this.pager.releasePins();
      return true;
    });
  }

  /**
   * A copy of the bytes that threads would find, whatever they may do with them, up to the first one that is not mapped:
   * as many as were asked for, or less. Brings nothing in, and sets no A bit.
   */
  peek(start: LinearAddress, lengthBytes: number): Uint8Array {
    const bytes = new Uint8Array(Math.min(lengthBytes, ADDRESS_SPACE_END - start));
    let known = 0;
    forEachPage(start, bytes.length, (address, offset, length) => {
      const page = this.pageAt(address);
      if (!page) return false;
      bytes.set(page.subarray(address % PAGE_SIZE, (address % PAGE_SIZE) + length), offset);
      known += length;
      return true;
    });
    return bytes.subarray(0, known);
  }

  /**
   * Stores bytes, whatever the mappings allow, up to the first page that is not mapped or finds no frame; pages that were
   * shared become private. Answers how many were stored.
   */
  poke(start: LinearAddress, bytes: Uint8Array): number {
    let stored = 0;
    forEachPage(start, Math.min(bytes.length, ADDRESS_SPACE_END - start), (address, offset, length) => {
      if (!this.canPoke(address)) return false;
      this.store(this.probe(address), bytes.subarray(offset, offset + length));
      this.pager.releasePins();
      stored += length;
      return true;
    });
    return stored;
  }

  /** As `peek`, from an address on as threads see it. */
  peekSeen(seen: LinearAddress, lengthBytes: number): Uint8Array {
    if (!this.view) return this.peek(seen, lengthBytes);
    const bytes = new Uint8Array(Math.min(lengthBytes, ADDRESS_SPACE_END - seen));
    let known = 0;
    this.forEachStretch(seen, bytes.length, (home, offset, length) => {
      const part = this.peek(home, length);
      bytes.set(part, offset);
      known += part.length;
      return part.length === length;
    });
    return bytes.subarray(0, known);
  }

  /** As `poke`, from an address on as threads see it. */
  pokeSeen(seen: LinearAddress, bytes: Uint8Array): number {
    if (!this.view) return this.poke(seen, bytes);
    let stored = 0;
    this.forEachStretch(seen, Math.min(bytes.length, ADDRESS_SPACE_END - seen), (home, offset, length) => {
      const part = this.poke(home, bytes.subarray(offset, offset + length));
      stored += part;
      return part === length;
    });
    return stored;
  }

  /** Calls `visit` for the parts of what threads see from an address on that lie one after another, until it returns false. */
  private forEachStretch(
    seen: LinearAddress,
    lengthBytes: number,
    visit: (home: LinearAddress, offset: number, lengthBytes: number) => boolean,
  ): void {
    const view = this.view!;
    for (let offset = 0; offset < lengthBytes;) {
      const at = seen + offset;
      const length = Math.min(lengthBytes - offset, view.contiguousEnd(at) - at);
      if (!visit(view.home(at), offset, length)) return;
      offset += length;
    }
  }

  private canPoke(address: LinearAddress): boolean {
    try {
      return this.pager.resolveForced(address) === 'resolved';
    } catch (error) {
      if (error instanceof OutOfFramesError) return false;
      throw error;
    }
  }

  private translate(address: LinearAddress, access: 'read' | 'write'): number {
    const code = access === 'write' ? ACCESS_WRITE : ACCESS_READ;
    const { mmu } = this.linearMemory;
    const [high, low] = [highHalf(address), lowHalf(address)];
    for (;;) {
      const isHidden = mmu.isHidden(high, low);
      const physical = isHidden
        ? mmu.translateHidden(this.pager.pageTable.root, high, low, code)
        : mmu.translate(high, low, code);
      if (physical >= 0) return physical;
      const outcome = this.pager.resolve(address, access);
      if (outcome !== 'resolved') throw new RangeError(`${access} of ${hex(toLinear(address))}: ${outcome}`);
    }
  }

  /** Called after bytes have been read in another way than through this object, for data stops. */
  noteRead(start: LinearAddress, lengthBytes: number): void {
    this.note(start, lengthBytes, 'read');
  }

  /** Records an access that touches a data stop. */
  private note(address: LinearAddress, lengthBytes: number, access: 'read' | 'write'): void {
    this.linearMemory.mmu.dataStops.noteCall(address, lengthBytes, access);
  }

  /** The physical address of a byte that is mapped to a frame, or -1. */
  private probe(address: LinearAddress): number {
    const entry = this.pager.pageTable.entry(address);
    return entry & PRESENT ? (entry >>> PAGE_SHIFT) * PAGE_SIZE + (address % PAGE_SIZE) : -1;
  }

  private store(physical: number, bytes: Uint8Array): void {
    this.linearMemory.memory.ram.set(bytes, physical);
    this.linearMemory.stored(physical, bytes.length);
  }

  /** The 4096 bytes of the page of an address: those of its frame, or what a frame would be filled with. */
  private pageAt(address: LinearAddress): Uint8Array | undefined {
    const page = address - (address % PAGE_SIZE);
    const physical = this.probe(page);
    if (physical >= 0) return this.linearMemory.memory.ram.subarray(physical, physical + PAGE_SIZE);
    const region = this.space.regionAt(page);
    const mapping = region?.mappingAt(page);
    if (!region || !mapping) return undefined;
    const home = homePage(mapping, page);
    if (home !== page) return page < reachableEnd(mapping) ? this.pageAt(home) : undefined;
    const bytes = new Uint8Array(PAGE_SIZE);
    region.contentOf(mapping, page)?.copyTo(bytes);
    return bytes;
  }
}

/** Calls `visit` for the part of a range in each page, ascending, until it returns false. */
function forEachPage(
  start: LinearAddress,
  lengthBytes: number,
  visit: (address: LinearAddress, offset: number, lengthBytes: number) => boolean,
): void {
  for (let offset = 0; offset < lengthBytes;) {
    const address = start + offset;
    const length = Math.min(lengthBytes - offset, PAGE_SIZE - (address % PAGE_SIZE));
    if (!visit(address, offset, length)) return;
    offset += length;
  }
}
