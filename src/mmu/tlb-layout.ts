import { PAGE_SHIFT } from '../bits.js';
import { HOST_LAYOUT } from '../memory.js';

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
 *
 * There are sets of these tables, one for each context of translation that was used lately: see `Tlb.use`. Generated code finds
 * the current one by the distance in TLB_SET, in bytes, from the first, which is the only one of a machine with one context.
 */
export const TLB_ENTRIES = 65536;
export const TLB_ENTRY_BYTES = 16;
export const TLB_ADDEND_OFFSET = 8;
export const TLB_INDEX_SHIFT = 8;
export const TLB_INDEX_MASK = (TLB_ENTRIES - 1) * TLB_ENTRY_BYTES;

export const TABLE_BYTES = TLB_ENTRIES * TLB_ENTRY_BYTES;

/** Host addresses of the three tables. */
export const TLB_READ = HOST_LAYOUT.tlb;
export const TLB_WRITE = HOST_LAYOUT.tlb + TABLE_BYTES;
export const TLB_FETCH = HOST_LAYOUT.tlb + 2 * TABLE_BYTES;

/** Where the distance of the current set from the first one is, in bytes; i32. */
export const TLB_SET = HOST_LAYOUT.tlbSet;

export const TABLE_WORDS = TABLE_BYTES >>> 2;
/** The number of the table for writes in a set. */
export const WRITES = 1;

/** All three tables of the first set, in words; and those of all others. */
export const WORDS = { start: HOST_LAYOUT.tlb >>> 2, end: (HOST_LAYOUT.tlb + HOST_LAYOUT.tlbBytes) >>> 2 };
export const OTHER_WORDS = {
  start: HOST_LAYOUT.tlbSets >>> 2,
  end: (HOST_LAYOUT.tlbSets + HOST_LAYOUT.tlbSetsBytes) >>> 2,
};
export const SET_WORDS = WORDS.end - WORDS.start;
/** Number of sets that there may be. */
export const MOST_SETS = 1 + (OTHER_WORDS.end - OTHER_WORDS.start) / SET_WORDS;

export const TABLES = [TLB_READ, TLB_WRITE, TLB_FETCH];
export const NONE = -1;

if (TABLES.length * TABLE_BYTES !== HOST_LAYOUT.tlbBytes || TLB_INDEX_SHIFT + 4 !== PAGE_SHIFT)
  throw new Error('the TLB does not fit its place in HOST_LAYOUT or its index does not select pages');
