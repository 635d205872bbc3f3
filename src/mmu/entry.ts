/**
 * The bits of paging: page-table entries, the control bits that change their meaning, and page-fault error codes.
 *
 * A page-table entry has 64 bits; bits below 32 are given as bits of the low word, the others as bits of the high word.
 * SDM Vol. 3A 4.5 "4-Level Paging and 5-Level Paging", tables 4-15 to 4-20:
 *
 *       | 63 | 62:52 | 51:40 | 39:30  | 29:21 | 20:13 |  12 | 11:9 |  8  |  7  |  6  | 5 |  4  |  3  |  2  |  1  | 0 |
 * PML4E | XD |  ign  |   0   |      address of a table      | ign  | ign |  0  | ign | A | PCD | PWT | U/S | R/W | P |
 * PDPTE | XD |  ign  |   0   |      address of a table      | ign  | ign |  0  | ign | A | PCD | PWT | U/S | R/W | P |
 *   "   | XD |  ign  |   0   | 1 GiB  |       0       | PAT | ign  |  G  |  1  |  D  | A | PCD | PWT | U/S | R/W | P |
 * PDE   | XD |  ign  |   0   |      address of a table      | ign  | ign |  0  | ign | A | PCD | PWT | U/S | R/W | P |
 *   "   | XD |  ign  |   0   |   2 MiB page   |   0   | PAT | ign  |  G  |  1  |  D  | A | PCD | PWT | U/S | R/W | P |
 * PTE   | XD |  ign  |   0   |          4 KiB page          | ign  |  G  | PAT |  D  | A | PCD | PWT | U/S | R/W | P |
 *
 * Reserved bits are shown as 0; ign bits are ignored. Bits 51:40 are above MAXPHYADDR, and XD is reserved if EFER.NXE =
 * 0. Bit 7 of a PDPTE or PDE is PS. If P = 0, all other bits of the entry are ignored.
 */

/** Bits in a physical address (CPUID.80000008H:EAX[7:0]); address bits 51 to MAXPHYADDR of an entry are reserved. */
export const MAXPHYADDR = 40;

/** P: the entry maps a page or points to a table. */
export const PRESENT = 1 << 0;
/** R/W: writes are allowed. */
export const WRITABLE = 1 << 1;
/** U/S: user-mode accesses are allowed. */
export const USER = 1 << 2;
/** A: the entry has been used to translate. */
export const ACCESSED = 1 << 5;
/** D, in an entry that maps a page: the page has been written. */
export const DIRTY = 1 << 6;
/** PS, in a PDPTE or PDE: the entry maps a page of 1 GiB or 2 MiB. The bit is PAT in a PTE and reserved in a PML4E. */
export const LARGE = 1 << 7;
/** XD, a bit of the high word: instructions may not be fetched. */
export const EXECUTE_DISABLE_HIGH = 1 << 31;

/** Valid address bits of the high word, and the reserved ones (bits 51 to MAXPHYADDR). */
export const ADDRESS_HIGH = (1 << (MAXPHYADDR - 32)) - 1;
export const RESERVED_HIGH = 0x000f_ffff & ~ADDRESS_HIGH;

/** CR0.PE: protected mode. */
export const CR0_PE = 1 << 0;
/** CR0.PG: paging is on. */
export const CR0_PG = 1 << 31;
/** CR4.PSE: with 32-bit paging, a PDE can map a page of 4 MiB. */
export const CR4_PSE = 1 << 4;
/** CR4.PAE: entries have 64 bits. */
export const CR4_PAE = 1 << 5;
/** CR0.WP: supervisor-mode writes respect R/W = 0. SDM Vol. 3A 2.5. */
export const CR0_WP = 1 << 16;
/** CR4.SMEP: supervisor mode may not fetch instructions from user-mode addresses. */
export const CR4_SMEP = 1 << 20;
/** CR4.SMAP: supervisor mode may access data at user-mode addresses only explicitly and with RFLAGS.AC = 1. */
export const CR4_SMAP = 1 << 21;
/** EFER.SCE: SYSCALL and SYSRET are enabled. SDM Vol. 3A 2.2.1. */
export const EFER_SCE = 1 << 0;
/** EFER.LME: paging, once it is on, is that of long mode. EFER.LMA: it is. */
export const EFER_LME = 1 << 8;
export const EFER_LMA = 1 << 10;
/** EFER.NXE: bit 63 of an entry is XD. SDM Vol. 3A 2.2.1. */
export const EFER_NXE = 1 << 11;

/*
 * Page-fault error code. SDM Vol. 3A 4.7 "Page-Fault Exceptions", figure 4-12:
 *
 *      4  |  3   |  2  |  1  | 0
 *     I/D | RSVD | U/S | W/R | P
 */

/** P: a translation or a reserved bit forbids the access; 0 = some entry was not present. */
export const FAULT_PRESENT = 1 << 0;
/** W/R: the access was a write. */
export const FAULT_WRITE = 1 << 1;
/** U/S: the access was a user-mode access. */
export const FAULT_USER = 1 << 2;
/** RSVD: a reserved bit was set in an entry. */
export const FAULT_RESERVED = 1 << 3;
/** I/D: the access was an instruction fetch; reported only if CR4.SMEP or EFER.NXE is set. */
export const FAULT_FETCH = 1 << 4;
