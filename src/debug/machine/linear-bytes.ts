import { PAGE_SHIFT, PAGE_SIZE } from '../../bits.js';
import type { ComputerParts } from '../../computer.js';
import { ADDRESS_SPACE_END, fromLinear, type LinearAddress } from '../../kernel/memory/linear-address.js';
import { homeOf } from '../../kernel/memory/view.js';
import type { Process } from '../../kernel/tasks/process.js';
import { PRESENT } from '../../mmu/entry.js';
import type { AddressRange } from '../../mmu/fence.js';
import type { Snapshot } from '../../snapshot.js';
import { FRAMES_IN_CHUNK } from '../../vmo/frames/memory-image.js';
import type { DebugStop, FoundStore, SearchedBytes } from './debugged-machine.js';
import { lastWrite } from './last-write.js';

/** The bytes that a process of BD0 sees at an address: its own, and before it was forked those of its parent. */
export function linearBytes(
  parts: ComputerParts,
  linear: bigint,
  lengthBytes: number,
  process: Process | undefined,
): SearchedBytes[] {
  const seen = fromLinear(linear);
  if (seen === undefined) return [];
  const start = homeOf(process?.view, seen);
  const range = { start, end: Math.min(start + lengthBytes, ADDRESS_SPACE_END) };
  return Array.from(holdersOf(range, process), ({ range, since }) => new LinearBytes(parts, range, since));
}

/** Where bytes of a process were, from now back in time: in its own memory, and before it was forked in that of its parent. */
function* holdersOf(
  range: AddressRange,
  process: Process | undefined,
): Generator<{ readonly range: AddressRange; readonly since: number }, void, undefined> {
  const { region, copy: own } = process?.description ?? {};
  const isOwn = region !== undefined && range.start >= region.start && range.end <= region.end;
  let at = isOwn ? region.start : 0;
  let held = range;
  for (let copy = isOwn ? own : undefined; copy; copy = copy.copy) {
    yield { range: held, since: copy.tick };
    held = { start: held.start - at + copy.start, end: held.end - at + copy.start };
    at = copy.start;
  }
  yield { range: held, since: 0 };
}

/** Bytes in the one address space of BD0. */
class LinearBytes implements SearchedBytes {
  constructor(
    private readonly parts: ComputerParts,
    private readonly range: AddressRange,
    readonly since: number,
  ) {}

  arm(): void {
    this.parts.cpu.mmu.derived.addDataStop(this.range, 'write');
  }

  disarm(): void {
    this.parts.cpu.mmu.derived.removeDataStop(this.range, 'write');
  }

  storeIn(stop: DebugStop): FoundStore | undefined {
    return lastWrite(stop, this.range, 'linear');
  }

  get storableSince(): number {
    const { pager } = this.parts.kernel;
    let since = Infinity;
    for (const page of this.pages()) since = Math.min(since, pager.storableSince(page));
    return since;
  }

  /** Not if the frames that hold them were not written, and are the same ones. */
  mayHaveChanged(before: Snapshot, after: Snapshot, changed: ReadonlySet<number>): boolean {
    for (const page of this.pages()) {
      const frame = this.frameOf(page, before);
      // A page that is not there at either end may have been there in between.
      if (frame === undefined || frame !== this.frameOf(page, after) || changed.has(frame)) return true;
    }
    return false;
  }

  /** Undefined if some are not in private frames. */
  places(): number[] | undefined {
    const { pager } = this.parts.kernel;
    const places: number[] = [];
    for (let address = this.range.start; address < this.range.end; address++) {
      const entry = pager.pageTable.entry(address);
      const frame = entry >>> PAGE_SHIFT;
      if (!(entry & PRESENT) || !this.parts.pool.isPrivate(frame)) return undefined;
      places.push(frame * PAGE_SIZE + (address % PAGE_SIZE));
    }
    return places;
  }

  read(start: number, end: number): Uint8Array {
    return this.parts.kernel.memory.peek(this.range.start + start, end - start).slice();
  }

  private *pages(): Generator<LinearAddress, void, undefined> {
    const { start, end } = this.range;
    for (let page = start - (start % PAGE_SIZE); page < end; page += PAGE_SIZE) yield page;
  }

  /** The frame that a page was mapped to; undefined if it was not present. */
  private frameOf(page: LinearAddress, snapshot: Snapshot): number | undefined {
    let table = this.parts.kernel.pager.pageTable.root;
    for (let span = 2 ** 39; ; span /= 512) {
      const low = wordAt(snapshot, table + (Math.floor(page / span) % 512) * 8);
      if (!(low & PRESENT)) return undefined;
      if (span === PAGE_SIZE) return low >>> PAGE_SHIFT;
      table = (low & ~(PAGE_SIZE - 1)) >>> 0;
    }
  }
}

/** Reads a little-endian word of 32 bits of an image of guest memory. */
function wordAt({ memory: { chunks } }: Snapshot, physical: number): number {
  const frame = physical >>> PAGE_SHIFT;
  const chunk = chunks[Math.floor(frame / FRAMES_IN_CHUNK)];
  const page = chunk?.[frame % FRAMES_IN_CHUNK];
  const at = physical % PAGE_SIZE;
  return page ? new DataView(page.buffer, page.byteOffset).getUint32(at, true) : 0;
}
