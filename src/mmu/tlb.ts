import { PAGE_SHIFT, PAGE_SIZE, hex } from '../bits.js';
import { HOST_LAYOUT, type GuestMemory } from '../memory.js';
import { slotOf, type SlotChange } from './alias.js';
import { PartialEntries, type PagePart } from './partial-entries.js';
import { EntryLog } from './entry-log.js';

/**
 * The translation lookaside buffer: three direct-mapped tables in the shared memory, for reads, writes and fetches,
 * which generated code looks up inline. An entry is 16 bytes:
 *
 *     +0  i64  tag: the linear address of a page (bits 11 to 0 are 0), or -1 for none; all 0 where nothing ever was
 *     +8  i32  addend: host address = addend + low 32 bits of the linear address, modulo 2^32
 *     +12      unused
 *
 * The entry of a linear address is at byte offset `(linear >> TLB_INDEX_SHIFT) & TLB_INDEX_MASK` of its table. An
 * access of `size` bytes hits if the tag equals `(linear + size - 1) & ~4095`. An access that crosses pages therefore
 * always misses, since the page in which it ends has a different entry.
 *
 * A large page is entered as the 4 KiB pages of it that were used.
 */
export const TLB_ENTRIES = 65536;
export const TLB_ENTRY_BYTES = 16;
export const TLB_ADDEND_OFFSET = 8;
export const TLB_INDEX_SHIFT = 8;
export const TLB_INDEX_MASK = (TLB_ENTRIES - 1) * TLB_ENTRY_BYTES;

const TABLE_BYTES = TLB_ENTRIES * TLB_ENTRY_BYTES;

/** Host addresses of the three tables. */
export const TLB_READ = HOST_LAYOUT.tlb;
export const TLB_WRITE = HOST_LAYOUT.tlb + TABLE_BYTES;
export const TLB_FETCH = HOST_LAYOUT.tlb + 2 * TABLE_BYTES;

/** The table for writes, in words of 32 bits. */
const WRITES_START = TLB_WRITE >>> 2;
const WRITES_END = (TLB_WRITE + TABLE_BYTES) >>> 2;
/** The page of the shared memory in which RAM begins. */
const FIRST_FRAME = HOST_LAYOUT.ram / PAGE_SIZE;

/** All three tables, in words. */
const WORDS = { start: HOST_LAYOUT.tlb >>> 2, end: (HOST_LAYOUT.tlb + HOST_LAYOUT.tlbBytes) >>> 2 };

const TABLES = [TLB_READ, TLB_WRITE, TLB_FETCH];
const NONE = -1;
const ENTRIES_IN_PAGE_TABLE = 512;

/**
 * Maximum number of filled entries that are tracked individually, so that dropping a few is faster than dropping all.
 */
const MOST_REMEMBERED = 4096;

/** Maximum number of write entries that are tracked individually, so that they can be removed and restored. */
const MOST_WRITES_REMEMBERED = 8192;

/** One in so many times, the entries of a slot are not restored, so that those that are no longer used go. */
const TIMES_TO_SIEVE = 64;

/** The same for each slot that shows one home or another. */
const MOST_IN_SLOT = 8192;

/** Words saved for a removed entry: its position and its contents. */
const WORDS_OF_TAKEN = 4;

/** Write entries that were removed, and when. */
export interface WriteEntries {
  readonly taken: Int32Array;
  readonly changes: number;
}

/** Entries of a slot that were removed, while it showed a home. */
interface SlotEntries extends WriteEntries {
  /** The fence that was active, as WriteFence.key has it: entries for writes are of use only with the same one. */
  readonly fence: string | undefined;
  /** How often they have been removed and restored: see TIMES_TO_SIEVE. */
  readonly times: number;
}

if (TABLES.length * TABLE_BYTES !== HOST_LAYOUT.tlbBytes || TLB_INDEX_SHIFT + 4 !== PAGE_SHIFT)
  throw new Error('the TLB does not fit its place in HOST_LAYOUT or its index does not select pages');

