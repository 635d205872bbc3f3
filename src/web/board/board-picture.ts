import {
  PAGE_STATES,
  type MemoryPicture,
  type PageState,
  type PictureRange,
} from '../../debug/inspect/memory-picture.js';
import type { Board } from '../../board.js';
import { DIRTY } from '../../mmu/entry.js';
import type { PictureRequest } from '../machine/memory-methods.js';
import type { MappedPage, PageTables } from './page-tables.js';
import type { Space } from './spaces.js';

/** Most cells of a picture, and most ranges that are described. */
const CELLS_MAX = 2 ** 14;
const RANGES_MAX = 4096;
const PAGE_SIZE = 4096;
/** Of larger cells, these many parts of as many bytes are looked at. */
const SAMPLES = 8;
const SAMPLE_BYTES = 512;

/** Whose memory it is, as `pid` of ranges: they have different colours. */
const USER = 1;
const SUPERVISOR = 2;

const STATE = Object.fromEntries(PAGE_STATES.map((name, number) => [name, number])) as Record<PageState, number>;

/** What colours mean, in each kind of space. */
const LEGENDS = {
  physical: [
    ['zero', 'zeros'],
    ['private', 'other bytes'],
  ],
  virtual: [
    ['clean', 'read-only'],
    ['private', 'writable'],
    ['written', 'written (D)'],
  ],
} as const;

/** A picture of physical memory, or of an address space, of a bare machine, which is not affected. Throws RangeError. */
export function boardPicture(board: Board, space: Space, { start, cellBytes, count }: PictureRequest): MemoryPicture {
  const isPower = cellBytes >= 1 && Number.isInteger(Math.log2(cellBytes));
  if (!isPower || !Number.isInteger(start / cellBytes) || start < 0)
    throw new RangeError(`cells of ${cellBytes} bytes from ${start} on make no picture`);
  if (!(count >= 1 && count <= CELLS_MAX)) throw new RangeError(`${count} cells are not 1 to ${CELLS_MAX}`);
  const picture: Painted = {
    ...{ start, cellBytes, ranges: [], fronts: [], legend: LEGENDS[space.kind] },
    ...{ states: new Uint8Array(count), shades: new Uint8Array(count), owners: new Uint16Array(count) },
  };
  if (space.kind === 'physical') paintPhysical(board, picture);
  else paintVirtual(board, space.tables, picture);
  return picture;
}

interface Painted extends MemoryPicture {
  readonly ranges: PictureRange[];
}

/** The cells of a range that the picture has. */
function cellsOf(
  { start, cellBytes, states }: Painted,
  from: number,
  end: number,
): readonly [first: number, last: number] {
  const first = Math.max(0, Math.floor((from - start) / cellBytes));
  return [first, Math.min(states.length, Math.ceil((end - start) / cellBytes))];
}

function paintPhysical({ memory }: Board, picture: Painted): void {
  const { size, ram } = memory;
  const { start, cellBytes, states, shades } = picture;
  picture.ranges.push({ start: 0, end: size, pid: USER, name: '', what: 'RAM', rights: 'rwx' });
  const [first, last] = cellsOf(picture, 0, size);
  for (let cell = first; cell < last; cell++) {
    const from = start + cell * cellBytes;
    picture.owners[cell] = 1;
    states[cell] = holdsData(ram, from, Math.min(cellBytes, size - from)) ? STATE.private : STATE.zero;
    shades[cell] = cellBytes < PAGE_SIZE ? meanOf(ram, from, cellBytes) : 255;
  }
}

/** Whether any byte is not zero. Large ranges are sampled: a picture of all memory is drawn ten times a second. */
function holdsData(ram: Uint8Array, from: number, bytes: number): boolean {
  if (bytes <= SAMPLES * SAMPLE_BYTES) return ram.subarray(from, from + bytes).some((byte) => byte !== 0);
  for (let sample = 0; sample < SAMPLES; sample++) {
    const at = from + Math.floor((sample * (bytes - SAMPLE_BYTES)) / (SAMPLES - 1));
    if (ram.subarray(at, at + SAMPLE_BYTES).some((byte) => byte !== 0)) return true;
  }
  return false;
}

function meanOf(ram: Uint8Array, from: number, bytes: number): number {
  let sum = 0;
  for (let at = from; at < from + bytes; at++) sum += ram[at] ?? 0;
  return Math.round(sum / bytes);
}

function paintVirtual(board: Board, tables: PageTables, picture: Painted): void {
  const { cellBytes, states, shades, owners, ranges } = picture;
  const mapped = new Float64Array(states.length);
  tables.visitPages((page) => {
    addToRanges(ranges, page);
    const end = page.start + page.bytes;
    const [first, last] = cellsOf(picture, page.start, end);
    for (let cell = first; cell < last; cell++) {
      states[cell] = Math.max(states[cell]!, stateOf(page));
      owners[cell] ||= ranges.length;
      const from = picture.start + cell * cellBytes;
      mapped[cell]! += Math.min(end, from + cellBytes) - Math.max(page.start, from);
      if (cellBytes < PAGE_SIZE) shades[cell] = meanOf(board.memory.ram, page.physical + from - page.start, cellBytes);
    }
  });
  if (cellBytes < PAGE_SIZE) return;
  mapped.forEach((bytes, cell) => (shades[cell] = bytes > 0 ? Math.max(1, Math.round((255 * bytes) / cellBytes)) : 0));
}

function stateOf({ isWritable, low }: MappedPage): number {
  if (!isWritable) return STATE.clean;
  return low & DIRTY ? STATE.written : STATE.private;
}

/** Pages that follow one another with the same rights are one range. */
function addToRanges(ranges: PictureRange[], { start, bytes, isUser, isWritable, isExecutable }: MappedPage): void {
  const rights = `r${isWritable ? 'w' : '-'}${isExecutable ? 'x' : '-'}`;
  const pid = isUser ? USER : SUPERVISOR;
  const last = ranges.at(-1);
  if (last?.end === start && last.rights === rights && last.pid === pid)
    ranges[ranges.length - 1] = { ...last, end: start + bytes };
  else if (ranges.length < RANGES_MAX)
    ranges.push({ start, end: start + bytes, pid, name: '', what: isUser ? 'user' : 'supervisor', rights });
}
