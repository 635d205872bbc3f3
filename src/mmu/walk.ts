import {
  ACCESSED,
  ADDRESS_HIGH,
  CR0_PG,
  CR0_WP,
  CR4_PAE,
  CR4_PSE,
  CR4_SMAP,
  CR4_SMEP,
  DIRTY,
  EFER_LMA,
  EFER_NXE,
  EXECUTE_DISABLE_HIGH,
  FAULT_FETCH,
  FAULT_PRESENT,
  FAULT_RESERVED,
  FAULT_USER,
  FAULT_WRITE,
  LARGE,
  MAXPHYADDR,
  PRESENT,
  RESERVED_HIGH,
  USER,
  WRITABLE,
} from './entry.js';
import { PAGE_SIZE } from '../bits.js';

/**
 * The walks of page tables: SDM Vol. 3A 4.3 "32-Bit Paging", 4.4 "PAE Paging", 4.5 "4-Level Paging", 4.6 "Access Rights" and
 * 4.7 "Page-Fault Exceptions", without protection keys and shadow stacks.
 *
 * One of them runs on every TLB miss. For speed, a linear address is passed as two 32-bit halves (signed or unsigned), no bigint
 * is created, and the result is stored in an object that the caller reuses.
 */

/** The control register fields that paging uses. SDM Vol. 3A 4.1.3 "Paging-Mode Modifiers". */
export interface PagingControls {
  cr0: number;
  /** Bits 39 to 12 are the physical address of the PML4 table. */
  cr3: number;
  cr4: number;
  efer: number;
  /** RFLAGS.AC. */
  rflagsAC: boolean;
  /** With PAE paging, the four PDPTE registers, loaded by the CPU. */
  directoryPointers: Readonly<BigUint64Array>;
}

/** How linear addresses are translated: CR0.PG, CR4.PAE and EFER.LMA decide. SDM Vol. 3A 4.1.1 "Four Paging Modes". */
export type PagingMode = 'none' | 'two-level' | 'pae' | 'four-level';

export function pagingModeOf({ cr0, cr4, efer }: Pick<PagingControls, 'cr0' | 'cr4' | 'efer'>): PagingMode {
  if (!(cr0 & CR0_PG)) return 'none';
  if (efer & EFER_LMA) return 'four-level';
  return cr4 & CR4_PAE ? 'pae' : 'two-level';
}

/** Source of page-table entries: `GuestMemory`, or anything else with words at physical addresses. */
export interface TableMemory {
  /** The 32-bit little-endian word at an aligned physical address, unsigned. */
  read32(physical: number): number;
}

/**
 * An access is one of READ, WRITE and FETCH, with USER for a user-mode access, or IMPLICIT for an implicit
 * supervisor-mode access (to a descriptor table or a TSS, regardless of CPL; SDM Vol. 3A 4.6). All bits except IMPLICIT
 * are those of the page-fault error code. An access that reads and then writes is a WRITE.
 */
export const ACCESS_READ = 0;
export const ACCESS_WRITE = FAULT_WRITE;
export const ACCESS_FETCH = FAULT_FETCH;
export const ACCESS_USER = FAULT_USER;
export const ACCESS_IMPLICIT = 1 << 8;

const ERROR_CODE_OF_ACCESS = FAULT_WRITE | FAULT_USER | FAULT_FETCH;

/** The result of a walk. */
export class Walk {
  /** The physical address of the byte; valid after a walk without fault. */
  physical = 0;
  /** The level of the entry that maps the page, 1 = PTE (4 KiB), 2 = PDE (2 MiB), 3 = PDPTE (1 GiB). */
  leafLevel = 0;
  /** The level of the first entry in memory: PML4E 4, PDE 2. */
  rootLevel = 4;
  /** Whether entries have 32 bits. */
  isNarrow = false;
  /** Physical addresses of the entries by level: the first at [rootLevel], the entry that maps the page at [leafLevel]. */
  readonly entryAddresses = new Float64Array(5);
  /** Whether A is set in all these entries. */
  accessed = false;
  /** Whether D is set in the entry that maps the page. */
  dirty = false;
  /** The error code; valid after a walk that faulted. */
  errorCode = 0;
}

/** Bits of the low word that must be 0 in an entry of each level that has bit 7 set (for a PTE that bit is PAT). */
const RESERVED_WITH_BIT_7 = [0, 0, 0x001f_e000, 0x3fff_e000, LARGE];

