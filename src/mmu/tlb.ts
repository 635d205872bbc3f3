import { PAGE_SHIFT, PAGE_SIZE, hex } from '../bits.js';
import { HOST_LAYOUT, type GuestMemory } from '../memory.js';

/**
 * The translation lookaside buffer: three direct-mapped tables in the shared memory, for reads, writes and fetches,
 * which generated code looks up inline. An entry is 16 bytes:
 *
 *     +0  i64  tag: the linear address of a page (bits 11 to 0 are 0), or -1 for none
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

const TABLES = [TLB_READ, TLB_WRITE, TLB_FETCH];
const NONE = -1;
const ENTRIES_IN_PAGE_TABLE = 512;

/**
 * Maximum number of filled entries that are tracked individually, so that dropping a few is faster than dropping all.
 */
const MOST_REMEMBERED = 4096;

/** Maximum number of write entries that are tracked individually, so that they can be removed and restored. */
const MOST_WRITES_REMEMBERED = 8192;

/** Words saved for a removed entry: its position and its contents. */
const WORDS_OF_TAKEN = 4;

/** Write entries that were removed, and when. */
export interface WriteEntries {
  readonly taken: Int32Array;
  readonly changes: number;
}

if (TABLES.length * TABLE_BYTES !== HOST_LAYOUT.tlbBytes || TLB_INDEX_SHIFT + 4 !== PAGE_SHIFT)
  throw new Error('the TLB does not fit its place in HOST_LAYOUT or its index does not select pages');

/** Reads and changes the TLB. `Mmu` decides which entries may be filled and which must be dropped. */
export class Tlb {
  private readonly memory: GuestMemory;
  private readonly words: Int32Array;
  private readonly filled = new Int32Array(MOST_REMEMBERED);
  private filledCount = 0;
  /** Write entries filled since they were last removed. */
  private readonly writes = new Int32Array(MOST_WRITES_REMEMBERED);
  private writesCount = 0;
  /**
   * Number of operations that dropped entries; and the last such operation, by index of the PTE in its page table, and
   * overall.
   */
  private changes = 0;
  private readonly lastChangeOfIndex = new Float64Array(ENTRIES_IN_PAGE_TABLE);
  private lastChangeOfAll = 0;
  /** Number of write entries that lead to each frame. */
  private readonly writersOf: Uint32Array;
  /** One byte per frame: whether a removed write entry led there, since removed entries were last discarded. */
  private readonly wasWritten: Uint8Array;
  /** Whether that is the case for any frame. */
  private someWasWritten = false;

  constructor(memory: GuestMemory) {
    this.memory = memory;
    this.words = memory.host32;
    this.writersOf = new Uint32Array(memory.size / PAGE_SIZE);
    this.wasWritten = new Uint8Array(memory.size / PAGE_SIZE);
    this.words.fill(NONE, HOST_LAYOUT.tlb >>> 2, (HOST_LAYOUT.tlb + HOST_LAYOUT.tlbBytes) >>> 2);
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
    this.remember(table, entry);
    this.put(entry, pageOf(linearLow), linearHigh, HOST_LAYOUT.ram + physical - (linearLow >>> 0));
  }

  /** Drops one linear page from the tables. */
  dropPage(linearHigh: number, linearLow: number, tables: readonly number[] = TABLES): void {
    this.lastChangeOfIndex[tableIndexOf(linearLow)] = ++this.changes;
    for (const table of tables)
      if (this.lookup(table, linearHigh, linearLow) !== -1) this.drop(wordOfEntry(table, linearLow));
  }

  /** Drops every linear page whose bits 20 to 12 are `index`: all that a PTE at that index of a page table can map. */
  dropPagesOfTableIndex(index: number): void {
    this.lastChangeOfIndex[index] = ++this.changes;
    for (const table of TABLES)
      for (let place = index; place < TLB_ENTRIES; place += ENTRIES_IN_PAGE_TABLE)
        this.drop((table + place * TLB_ENTRY_BYTES) >>> 2);
  }

