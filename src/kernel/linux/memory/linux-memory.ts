import { PAGE_SIZE, roundUp } from '../../../bits.js';
import type { LinearAddress } from '../../memory/linear-address.js';
import type { Region } from '../../memory/region.js';
import { HOME_ALIGNMENT, LOW_BYTES, type LinuxLayout } from '../program/linux-layout.js';
import type { Mapping } from '../../memory/mapping.js';
import { findLast } from '../../../sorted.js';
import { schema, value } from '../../../state/schema.js';

/** Where MAP_32BIT maps. arch/x86/kernel/sys_x86_64.c, find_start_end */
const LOW_MAP_START = 0x4000_0000;
const LOW_MAP_END = 0x8000_0000;

/** A part of a home behind its first 512 GiB, whole slots of 512 GiB, and the address at which the process sees it. */
export interface Annex {
  readonly window: LinearAddress;
  readonly start: LinearAddress;
  readonly end: LinearAddress;
  /** Whether the process has asked for just this window: else what has no address is mapped there. */
  readonly isAsked: boolean;
}

/** Where brk stands and mmap places what it maps. All addresses are those of the home. */
export class LinuxMemory {
  /** @internal */
  static readonly state = schema('linux memory', LinuxMemory, {
    region: value,
    breakStart: value,
    breakEnd: value,
    breakMax: value,
    mapStart: value,
    mapEnd: value,
    window: value,
    usesLow: value,
    annexes: value,
  });

  readonly breakStart: LinearAddress;
  /** Where the program break is, not rounded to a page. */
  breakEnd: LinearAddress;
  readonly breakMax: LinearAddress;
  private readonly mapStart: LinearAddress;
  private readonly mapEnd: LinearAddress;
  /** Ascending by `start`, with a slot between each two, so that no mapping goes on from one to the next. */
  annexes: readonly Annex[] = [];

  constructor(
    readonly region: Region,
    /** Where its family has the home, for all that belong to it: where the first of them has its own. */
    readonly window: LinearAddress,
    /** Whether addresses below 4 GiB are in use: the image lies there, or the process has asked to map memory there. */
    public usesLow: boolean,
    layout: Pick<LinuxLayout, 'breakStart' | 'breakMax' | 'mapStart' | 'stack'>,
  ) {
    this.breakStart = this.breakEnd = layout.breakStart;
    this.breakMax = layout.breakMax;
    this.mapStart = layout.mapStart;
    this.mapEnd = layout.stack.guard;
  }

  /** The same places in another home, for a process that is forked. */
  movedTo(region: Region): LinuxMemory {
    const by = region.start - this.region.start;
    const moved = new LinuxMemory(region, this.window, this.usesLow, {
      breakStart: this.breakStart + by,
      breakMax: this.breakMax + by,
      mapStart: this.mapStart + by,
      stack: { guard: this.mapEnd + by, end: region.end },
    });
    moved.breakEnd = this.breakEnd + by;
    moved.annexes = this.annexes.map((annex) => ({ ...annex, start: annex.start + by, end: annex.end + by }));
    return moved;
  }

  /** The lowest address from which so many bytes, whole pages, are free; undefined where there are not as many. */
  findFree(size: number): LinearAddress | undefined {
    return this.region.findFree(this.mapStart, this.mapEnd, size) ?? this.findFreeInAnnex(size);
  }

  private findFreeInAnnex(size: number): LinearAddress | undefined {
    for (const { start, end, isAsked } of this.annexes) {
      const found = isAsked ? undefined : this.region.findFree(start, end, size);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Where what a process sees at an address lies, if so many bytes from there on are all in one part of its home. */
  homeOf(address: LinearAddress, length: number): LinearAddress | undefined {
    const { region, window, usesLow, annexes } = this;
    const low = usesLow ? [{ window: 0, start: region.start, end: region.start + LOW_BYTES }] : [];
    for (const part of [...low, { window, start: region.start, end: this.firstEnd }, ...annexes]) {
      const home = part.start + address - part.window;
      if (home >= part.start && home < part.end) return home + length <= part.end ? home : undefined;
    }
    return undefined;
  }

  /** Whether a mapping is that of the stack of the first thread: the last one of the first part. */
  isStack({ start }: Mapping): boolean {
    const { mappings } = this.region;
    return mappings[findLast(mappings, this.firstEnd - 1)]?.start === start;
  }

  private get firstEnd(): LinearAddress {
    return this.region.start + Math.min(this.region.size, HOME_ALIGNMENT);
  }

  /** As `findFree`, in the part of the home that is seen below 2 GiB. */
  findFreeLow(size: number): LinearAddress | undefined {
    const { start } = this.region;
    return this.region.findFree(start + LOW_MAP_START, start + LOW_MAP_END, size);
  }

  /** Whether nothing is mapped in a range of the home. */
  isFree(start: LinearAddress, end: LinearAddress): boolean {
    const { mappings } = this.region;
    const before = mappings[findLast(mappings, end - 1)];
    return start >= this.region.start && end <= this.region.end && !(before && before.end > start);
  }

  /** The pages of a range that may begin and end within a page. */
  static pagesOf(start: LinearAddress, length: number): { readonly start: LinearAddress; readonly end: LinearAddress } {
    const first = start - (start % PAGE_SIZE);
    return { start: first, end: roundUp(start + length, PAGE_SIZE) };
  }
}