/**
 * Whether bits 63 to 47 of the linear address with this high half are equal. Other addresses raise #GP or #SS and are
 * never walked. SDM Vol. 1 3.3.7.1 "Canonical Addressing".
 */
export function isCanonicalHigh(linearHigh: number): boolean {
  return (linearHigh << 16) >> 16 === (linearHigh | 0);
}

/**
 * Translates the canonical linear address of one byte by 4-level paging. Returns true with the physical address and the addresses
 * of the entries in `found`, or false for a page fault with `found.errorCode`. Changes nothing else; the caller sets A and D.
 */
export function walk(
  memory: TableMemory,
  controls: PagingControls,
  access: number,
  linearHigh: number,
  linearLow: number,
  found: Walk,
): boolean {
  const reservedHigh = controls.efer & EFER_NXE ? RESERVED_HIGH : RESERVED_HIGH | EXECUTE_DISABLE_HIGH;
  const root = Math.floor(controls.cr3 / PAGE_SIZE) * PAGE_SIZE;
  found.rootLevel = 4;
  found.isNarrow = false;
  return walkWide(memory, controls, access, root, reservedHigh, linearHigh, linearLow, found);
}

/** As `walk`, with PAE paging: the linear address has 32 bits, and its upper two select a register instead of an entry. */
export function walkPae(
  memory: TableMemory,
  controls: PagingControls,
  access: number,
  _linearHigh: number,
  linearLow: number,
  found: Walk,
): boolean {
  const pointer = controls.directoryPointers[linearLow >>> 30]!;
  found.rootLevel = 2;
  found.isNarrow = false;
  if (!(Number(pointer & 0xffn) & PRESENT)) return fault(controls, access, 0, found);
  const table = Number(pointer & DIRECTORY_ADDRESS);
  const reservedHigh = controls.efer & EFER_NXE ? RESERVED_HIGH_PAE : RESERVED_HIGH_PAE | EXECUTE_DISABLE_HIGH;
  return walkWide(memory, controls, access, table, reservedHigh, 0, linearLow, found);
}

/** Walks tables of 64-bit entries, from one of the level `found.rootLevel` on. */
function walkWide(
  memory: TableMemory,
  controls: PagingControls,
  access: number,
  root: number,
  reservedHigh: number,
  linearHigh: number,
  linearLow: number,
  found: Walk,
): boolean {
  let table = root;
  let inEvery = ~0;
  let inAnyHigh = 0;
  for (let level = found.rootLevel; ; level--) {
    const address = table + tableIndex(level, linearHigh, linearLow) * 8;
    const low = memory.read32(address) | 0;
    const high = memory.read32(address + 4) | 0;
    found.entryAddresses[level] = address;
    if (!(low & PRESENT)) return fault(controls, access, 0, found);
    const mapsPage = level === 1 || (low & LARGE) !== 0;
    if (high & reservedHigh || (mapsPage && low & RESERVED_WITH_BIT_7[level]!))
      return fault(controls, access, FAULT_PRESENT | FAULT_RESERVED, found);
    inEvery &= low;
    inAnyHigh |= high;
    if (mapsPage) {
      if (!permits(controls, access, inEvery, inAnyHigh)) return fault(controls, access, FAULT_PRESENT, found);
      const offsetMask = (1 << (3 + 9 * level)) - 1;
      found.physical = join(high & ADDRESS_HIGH, (low & ~offsetMask) | (linearLow & offsetMask));
      found.leafLevel = level;
      found.accessed = (inEvery & ACCESSED) !== 0;
      found.dirty = (low & DIRTY) !== 0;
      return true;
    }
    table = join(high & ADDRESS_HIGH, low & ~(PAGE_SIZE - 1));
  }
}