/** Reads and changes the TLB. `Mmu` decides which entries may be filled and which must be dropped. */
export class Tlb {
  private readonly memory: GuestMemory;
  private readonly words: Int32Array;
  /** Entries filled since they were last removed: all, those of addresses below 2^47, and those for writes. */
  private readonly logs = {
    filled: new EntryLog(MOST_REMEMBERED, WORDS),
    lower: new EntryLog(MOST_REMEMBERED, WORDS),
    writes: new EntryLog(MOST_WRITES_REMEMBERED, WORDS),
  };
  /**
   * Number of operations that dropped entries; and the last such operation, by index of the PTE in its page table, and
   * overall.
   */
  private changes = 0;
  /** By slot: the entries filled in it, for those that have been switched. */
  private readonly slotLogs = new Map<number, EntryLog>();
  /** By slot: how often the entries of what it shows have been removed and restored. */
  private readonly timesOf = new Map<number, number>();
  /** What was removed from slots, by slot and home. */
  private readonly takenFromSlots = new Map<string, SlotEntries>();
  private readonly lastChangeOfIndex = new Float64Array(ENTRIES_IN_PAGE_TABLE);
  private lastChangeOfAll = 0;
  /** Number of write entries that lead to each frame. */
  private readonly writersOf: Uint32Array;
  /** One byte per frame: whether a removed write entry led there, since removed entries were last discarded. */
  private readonly wasWritten: Uint8Array;
  /** Whether that is the case for any frame. */
  private someWasWritten = false;
  private readonly parts: PartialEntries;

  constructor(memory: GuestMemory) {
    this.memory = memory;
    this.words = memory.host32;
    this.parts = new PartialEntries(memory);
    this.writersOf = new Uint32Array(memory.size / PAGE_SIZE);
    this.wasWritten = new Uint8Array(memory.size / PAGE_SIZE);
    this.clear();
  }

  /**
   * Empties the tables of a memory that may have had a TLB before. A new one is all 0, which matches nothing but an access to
   * page 0, in its own entry, the first, and one that crosses to it, in that of the last page: so its 3 MB need not be filled.
   */
  private clear(): void {
    const [first, last] = [0, (TLB_ENTRIES - 1) * TLB_ENTRY_BYTES];
    const isNew = TABLES.every((table) => this.words[table >>> 2] === 0 && this.words[(table + last) >>> 2] === 0);
    if (!isNew) this.words.fill(NONE, WORDS.start, WORDS.end);
    else for (const table of TABLES) for (const entry of [first, last]) this.words[(table + entry) >>> 2] = NONE;
  }

  /** Looks up a linear address in `table` (TLB_READ, TLB_WRITE or TLB_FETCH). Returns the physical address, or -1. */
  lookup(table: number, linearHigh: number, linearLow: number): number {
    const entry = wordOfEntry(table, linearLow);
    if (this.words[entry] !== pageOf(linearLow) || this.words[entry + 1] !== (linearHigh | 0)) return -1;
    return ((this.words[entry + 2]! + linearLow) >>> 0) - HOST_LAYOUT.ram;
  }

  /** Enters the page of a linear address, which translates to `physical`, a byte of RAM. */
  fill(table: number, linearHigh: number, linearLow: number, physical: number): void {
    if (physical >= this.memory.size)
      throw new RangeError(`physical address ${hex(physical)} is beyond RAM of ${this.memory.size} bytes`);
    const entry = wordOfEntry(table, linearLow);
    this.put(entry, pageOf(linearLow), linearHigh, HOST_LAYOUT.ram + physical - (linearLow >>> 0));
  }

  /** Enters the page of a linear address for accesses that touch nothing of a part of it. */
  fillPartly(table: number, linearHigh: number, linearLow: number, physical: number, part: PagePart): void {
    const isWrite = table === TLB_WRITE;
    this.parts.add(linearHigh, linearLow, isWrite, HOST_LAYOUT.ram + physical - (linearLow >>> 0), part);
  }

  /** Drops one linear page from the tables. */
  dropPage(linearHigh: number, linearLow: number, tables: readonly number[] = TABLES): void {
    this.parts.clear();
    this.lastChangeOfIndex[tableIndexOf(linearLow)] = ++this.changes;
    for (const table of tables)
      if (this.lookup(table, linearHigh, linearLow) !== -1) this.drop(wordOfEntry(table, linearLow));
  }

