import { PAGE_SHIFT, PAGE_SIZE, hex } from '../bits.js';
import { HOST_LAYOUT, type GuestMemory } from '../memory.js';
import { slotOf, type SlotChange } from './alias.js';
import { PartialEntries, type PagePart } from './partial-entries.js';
import { EntryLog } from './entry-log.js';
import {
  NONE,
  OTHER_WORDS,
  SET_WORDS,
  TABLES,
  TABLE_WORDS,
  TLB_ENTRIES,
  TLB_ENTRY_BYTES,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_WRITE,
  WORDS,
  WRITES,
} from './tlb-layout.js';
import { TlbSets, type TlbSet } from './tlb-sets.js';

export {
  TLB_ADDEND_OFFSET,
  TLB_ENTRIES,
  TLB_ENTRY_BYTES,
  TLB_FETCH,
  TLB_INDEX_MASK,
  TLB_INDEX_SHIFT,
  TLB_READ,
  TLB_SET,
  TLB_WRITE,
} from './tlb-layout.js';

/** The page of the shared memory in which RAM begins. */
const FIRST_FRAME = HOST_LAYOUT.ram / PAGE_SIZE;

const ENTRIES_IN_PAGE_TABLE = 512;

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

/** Reads and changes the TLB. `Mmu` decides which entries may be filled and which must be dropped. */
export class Tlb {
  private readonly memory: GuestMemory;
  private readonly words: Int32Array;
  private readonly sets: TlbSets;
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
  /** The write entry that was made last to lead to each frame: most have no other. */
  private readonly lastWriter: Int32Array;
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
    this.lastWriter = new Int32Array(memory.size / PAGE_SIZE);
    this.wasWritten = new Uint8Array(memory.size / PAGE_SIZE);
    this.sets = new TlbSets(this.words);
  }

  /**
   * Uses the entries of a context, known by a key, from now on: those that it had when it was used last, without what has been
   * dropped since. If there are too many contexts, that which has not been used for longest is forgotten. A new one begins with
   * the entries of the previous one for the upper half of the address space, if both translate addresses there alike.
   */
  use(key: number, sharesUpperHalf = false): void {
    const before = this.sets.current;
    if (before.key === key) return;
    this.parts.clear();
    const isNew = this.sets.use(key, (set) => this.dropSet(set));
    if (isNew && sharesUpperHalf) this.copyUpperHalf(before);
  }

  /** Copies the entries of the upper half of the address space that are known from another set. */
  private copyUpperHalf({ logs, distance }: TlbSet): void {
    const { words } = this;
    for (const entry of logs.filled.listed) {
      const high = words[entry + 1]!;
      if (high >= 0 || this.isEmpty(entry)) continue;
      this.put(entry - distance + this.sets.current.distance, words[entry]!, high, words[entry + 2]!);
    }
  }

  /** Drops the entries of the contexts of which this is true of their keys. */
  dropContexts(isGone: (key: number) => boolean): void {
    this.parts.clear();
    for (const set of this.sets.all) if (isGone(set.key)) this.dropSet(set);
  }

  /** Looks up a linear address in `table` (TLB_READ, TLB_WRITE or TLB_FETCH). Returns the physical address, or -1. */
  lookup(table: number, linearHigh: number, linearLow: number): number {
    const entry = wordOfEntry(table, linearLow) + this.sets.current.distance;
    if (this.words[entry] !== pageOf(linearLow) || this.words[entry + 1] !== (linearHigh | 0)) return -1;
    return ((this.words[entry + 2]! + linearLow) >>> 0) - HOST_LAYOUT.ram;
  }

  /** Enters the page of a linear address, which translates to `physical`, a byte of RAM. */
  fill(table: number, linearHigh: number, linearLow: number, physical: number): void {
    if (physical >= this.memory.size)
      throw new RangeError(`physical address ${hex(physical)} is beyond RAM of ${this.memory.size} bytes`);
    const entry = wordOfEntry(table, linearLow) + this.sets.current.distance;
    this.put(entry, pageOf(linearLow), linearHigh, HOST_LAYOUT.ram + physical - (linearLow >>> 0));
  }

  /** Enters the page of a linear address for accesses that touch nothing of a part of it. */
  fillPartly(table: number, linearHigh: number, linearLow: number, physical: number, part: PagePart): void {
    const isWrite = table === TLB_WRITE;
    this.parts.add(linearHigh, linearLow, isWrite, HOST_LAYOUT.ram + physical - (linearLow >>> 0), part);
  }

  /** Drops one linear page from the tables of all contexts. */
  dropPage(linearHigh: number, linearLow: number, tables: readonly number[] = TABLES): void {
    this.parts.clear();
    this.lastChangeOfIndex[tableIndexOf(linearLow)] = ++this.changes;
    const [low, high] = [pageOf(linearLow), linearHigh | 0];
    const { words } = this;
    for (const { distance } of this.sets.all)
      for (const table of tables) {
        const entry = wordOfEntry(table, linearLow) + distance;
        if (words[entry] === low && words[entry + 1] === high) this.drop(entry);
      }
  }

  /** Drops every linear page whose bits 20 to 12 are `index`: all that a PTE at that index of a page table can map. */
  dropPagesOfTableIndex(index: number): void {
    this.parts.clear();
    this.lastChangeOfIndex[index] = ++this.changes;
    for (const { distance } of this.sets.all)
      for (const table of TABLES)
        for (let place = index; place < TLB_ENTRIES; place += ENTRIES_IN_PAGE_TABLE)
          this.drop(((table + place * TLB_ENTRY_BYTES) >>> 2) + distance);
  }

  /** Drops every entry through which a frame could be written. */
  dropWritesTo(frame: number): void {
    this.parts.clear();
    if (this.wasWritten[frame]) this.giveUpTaken();
    if (this.writersOf[frame] === 0) return;
    const dropIfOf = (entry: number): void => {
      if (!this.isEmpty(entry) && this.frameOf(entry) === frame) this.drop(entry);
    };
    const last = this.lastWriter[frame]!;
    if (last !== 0) dropIfOf(last);
    if (this.writersOf[frame] === 0) return;
    // The frame is likely to have been written to lately.
    for (const { logs } of [this.sets.current, ...this.sets.all]) {
      const { listed } = logs.writes;
      for (let i = listed.length - 1; i >= 0 && this.writersOf[frame]! > 0; i--) dropIfOf(listed[i]!);
    }
    for (const { distance, logs } of this.sets.all) {
      const start = (TLB_WRITE >>> 2) + distance;
      const end = logs.writes.isFull ? start + TABLE_WORDS : start;
      for (let entry = start; this.writersOf[frame]! > 0 && entry < end; entry += TLB_ENTRY_BYTES >>> 2)
        dropIfOf(entry);
    }
  }

  /** Removes all write entries of the only context. Returns them for `putWrites`; undefined if there were too many to track. */
  takeWrites(): WriteEntries | undefined {
    const { writes } = this.sets.current.logs;
    if (!writes.isFull) {
      this.parts.clear();
      return this.remove(writes.take(), () => true);
    }
    this.dropWrites();
    return undefined;
  }

  /** Drops all write entries of all contexts. */
  dropWrites(): void {
    this.parts.clear();
    for (const set of this.sets.all) {
      const { writes } = set.logs;
      if (writes.isFull) set.fill(TLB_WRITE, 1);
      else for (const entry of writes.listed) this.empty(entry);
      writes.take();
    }
    this.writersOf.fill(0);
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

  /** Drops the entries of all contexts. */
  dropAll(): void {
    this.parts.clear();
    for (const log of this.slotLogs.values()) log.take();
    this.takenFromSlots.clear();
    this.giveUpTaken();
    const isKnown = this.sets.all.every(({ logs }) => !logs.filled.isFull);
    if (!isKnown) this.writersOf.fill(0);
    for (const set of this.sets.all)
      if (isKnown) this.dropSet(set);
      else this.emptySet(set);
  }

  /** Empties a set whose write entries are not counted any more. */
  private emptySet(set: TlbSet): void {
    const { filled, writes } = set.logs;
    if (filled.isFull) set.fill(TABLES[0]!, TABLES.length);
    else for (const entry of filled.listed) this.empty(entry);
    filled.take();
    writes.take();
  }

  private dropSet(set: TlbSet): void {
    const { filled, writes } = set.logs;
    if (!filled.isFull) for (const entry of filled.take()) this.drop(entry);
    else {
      const start = (TLB_WRITE >>> 2) + set.distance;
      for (let entry = start; entry < start + TABLE_WORDS; entry += TLB_ENTRY_BYTES >>> 2) this.drop(entry);
      filled.take();
      set.fill(TABLES[0]!, TABLES.length);
    }
    writes.take();
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
    const { filled, writes } = this.sets.current.logs;
    filled.add(entry, this.isHeld);
    if (this.slotLogs.size > 0) this.slotLogs.get(slotOf(tagHigh))?.add(entry, this.isHeld);
    if (!isForWrites(entry)) return;
    writes.add(entry, this.isHeld);
    const frame = this.frameOf(entry);
    this.writersOf[frame]!++;
    this.lastWriter[frame] = entry;
  }

  private drop(entry: number): void {
    // Memory that is all 0 stays untouched.
    if (this.isEmpty(entry)) return;
    if (isForWrites(entry)) this.writersOf[this.frameOf(entry)]!--;
    this.empty(entry);
  }

  private empty(entry: number): void {
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
  const place = entry < OTHER_WORDS.start ? entry - WORDS.start : (entry - OTHER_WORDS.start) % SET_WORDS;
  return Math.floor(place / TABLE_WORDS) === WRITES;
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