/** As `walk`, with 32-bit paging: a page directory and page tables of 1,024 entries of 32 bits. */
export function walkTwoLevels(
  memory: TableMemory,
  controls: PagingControls,
  access: number,
  _linearHigh: number,
  linearLow: number,
  found: Walk,
): boolean {
  found.rootLevel = 2;
  found.isNarrow = true;
  const directoryEntry = Math.floor((controls.cr3 >>> 0) / PAGE_SIZE) * PAGE_SIZE + (linearLow >>> 22) * 4;
  const upper = memory.read32(directoryEntry) | 0;
  found.entryAddresses[2] = directoryEntry;
  if (!(upper & PRESENT)) return fault(controls, access, 0, found);
  const isLarge = (upper & LARGE) !== 0 && (controls.cr4 & CR4_PSE) !== 0;
  if (isLarge && upper & RESERVED_IN_LARGE_PDE) return fault(controls, access, FAULT_PRESENT | FAULT_RESERVED, found);
  let leaf = upper;
  if (!isLarge) {
    const tableEntry = ((upper & ~(PAGE_SIZE - 1)) >>> 0) + ((linearLow >>> 12) & 1023) * 4;
    leaf = memory.read32(tableEntry) | 0;
    found.entryAddresses[1] = tableEntry;
    if (!(leaf & PRESENT)) return fault(controls, access, 0, found);
  }
  if (!permits(controls, access, upper & leaf, 0)) return fault(controls, access, FAULT_PRESENT, found);
  found.leafLevel = isLarge ? 2 : 1;
  found.physical = isLarge
    ? join((leaf >>> 13) & 0xff, (leaf & ~LARGE_OFFSET) | (linearLow & LARGE_OFFSET))
    : ((leaf & ~(PAGE_SIZE - 1)) | (linearLow & (PAGE_SIZE - 1))) >>> 0;
  found.accessed = (upper & leaf & ACCESSED) !== 0;
  found.dirty = (leaf & DIRTY) !== 0;
  return true;
}

/** The offset in a page of 4 MiB; and bit 21 of its PDE, above the eight bits that extend its address. SDM Vol. 3A table 4-4. */
const LARGE_OFFSET = 0x3f_ffff;
const RESERVED_IN_LARGE_PDE = 1 << 21;

/** The address in a PDPTE register. */
const DIRECTORY_ADDRESS = BigInt(2 ** MAXPHYADDR - PAGE_SIZE);
/** With PAE paging the ignored bits 62 to 52 are reserved as well. SDM Vol. 3A tables 4-9 to 4-11. */
const RESERVED_HIGH_PAE = RESERVED_HIGH | 0x7ff0_0000;

/** Bits 47 to 39, 38 to 30, 29 to 21 or 20 to 12 of a linear address, for levels 4 to 1. */
function tableIndex(level: number, linearHigh: number, linearLow: number): number {
  switch (level) {
    case 4:
      return (linearHigh >>> 7) & 511;
    case 3:
      return ((linearHigh << 2) | (linearLow >>> 30)) & 511;
    case 2:
      return (linearLow >>> 21) & 511;
    default:
      return (linearLow >>> 12) & 511;
  }
}

function join(high: number, low: number): number {
  return high * 0x1_0000_0000 + (low >>> 0);
}

/**
 * Access rights, SDM Vol. 3A 4.6.1 "Determination of Access Rights". `inEvery` is the AND of the low words of all
 * entries, `inAnyHigh` the OR of their high words.
 */
function permits(controls: PagingControls, access: number, inEvery: number, inAnyHigh: number): boolean {
  const userAddress = (inEvery & USER) !== 0;
  const writable = (inEvery & WRITABLE) !== 0;
  if (access & ACCESS_FETCH) {
    if (inAnyHigh & EXECUTE_DISABLE_HIGH) return false;
    return access & ACCESS_USER ? userAddress : !(userAddress && controls.cr4 & CR4_SMEP);
  }
  if (access & ACCESS_USER) return userAddress && (writable || !(access & ACCESS_WRITE));
  if (userAddress && controls.cr4 & CR4_SMAP && (access & ACCESS_IMPLICIT || !controls.rflagsAC)) return false;
  return writable || !(access & ACCESS_WRITE) || !(controls.cr0 & CR0_WP);
}

/** Stores the error code of SDM Vol. 3A 4.7; `cause` is its P and RSVD bits. */
function fault(controls: PagingControls, access: number, cause: number, found: Walk): false {
  const reportsFetch = (controls.efer & EFER_NXE && !found.isNarrow) || controls.cr4 & CR4_SMEP;
  const reported = reportsFetch ? ERROR_CODE_OF_ACCESS : ERROR_CODE_OF_ACCESS & ~FAULT_FETCH;
  found.errorCode = cause | (access & reported);
  return false;
}
