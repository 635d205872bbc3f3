/**
 * Operations of BD0's kernel on page tables and frames while programs run: `kernel/memory/page-table.ts`,
 * `vmo/frames/frame-pool.ts`.
 */
import { PAGE_SIZE } from '../../../src/bits.js';
import { ACCESSED, DIRTY, PRESENT, USER, WRITABLE } from '../../../src/mmu/entry.js';
import { ALIAS_DISTANCE, CODE, CODE_FRAME, CODE_PAGES, type Guest } from './machines.js';

const PAGE = BigInt(PAGE_SIZE);
const ENTRIES = 512;
const TABLE_SPAN = BigInt(ENTRIES) * PAGE;
const TABLE_FLAGS = BigInt(PRESENT | WRITABLE | USER);
const FRAME_BITS = 0xf_ffff_f000n;
const USED = BigInt(ACCESSED | DIRTY);

/** A PTE, and the page that it maps. */
interface Mapped {
  readonly linear: bigint;
  readonly entry: bigint;
}

/** Stores the PTE of a page, which maps no other. */
function writePte({ cpu, memory, tables }: Guest, linear: bigint, entry: bigint): void {
  const address = tables.entryAddress(linear);
  memory.write64(address, entry);
  cpu.linearMemory.pteStored(address, Number(linear >> 32n), Number(BigInt.asIntN(32, linear)));
}

/** Announces that the content of a frame is about to change, as the frame pool does. */
function codeChanges({ cpu }: Guest, frame: number): void {
  cpu.linearMemory.stored(frame * PAGE_SIZE, PAGE_SIZE);
}

/** The pages that the table around an address maps. */
function mappedAround({ memory, tables }: Guest, linear: bigint): Mapped[] {
  const start = linear - (linear % TABLE_SPAN);
  const found: Mapped[] = [];
  const table = tables.entryAddress(start);
  for (let index = 0; index < ENTRIES; index++)
    if (memory.read32(table + index * 8) & PRESENT)
      found.push({ linear: start + BigInt(index) * PAGE, entry: memory.read64(table + index * 8) });
  return found;
}

/**
 * Maps the pages of the code to its frames, rotated by `turns`: another program at the same address, or the same one
 * again.
 */
export function switchProgram(guest: Guest, turns: number): void {
  for (let page = 0; page < CODE_PAGES; page++) {
    const frame = CODE_FRAME + ((page + turns) % CODE_PAGES);
    writePte(guest, CODE + BigInt(page) * PAGE, (BigInt(frame) << 12n) | TABLE_FLAGS);
  }
}

/**
 * Unmaps all pages around an address and frees the empty table. Returns a function that maps them again with a table in
 * a frame.
 */
export function takeTable(guest: Guest, linear: bigint): (frame: number) => void {
  const { cpu, memory, tables } = guest;
  const mapped = mappedAround(guest, linear);
  const table = Math.floor(tables.entryAddress(linear) / PAGE_SIZE);
  const directoryEntry = tables.directoryEntryAddress(linear);
  for (const page of mapped) writePte(guest, page.linear, 0n);
  memory.write64(directoryEntry, 0n);
  cpu.linearMemory.emptyTableStored(directoryEntry);
  codeChanges(guest, table);
  return (frame) => {
    codeChanges(guest, frame);
    memory.ram.fill(0, frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE);
    memory.write64(directoryEntry, (BigInt(frame) << 12n) | TABLE_FLAGS);
    cpu.linearMemory.stored(directoryEntry, 8);
    for (const page of mapped) writePte(guest, page.linear, page.entry & ~USED);
  };
}

/**
 * Unmaps a frame everywhere so that it can be reused. Returns a function that fills it and maps it only at `linear`.
 */
export function evict(guest: Guest, frame: number): (linear: bigint, bytes: Uint8Array) => void {
  for (const around of [CODE, CODE + ALIAS_DISTANCE])
    for (const { linear, entry } of mappedAround(guest, around))
      if ((entry & FRAME_BITS) >> 12n === BigInt(frame)) writePte(guest, linear, 0n);
  codeChanges(guest, frame);
  return (linear, bytes) => {
    guest.memory.ram.set(bytes, frame * PAGE_SIZE);
    writePte(guest, linear, (BigInt(frame) << 12n) | TABLE_FLAGS);
  };
}