  /** Drops every linear page whose bits 20 to 12 are `index`: all that a PTE at that index of a page table can map. */
  dropPagesOfTableIndex(index: number): void {
    this.parts.clear();
    this.lastChangeOfIndex[index] = ++this.changes;
    for (const table of TABLES)
      for (let place = index; place < TLB_ENTRIES; place += ENTRIES_IN_PAGE_TABLE)
        this.drop((table + place * TLB_ENTRY_BYTES) >>> 2);
  }

  /** Drops every entry through which a frame could be written. */
  dropWritesTo(frame: number): void {
    this.parts.clear();
    if (this.wasWritten[frame]) this.giveUpTaken();
    if (this.writersOf[frame] === 0) return;
    const dropIfOf = (entry: number): void => {
      if (!this.isEmpty(entry) && this.frameOf(entry) === frame) this.drop(entry);
    };
    const { listed, isFull } = this.logs.writes;
    // The frame is likely to have been written to lately.
    for (let i = listed.length - 1; !isFull && i >= 0 && this.writersOf[frame]! > 0; i--) dropIfOf(listed[i]!);
    for (let entry = WRITES_START; this.writersOf[frame]! > 0; entry += TLB_ENTRY_BYTES >>> 2) dropIfOf(entry);
  }

  /** Removes all write entries. Returns them for `putWrites`; undefined if there were too many to track. */
  takeWrites(): WriteEntries | undefined {
    this.parts.clear();
    if (this.logs.writes.isFull) {
      this.logs.writes.take();
      this.words.fill(NONE, WRITES_START, WRITES_END);
      this.writersOf.fill(0);
      return undefined;
    }
    return this.remove(this.logs.writes.take(), () => true);
  }

  /** Removes those of some entries that hold something, and are wanted. */
  private remove(entries: Int32Array, isWanted: (entry: number) => boolean): WriteEntries {
    const { words } = this;
    const taken = new Int32Array(entries.length * WORDS_OF_TAKEN);
    let length = 0;
    for (const entry of entries) {
      if (this.isEmpty(entry) || !isWanted(entry)) continue;
      taken[length++] = entry;
      for (let word = 0; word < 3; word++) taken[length++] = words[entry + word]!;
      if (isForWrites(entry)) {
        this.wasWritten[this.frameOf(entry)] = 1;
        this.someWasWritten = true;
      }
      this.drop(entry);
    }
    return { taken: taken.subarray(0, length), changes: this.changes };
  }

  /**
   * Restores removed entries, except those that would have been dropped since. There must be no other write entries.
   */
  putWrites(entries: WriteEntries): void {
    this.restore(entries, true);
  }

  private restore({ taken, changes }: WriteEntries, withWrites: boolean): void {
    if (this.lastChangeOfAll > changes) return;
    for (let i = 0; i < taken.length; i += WORDS_OF_TAKEN) {
      const entry = taken[i]!;
      const tagLow = taken[i + 1]!;
      if (this.lastChangeOfIndex[tableIndexOf(tagLow)]! > changes) continue;
      if (withWrites || !isForWrites(entry)) this.put(entry, tagLow, taken[i + 2]!, taken[i + 3]!);
    }
  }

  /**
   * Removes the entries of a slot, where something else is seen from now on, and restores those from the last time that it
   * was seen, except those that would have been dropped since. `fence` is the key of the active fence.
   */
  switchSlot({ slot, from, to }: SlotChange, fence: string | undefined): void {
    this.parts.clear();
    const log = this.slotLogs.get(slot);
    if (!log || log.isFull) this.dropAll();
    if (!log) this.slotLogs.set(slot, new EntryLog(MOST_IN_SLOT));
    else {
      const { taken, changes } = this.remove(log.take(), (entry) => slotOf(this.words[entry + 1]!) === slot);
      this.takenFromSlots.set(keyOf(slot, from), { taken, changes, fence, times: this.timesOf.get(slot) ?? 0 });
    }
    const kept = this.takenFromSlots.get(keyOf(slot, to));
    this.takenFromSlots.delete(keyOf(slot, to));
    const times = kept ? kept.times + 1 : 0;
    this.timesOf.set(slot, times);
    if (kept && times % TIMES_TO_SIEVE !== 1) this.restore(kept, kept.fence === fence);
  }

