import type { Board } from '../../board.js';
import { ACCESSED, DIRTY, EXECUTE_DISABLE_HIGH, PRESENT, USER, WRITABLE } from '../../mmu/entry.js';
import { fromLinear } from '../../kernel/memory/linear-address.js';
import type { DescribedAddress } from '../machine/memory-methods.js';
import { ENTRY_NAMES, type PageWalk, type WalkedEntry } from '../../debug/inspect/page-walk.js';
import type { PageTables } from './page-tables.js';
import type { Space } from './spaces.js';

const SHOWN_BYTES = 16;
const PAGE_SIZE = 4096;

/** Describes an address of a bare machine: what it is mapped to, by which entries, and its bytes. */
export function describeBoardAddress(board: Board, space: Space, address: number): DescribedAddress {
  const walked = space.kind === 'virtual' ? space.tables.walk(address) : undefined;
  const physical = space.kind === 'virtual' ? walked?.physical : address;
  const bytes = physical === undefined ? new Uint8Array(0) : bytesAt(board, physical);
  return {
    text: placeText(board, space, physical),
    vmo: undefined,
    leaf: undefined,
    state: space.kind === 'virtual' ? entriesText(walked) : frameText(physical!, board),
    bytes,
    pointer: space.kind === 'virtual' ? pointerIn(space.tables, bytes) : undefined,
  };
}

/** The bytes up to the end of the page. */
function bytesAt({ memory }: Board, physical: number): Uint8Array {
  return memory.ram.slice(physical, physical + Math.min(SHOWN_BYTES, PAGE_SIZE - (physical % PAGE_SIZE)));
}

function placeText({ memory }: Board, space: Space, physical: number | undefined): string {
  if (physical === undefined) return 'not mapped';
  const where = physical < memory.size ? 'RAM' : 'beyond memory';
  return space.kind === 'virtual' ? `physical 0x${physical.toString(16)}, ${where}` : where;
}

function frameText(physical: number, { memory }: Board): string {
  return physical < memory.size ? `frame ${Math.floor(physical / PAGE_SIZE)}` : 'none';
}

function entriesText(walked: PageWalk | undefined): string {
  if (!walked || walked.entries.length === 0) return 'no entry';
  return walked.entries.map((entry) => entryText(entry, walked.mode)).join(', ');
}

/** `PTE 0x8000000012345067 rw-u AD`. */
function entryText({ level, value }: WalkedEntry, mode: PageWalk['mode']): string {
  const [low, high] = [value, value >> 32n].map((part) => Number(BigInt.asIntN(32, part))) as [number, number];
  if (!(low & PRESENT)) return `${ENTRY_NAMES[level]} 0x${value.toString(16)} not present`;
  const isExecutable = mode === 'two-level' || !(high & EXECUTE_DISABLE_HIGH);
  const rights = `r${low & WRITABLE ? 'w' : '-'}${isExecutable ? 'x' : '-'}${low & USER ? 'u' : 's'}`;
  return `${ENTRY_NAMES[level]} 0x${value.toString(16)} ${rights}${low & ACCESSED ? ' A' : ''}${low & DIRTY ? ' D' : ''}`;
}

/** Where the pointer in these bytes leads, if that is mapped: one of four bytes in 32-bit modes. */
function pointerIn(tables: PageTables, bytes: Uint8Array): number | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isNarrow = tables.mode !== 'four-level';
  if (bytes.length < (isNarrow ? 4 : 8)) return undefined;
  const target = isNarrow ? view.getUint32(0, true) : fromLinear(view.getBigUint64(0, true));
  return target === undefined || tables.walk(target)?.physical === undefined ? undefined : target;
}
