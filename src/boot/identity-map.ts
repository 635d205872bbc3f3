import type { GuestMemory } from '../memory.js';
import { LARGE, PRESENT, WRITABLE } from '../mmu/entry.js';

const TABLE_BYTES = 4096;
const LARGE_PAGE_BYTES = 2 ** 21;
const GIGABYTES = 4;

/**
 * Writes page tables that map the first 4 GiB to themselves, with pages of 2 MiB: at `tables` a PML4, behind it a table below it, and
 * then four below that.
 */
export function writeIdentityMap(memory: GuestMemory, tables: number): void {
  const table = PRESENT | WRITABLE;
  const [pointers, directories] = [tables + TABLE_BYTES, tables + 2 * TABLE_BYTES];
  memory.ram.fill(0, tables, directories);
  memory.write64(tables, BigInt(pointers | table));
  for (let gigabyte = 0; gigabyte < GIGABYTES; gigabyte++) {
    const directory = directories + gigabyte * TABLE_BYTES;
    memory.write64(pointers + 8 * gigabyte, BigInt(directory | table));
    for (let page = 0; page < TABLE_BYTES / 8; page++)
      memory.write64(directory + 8 * page, BigInt(gigabyte * 2 ** 30 + page * LARGE_PAGE_BYTES + (table | LARGE)));
  }
}