  /** Forgets what was removed from a slot while it showed a home. */
  forgetSlot(slot: number, home: number): void {
    this.takenFromSlots.delete(keyOf(slot, home));
  }

  /** Makes it that no removed entry is restored. */
  forgetTaken(): void {
    this.giveUpTaken();
  }

  /** Drops the entries of addresses below 2^47. */
  dropLowerHalf(): void {
    if (this.logs.lower.isFull) return this.dropAll();
    this.parts.clear();
    this.giveUpTaken();
    for (const entry of this.logs.lower.take()) if (this.words[entry + 1]! >= 0) this.drop(entry);
  }

  dropAll(): void {
    this.parts.clear();
    this.logs.writes.take();
    this.logs.lower.take();
    for (const log of this.slotLogs.values()) log.take();
    this.takenFromSlots.clear();
    this.giveUpTaken();
    const isKnown = !this.logs.filled.isFull;
    const entries = this.logs.filled.take();
    if (isKnown) {
      for (const entry of entries) this.drop(entry);
      return;
    }
    this.writersOf.fill(0);
    this.words.fill(NONE, WORDS.start, WORDS.end);
  }

  /** Discards removed entries, so that none of them is restored. */
  private giveUpTaken(): void {
    this.lastChangeOfAll = ++this.changes;
    if (this.someWasWritten) this.wasWritten.fill(0);
    this.someWasWritten = false;
  }

  private put(entry: number, tagLow: number, tagHigh: number, addend: number): void {
    this.drop(entry);
    this.words[entry] = tagLow;
    this.words[entry + 1] = tagHigh;
    this.words[entry + 2] = addend;
    this.logs.filled.add(entry, this.isHeld);
    if (tagHigh >= 0) this.logs.lower.add(entry, this.isHeld);
    if (this.slotLogs.size > 0) this.slotLogs.get(slotOf(tagHigh))?.add(entry, this.isHeld);
    if (!isForWrites(entry)) return;
    this.logs.writes.add(entry, this.isHeld);
    this.writersOf[this.frameOf(entry)]!++;
  }

  private drop(entry: number): void {
    // Memory that is all 0 stays untouched.
    if (this.isEmpty(entry)) return;
    if (isForWrites(entry)) this.writersOf[this.frameOf(entry)]!--;
    this.words[entry] = NONE;
    this.words[entry + 1] = NONE;
  }

  private readonly isHeld = (entry: number): boolean => !this.isEmpty(entry);

  /**
   * Whether an entry is empty. Page addresses have their low bits clear, so the low word tells NONE; and no page of RAM is
   * at host address 0, so that an entry of page 0 has an addend.
   */
  private isEmpty(entry: number): boolean {
    const { words } = this;
    const low = words[entry];
    return low === NONE || (low === 0 && words[entry + 1] === 0 && words[entry + 2] === 0);
  }

  /** The frame that an entry leads to. */
  private frameOf(entry: number): number {
    return ((this.words[entry]! + this.words[entry + 2]!) >>> 0) / PAGE_SIZE - FIRST_FRAME;
  }
}

function isForWrites(entry: number): boolean {
  return entry >= WRITES_START && entry < WRITES_END;
}

function pageOf(linearLow: number): number {
  return linearLow & ~(PAGE_SIZE - 1);
}

/** The index of a linear address's PTE in its page table. */
function tableIndexOf(linearLow: number): number {
  return (linearLow >>> PAGE_SHIFT) % ENTRIES_IN_PAGE_TABLE;
}

function keyOf(slot: number, home: number): string {
  return `${slot} ${home}`;
}

/** The position of a linear address's entry, in 32-bit words. */
function wordOfEntry(table: number, linearLow: number): number {
  return (table + ((linearLow >>> TLB_INDEX_SHIFT) & TLB_INDEX_MASK)) >>> 2;
}
