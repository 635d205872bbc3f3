import { hex, isCanonical } from '../../bits.js';
import { ACCESSED, DIRTY, EXECUTE_DISABLE_HIGH, LARGE, PRESENT, USER, WRITABLE } from '../../mmu/entry.js';
import {
  ACCESS_READ,
  Walk,
  walk,
  walkPae,
  walkTwoLevels,
  pagingModeOf,
  type PagingMode,
  type TableMemory,
} from '../../mmu/walk.js';
import type { DebuggedMachine, MachineThread } from '../machine/debugged-machine.js';
import { fullAddress } from '../reports/address-text.js';

/** An entry of a page table that is used to translate an address. */
export interface WalkedEntry {
  /** Its level: 4 for a PML4E, 1 for a PTE. */
  readonly level: number;
  readonly physical: number;
  readonly value: bigint;
}

/** How a linear address is translated. */
export interface PageWalk {
  readonly mode: PagingMode;
  readonly cr3: bigint;
  /** From the root on; the last one maps the page, or is the reason why nothing is mapped. */
  readonly entries: readonly WalkedEntry[];
  /** Undefined where nothing is mapped, or the address is not canonical. */
  readonly physical: number | undefined;
}

const WALKS = { 'four-level': walk, pae: walkPae, 'two-level': walkTwoLevels } as const;
const NO_POINTERS = new BigUint64Array(4);

/** The control registers that say how linear addresses are translated. */
export interface PagingRegisters {
  readonly cr0: bigint;
  readonly cr3: bigint;
  readonly cr4: bigint;
  readonly efer: bigint;
  /** With PAE paging, the four PDPTE registers. */
  readonly directoryPointers?: Readonly<BigUint64Array> | undefined;
}

/** Walks the page tables that a thread has, as the processor would, without setting any A bit. */
export function walkPages(machine: DebuggedMachine, thread: MachineThread, linear: bigint): PageWalk {
  const { directoryPointers } = machine.cpu.bare?.system.state ?? {};
  return walkTables(machine.memory, { ...machine.control(thread), directoryPointers }, linear);
}

/** As `walkPages`, the tables that control registers lead to. */
export function walkTables(
  memory: TableMemory,
  { cr3, directoryPointers = NO_POINTERS, ...others }: PagingRegisters,
  linear: bigint,
): PageWalk {
  const registers = words({ cr0: others.cr0, cr4: others.cr4, efer: others.efer });
  const mode = pagingModeOf(registers);
  if (mode === 'none') return { mode, cr3, entries: [], physical: Number(BigInt.asUintN(32, linear)) };
  if (mode === 'four-level' && !isCanonical(linear)) return { mode, cr3, entries: [], physical: undefined };
  const [low32, high32] = [linear, linear >> 32n].map((part) => Number(BigInt.asIntN(32, part)));
  const found = new Walk();
  found.entryAddresses.fill(-1);
  // As with RFLAGS.AC, so that SMAP does not hide what is mapped.
  const controls = { ...registers, cr3: Number(cr3), rflagsAC: true, directoryPointers };
  const isMapped = WALKS[mode](memory, controls, ACCESS_READ, high32!, low32!, found);
  const entries: WalkedEntry[] = [];
  for (let level = found.rootLevel; level > 0 && found.entryAddresses[level]! >= 0; level--) {
    const physical = found.entryAddresses[level]!;
    const [word, upper] = [0, 4].map((offset) => BigInt(memory.read32(physical + offset) >>> 0));
    entries.push({ level, physical, value: found.isNarrow ? word! : word! | (upper! << 32n) });
  }
  return { mode, cr3, entries, physical: isMapped ? found.physical : undefined };
}

function words<Name extends string>(registers: Readonly<Record<Name, bigint>>): Record<Name, number> {
  const pairs = Object.entries<bigint>(registers).map(([name, value]) => [name, Number(BigInt.asIntN(32, value))]);
  return Object.fromEntries(pairs) as Record<Name, number>;
}

/** The names of entries by their level. */
export const ENTRY_NAMES = ['', 'PTE', 'PDE', 'PDPTE', 'PML4E'];
const SIZES: Readonly<Record<string, readonly string[]>> = {
  'four-level': ['', '4 KiB', '2 MiB', '1 GiB'],
  pae: ['', '4 KiB', '2 MiB'],
  'two-level': ['', '4 KiB', '4 MiB'],
};

/** A walk in lines: each entry, where it lies, and what it says. */
export function pageWalkLines({ mode, cr3, entries, physical }: PageWalk): string[] {
  const place = physical === undefined ? 'not mapped' : `physical address ${hex(physical)}`;
  if (mode === 'none') return [`paging is off: ${place}`];
  const lines = entries.map(({ level, physical: at, value }) => {
    const name = ENTRY_NAMES[level]!.padEnd(5);
    return `${name} at ${fullAddress(BigInt(at))}: ${fullAddress(value)}  ${entryText(value, level, mode)}`;
  });
  if (entries.length === 0 && mode !== 'pae')
    return [`cr3   ${fullAddress(cr3)}`, 'not mapped: the address is not canonical'];
  return [`cr3   ${fullAddress(cr3)}`, ...lines, place];
}

/** `2 MiB page, rw-, user, accessed, dirty`. */
function entryText(value: bigint, level: number, mode: PagingMode): string {
  const low = Number(BigInt.asUintN(32, value));
  if (!(low & PRESENT)) return 'not present';
  const mapsPage = level === 1 || (level < 4 && (low & LARGE) !== 0);
  const isExecutable = mode === 'two-level' || !(Number(BigInt.asIntN(32, value >> 32n)) & EXECUTE_DISABLE_HIGH);
  return [
    mapsPage ? `${SIZES[mode]![level]!} page` : 'table',
    `r${low & WRITABLE ? 'w' : '-'}${isExecutable ? 'x' : '-'}`,
    low & USER ? 'user' : 'supervisor',
    ...(low & ACCESSED ? ['accessed'] : []),
    ...(mapsPage && low & DIRTY ? ['dirty'] : []),
  ].join(', ');
}
