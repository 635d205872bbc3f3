import type { Board } from '../../board.js';
import { ACCESSED, DIRTY, EXECUTE_DISABLE_HIGH, PRESENT, USER, WRITABLE } from '../../mmu/entry.js';
import { fromLinear } from '../../kernel/memory/linear-address.js';
import type { DescribedAddress } from '../machine/memory-methods.js';
import { entriesFor, physicalBy, type TableEntry } from './page-tables.js';
import type { Space } from './spaces.js';

const SHOWN_BYTES = 16;
const POINTER_BYTES = 8;
const PAGE_SIZE = 4096;

const LEVELS = ['', 'PTE', 'PDE', 'PDPTE', 'PML4E'];

/** Describes an address of a bare machine: what it is mapped to, by which entries, and its bytes. */
export function describeBoardAddress(board: Board, space: Space, address: number): DescribedAddress {
  const entries = space.kind === 'virtual' ? entriesFor(board, space.root, address) : [];
  const physical = space.kind === 'virtual' ? physicalBy(entries.at(-1)!, address) : address;
  const bytes = physical === undefined ? new Uint8Array(0) : bytesAt(board, physical);
  return {
    text: placeText(board, space, physical),
    vmo: undefined,
    leaf: undefined,
    state: space.kind === 'virtual' ? entries.map(entryText).join(', ') : frameText(physical!, board),
    bytes,
    pointer: space.kind === 'virtual' ? pointerIn(board, space.root, bytes) : undefined,
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

/** `PTE 0x8000000012345067 rw-u AD`. */
function entryText({ level, high, low }: TableEntry): string {
  const value = ((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)).toString(16);
  if (!(low & PRESENT)) return `${LEVELS[level]} 0x${value} not present`;
  const rights = `r${low & WRITABLE ? 'w' : '-'}${high & EXECUTE_DISABLE_HIGH ? '-' : 'x'}${low & USER ? 'u' : 's'}`;
  return `${LEVELS[level]} 0x${value} ${rights}${low & ACCESSED ? ' A' : ''}${low & DIRTY ? ' D' : ''}`;
}

/** Where the pointer in these bytes leads, if that is mapped. */
function pointerIn(board: Board, root: number, bytes: Uint8Array): number | undefined {
  if (bytes.length < POINTER_BYTES) return undefined;
  const target = fromLinear(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (target === undefined) return undefined;
  return physicalBy(entriesFor(board, root, target).at(-1)!, target) === undefined ? undefined : target;
}
