import { PAGE_SHIFT, PAGE_SIZE } from '../../bits.js';
import type { Computer } from '../../computer.js';
import { HEAP_PAIR_BYTES, heapPairFrom } from '../../kernel/program/header-page.js';
import { ADDRESS_SPACE_END, fromLinear, type LinearAddress } from '../../kernel/memory/linear-address.js';
import { memoryMap } from '../debugger/memory-map.js';
import type { Debugger } from '../debugger/debugger.js';
import { ZERO_LEAF } from '../../vmo/content/canonical-form.js';

/** What a cell of a picture shows of its pages: the last of these that any of them is. */
export const PAGE_STATES = ['unmapped', 'absent', 'zero', 'clean', 'shared', 'private', 'written'] as const;
export type PageState = (typeof PAGE_STATES)[number];
const STATE = Object.fromEntries(PAGE_STATES.map((name, number) => [name, number])) as Record<PageState, number>;

/** A mapped range. */
export interface PictureRange {
  readonly start: LinearAddress;
  /** One past the last byte. */
  readonly end: LinearAddress;
  /** 0 for the kernel. */
  readonly pid: number;
  /** The name of its process; empty for the kernel. */
  readonly name: string;
  /** What it is, in words: see MappedRange. */
  readonly what: string;
  /** `rw-` */
  readonly rights: string;
}

/** Where the heap of a process ends, or the stack of a thread. */
export interface Front {
  readonly kind: 'heap' | 'stack';
  readonly address: LinearAddress;
  /** The process, or the thread. */
  readonly name: string;
}

/** A part of the address space in cells of so many bytes. */
export interface MemoryPicture {
  readonly start: LinearAddress;
  readonly cellBytes: number;
  /** By cell: a number of PAGE_STATES. */
  readonly states: Uint8Array;
  /** By cell: the share of its bytes that have frames, 0 to 255; of cells within pages, the mean of their bytes. */
  readonly shades: Uint8Array;
  /** By cell: the number of the first range in it, counting from 1; 0 for none. */
  readonly owners: Uint16Array;
  readonly ranges: readonly PictureRange[];
  readonly fronts: readonly Front[];
  /** What the colours of states mean; undefined: as PAGE_STATES says. */
  readonly legend?: readonly (readonly [state: PageState, text: string])[];
}

/** Most cells of a picture. */
const CELLS_MAX = 2 ** 14;
/** Most ranges that are described. */
const RANGES_MAX = 4096;

/**
 * A picture of a part of the address space: `count` cells of `cellBytes` bytes, a power of two, from a multiple of that on. The
 * machine is not affected. Throws RangeError.
 */
export function memoryPicture(
  computer: Computer,
  target: Debugger,
  start: LinearAddress,
  cellBytes: number,
  count: number,
): MemoryPicture {
  const isPower = cellBytes >= 1 && Number.isInteger(Math.log2(cellBytes));
  if (!isPower || !Number.isInteger(start / cellBytes) || start < 0)
    throw new RangeError(`cells of ${cellBytes} bytes from ${start} on make no picture`);
  if (!(count >= 1 && count <= CELLS_MAX)) throw new RangeError(`${count} cells are not 1 to ${CELLS_MAX}`);
  const ranges = rangesOf(computer, target);
  const picture = {
    ...{ start, cellBytes, ranges, fronts: frontsOf(computer, target) },
    states: new Uint8Array(count),
    shades: new Uint8Array(count),
    owners: new Uint16Array(count),
  };
  paintRanges(picture, count);
  paintPages(computer, target, picture);
  if (cellBytes < PAGE_SIZE) paintBytes(computer, picture);
  return picture;
}

/** What is mapped, by process. */
export function rangesOf({ parts }: Computer, target: Debugger): PictureRange[] {
  const names = new Map(target.processes.map(({ pid, name }) => [pid, name]));
  return memoryMap(parts.kernel)
    .slice(0, RANGES_MAX)
    .map(({ start, lengthBytes, pid, what, readable, writable, executable }) => {
      const from = fromLinear(start)!;
      return {
        ...{ start: from, end: from + Number(lengthBytes), pid: pid ?? 0, name: names.get(pid ?? 0) ?? '', what },
        rights: `${readable ? 'r' : '-'}${writable ? 'w' : '-'}${executable ? 'x' : '-'}`,
      };
    });
}

