import { PAGE_SIZE, roundUp } from '../../bits.js';
import { schema, value } from '../../state/schema.js';
import type { VmoHandle } from '../../vmo/handle.js';
import { again, type MapTarget } from './map-target.js';
import type { Region } from './region.js';

/** What memory is a part of that has an end of its own, such as a file. */
export interface SharedOwner {
  /** Bytes that it has from where the memory begins; those of the memory beyond them cannot be reached. */
  readonly size: number;
  /** The memory is mapped nowhere any more: its bytes are taken up now, or lost. */
  unused(): void;
}

/**
 * Memory that several processes map, and that stays one when they fork: its pages lie at a home of their own in the address
 * space, where no program reaches them, and pages of mappings show the same private frames, all of which may be written.
 *
 *     mapping in process 1   page ----+
 *     mapping in process 2   page ----+---> private frame <---- page of its home
 *
 * A page of its home is in a private frame from its first access on, or was written back; nothing is shared by content.
 */
export class SharedMemory {
  static readonly state = schema('shared memory', SharedMemory, {
    region: value,
    owner: value,
    mappings: value,
    writers: value,
  });

  /** Mappings that show it, in all regions. */
  mappings = 0;
  /** Those among them that may be written, or that may be given the right to. */
  writers = 0;

  constructor(
    /** Its home; undefined for none: nothing of it can be reached. */
    readonly region: Region | undefined,
    /** Undefined for memory that belongs to nothing else, and has one size. */
    readonly owner: SharedOwner | undefined,
  ) {}

  /** Bytes that can be reached, in whole pages. */
  get reachableBytes(): number {
    const most = this.region?.size ?? 0;
    return this.owner ? Math.min(most, roundUp(this.owner.size, PAGE_SIZE)) : most;
  }
}

/** What lies behind the end of a file: any access is a bus error. */
export function nothingShared(): SharedMemory {
  return new SharedMemory(undefined, undefined);
}

/**
 * Makes memory of so many bytes, whole pages, which begins with the bytes of `content` from an offset on, and zeros. Undefined
 * where its home finds no place.
 */
export function makeShared(
  { space, store }: Pick<MapTarget, 'space' | 'store'>,
  size: number,
  owner?: SharedOwner,
  content?: { readonly vmo: VmoHandle; readonly offset: number },
): SharedMemory | undefined {
  const region = space.placeMap(size);
  if (!region) return undefined;
  const memory = new SharedMemory(region, owner);
  const shared = { memory, mayWrite: true };
  const filled = content ? Math.max(0, Math.min(size, roundUp(content.vmo.length, PAGE_SIZE) - content.offset)) : 0;
  const { start, end } = region;
  const [middle, protection] = [start + filled, 0];
  if (content && filled > 0)
    region.add({
      ...{ start, end: middle, protection, shared: { ...shared, offset: 0 } },
      backing: { vmo: again(store, content.vmo), offset: content.offset },
    });
  if (middle < end)
    region.add({ start: middle, end, protection, backing: undefined, shared: { ...shared, offset: filled } });
  return memory;
}

/** Cuts off what memory has from an offset on, a multiple of 4096: it is zeros there from now on, wherever it is mapped. */
export function cutShared({ store, pager }: MapTarget, { region }: SharedMemory, offset: number): void {
  if (!region || offset >= region.size) return;
  const start = region.start + offset;
  const { end } = region;
  const shared = region.mappingAt(start)!.shared!;
  pager.forgetShared(region, start, end);
  region.cut(start, end, (vmo) => again(store, vmo));
  region.add({ start, end, protection: 0, backing: undefined, shared: { ...shared, offset } });
}