  /** Drops every entry through which a frame could be written. */
  dropWritesTo(frame: number): void {
    if (this.wasWritten[frame]) this.giveUpTaken();
    for (let entry = WRITES_START; this.writersOf[frame]! > 0; entry += TLB_ENTRY_BYTES >>> 2)
      if (!this.isEmpty(entry) && this.frameOf(entry) === frame) this.drop(entry);
  }

  /** Removes all write entries. Returns them for `putWrites`; undefined if there were too many to track. */
  takeWrites(): WriteEntries | undefined {
    const { words, writes, writesCount } = this;
    this.writesCount = 0;
    if (writesCount === MOST_WRITES_REMEMBERED) {
      words.fill(NONE, WRITES_START, WRITES_END);
      this.writersOf.fill(0);
      return undefined;
    }
    const taken = new Int32Array(writesCount * WORDS_OF_TAKEN);
    let length = 0;
    for (let i = 0; i < writesCount; i++) {
      const entry = writes[i]!;
      if (this.isEmpty(entry)) continue;
      taken[length++] = entry;
      for (let word = 0; word < 3; word++) taken[length++] = words[entry + word]!;
      this.wasWritten[this.frameOf(entry)] = 1;
      this.someWasWritten = true;
      this.drop(entry);
    }
    return { taken: taken.subarray(0, length), changes: this.changes };
  }

  /**
   * Restores removed entries, except those that would have been dropped since. There must be no other write entries.
   */
  putWrites({ taken, changes }: WriteEntries): void {
    if (this.lastChangeOfAll > changes) return;
    for (let i = 0; i < taken.length; i += WORDS_OF_TAKEN) {
      const [entry, tagLow, tagHigh, addend] = [taken[i]!, taken[i + 1]!, taken[i + 2]!, taken[i + 3]!];
      if (this.lastChangeOfIndex[tableIndexOf(tagLow)]! > changes) continue;
      this.remember(TLB_WRITE, entry);
      this.put(entry, tagLow, tagHigh, addend);
    }
  }

  dropAll(): void {
    this.writesCount = 0;
    this.giveUpTaken();
    if (this.filledCount < MOST_REMEMBERED) {
      for (let i = 0; i < this.filledCount; i++) this.drop(this.filled[i]!);
      this.filledCount = 0;
      return;
    }
    this.filledCount = 0;
    this.writersOf.fill(0);
    this.words.fill(NONE, HOST_LAYOUT.tlb >>> 2, (HOST_LAYOUT.tlb + HOST_LAYOUT.tlbBytes) >>> 2);
  }

  /** Discards removed entries, so that none of them is restored. */
  private giveUpTaken(): void {
    this.lastChangeOfAll = ++this.changes;
    if (this.someWasWritten) this.wasWritten.fill(0);
    this.someWasWritten = false;
  }

  private remember(table: number, entry: number): void {
    if (this.filledCount < MOST_REMEMBERED) this.filled[this.filledCount++] = entry;
    if (table === TLB_WRITE && this.writesCount < MOST_WRITES_REMEMBERED) this.writes[this.writesCount++] = entry;
  }

  private put(entry: number, tagLow: number, tagHigh: number, addend: number): void {
    this.drop(entry);
    this.words[entry] = tagLow;
    this.words[entry + 1] = tagHigh;
    this.words[entry + 2] = addend;
    if (isForWrites(entry)) this.writersOf[this.frameOf(entry)]!++;
  }

  private drop(entry: number): void {
    if (isForWrites(entry) && !this.isEmpty(entry)) this.writersOf[this.frameOf(entry)]!--;
    this.words[entry] = NONE;
    this.words[entry + 1] = NONE;
  }

  /** Whether an entry is empty. Page addresses have their low bits clear, so the low word suffices. */
  private isEmpty(entry: number): boolean {
    return this.words[entry] === NONE;
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

/** The position of a linear address's entry, in 32-bit words. */
function wordOfEntry(table: number, linearLow: number): number {
  return (table + ((linearLow >>> TLB_INDEX_SHIFT) & TLB_INDEX_MASK)) >>> 2;
}