function frontsOf({ parts }: Computer, target: Debugger): Front[] {
  const { processes, memory } = parts.kernel;
  const fronts: Front[] = [];
  for (const process of processes.live()) {
    const bytes = memory.peek(process.heapPair, HEAP_PAIR_BYTES);
    const heap = bytes.length < HEAP_PAIR_BYTES ? undefined : fromLinear(heapPairFrom(bytes).heapPointer);
    if (heap !== undefined && heap > 0) fronts.push({ kind: 'heap', address: heap, name: process.name });
  }
  for (const { tid, name } of target.threads) {
    const stack = fromLinear(target.readRegister(tid, 'rsp'));
    if (stack !== undefined) fronts.push({ kind: 'stack', address: stack, name });
  }
  return fronts;
}

function paintRanges({ start, cellBytes, states, owners, ranges }: MemoryPicture, count: number): void {
  for (let index = ranges.length - 1; index >= 0; index--) {
    const range = ranges[index]!;
    const first = Math.max(0, Math.floor((range.start - start) / cellBytes));
    const last = Math.min(count, Math.ceil((range.end - start) / cellBytes));
    if (first >= last) continue;
    states.fill(STATE.absent, first, last);
    owners.fill(index + 1, first, last);
  }
}

/** The frames that were written between the last two snapshots of the history. */
function writtenFrames({ ticks, timeline }: Debugger): ReadonlySet<number> {
  return timeline?.intervalOf(ticks).begin.changed ?? new Set();
}

function paintPages({ parts }: Computer, target: Debugger, picture: MemoryPicture): void {
  const { pool, kernel } = parts;
  const { start, cellBytes, states, shades } = picture;
  const written = writtenFrames(target);
  const end = Math.min(start + states.length * cellBytes, ADDRESS_SPACE_END);
  const pageShare = Math.max(255 / Math.max(1, cellBytes / PAGE_SIZE), 1e-9);
  const resident = new Float64Array(states.length);
  const first = start - (start % PAGE_SIZE);
  kernel.pager.pageTable.forEach(first, end, (page, frame) => {
    const state = STATE[stateOf(pool, frame, written)];
    const from = Math.max(0, Math.floor((page - start) / cellBytes));
    const to = Math.min(states.length, Math.max(from + 1, Math.ceil((page + PAGE_SIZE - start) / cellBytes)));
    for (let cell = from; cell < to; cell++) {
      if (state > states[cell]!) states[cell] = state;
      resident[cell]! += pageShare;
    }
  });
  resident.forEach((share, cell) => (shades[cell] = share > 0 ? Math.max(1, Math.min(255, Math.round(share))) : 0));
}

/** The state of a page that is mapped to a frame. */
function stateOf(pool: Computer['parts']['pool'], frame: number, written: ReadonlySet<number>): PageState {
  if (pool.isPrivate(frame)) return written.has(frame) ? 'written' : 'private';
  if (pool.codeIdentity(frame) === ZERO_LEAF) return 'zero';
  return pool.usersOf(frame) > 1 ? 'shared' : 'clean';
}

/** The means of the bytes of cells within pages. */
function paintBytes({ parts }: Computer, { start, cellBytes, states, shades }: MemoryPicture): void {
  const { kernel, memory } = parts;
  for (let cell = 0; cell < states.length; cell++) {
    if (states[cell]! <= STATE.absent) continue;
    const address = start + cell * cellBytes;
    const frame = kernel.pager.pageTable.entry(address) >>> PAGE_SHIFT;
    const at = frame * PAGE_SIZE + (address % PAGE_SIZE);
    let sum = 0;
    for (let byte = 0; byte < cellBytes; byte++) sum += memory.ram[at + byte]!;
    shades[cell] = Math.round(sum / cellBytes);
  }
}
