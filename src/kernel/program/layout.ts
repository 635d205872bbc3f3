import { PAGE_SIZE, hex, roundUp } from '../../bits.js';
import { FIXED_IMAGES_START, REGIONS_START } from '../memory/address-space.js';
import { ElfError } from './elf-fields.js';
import type { ElfImage } from './elf.js';
import { Errno, KernelError } from '../errors.js';
import type { HeapPair } from './header-page.js';
import { fromLinear, type LinearAddress } from '../memory/linear-address.js';
import type { Region } from '../memory/region.js';
import type { ThreadStack } from '../tasks/thread.js';

/** The main stack reserves this part of the region. */
const STACK_PART = 4;

/**
 * Where the parts of a process lie:
 *
 *     | header page | image | heap, ascending ->      <- stacks of threads | guard page | main stack |
 *     header                heap                                        stackFloor                end
 *
 * An image linked at a fixed address lies below 4 GiB instead, and the heap begins after the header page.
 */
export interface ProcessLayout {
  readonly header: LinearAddress;
  /** What is added to the addresses in the file. */
  readonly bias: number;
  /** Where the heap begins: the heap pointer. */
  readonly heap: LinearAddress;
  /** The main stack, whose first page is its guard; one of a single page has none. */
  readonly stack: ThreadStack;
}

/** The bias of an image after a header page, from addresses in the file to those in memory, and where the heap begins. */
function placeImage(elf: ElfImage, header: LinearAddress): { readonly bias: number; readonly heap: LinearAddress } {
  if (elf.fixed && (elf.start < FIXED_IMAGES_START || elf.end > REGIONS_START))
    throw new ElfError(
      `the image is linked at ${hex(elf.start)} to ${hex(elf.end)}, ` +
        `not between ${hex(FIXED_IMAGES_START)} and ${hex(REGIONS_START)}`,
    );
  const afterHeader = header + PAGE_SIZE;
  const bias = elf.fixed ? 0 : roundUp(afterHeader - elf.start, elf.alignment);
  return { bias, heap: elf.fixed ? afterHeader : bias + elf.end };
}

/** Throws ElfError where the image does not fit into a region, KernelError where the region is too small for anything. */
export function layOut(elf: ElfImage, start: LinearAddress, size: number): ProcessLayout {
  const end = start + size;
  const stackBytes = stackBytesOf(size);
  const stackFloor = end - stackBytes;
  const { bias, heap } = placeImage(elf, start);
  if (heap > stackFloor) {
    const afterHeader = start + PAGE_SIZE;
    throw new ElfError(
      `the image takes ${heap - afterHeader} bytes; a region of ${size} bytes has ${stackFloor - afterHeader} for it`,
    );
  }
  return { header: start, bias, heap, stack: { guard: stackFloor, end } };
}

/**
 * The layout of a process that lives in the region of another: above its heap pointer and below its stack floor, in
 * `limitBytes` together. The pair, which threads can write, is not trusted. Throws KernelError ENOSPC if there is no room.
 */
export function layOutShared(elf: ElfImage, region: Region, pair: HeapPair, limitBytes: number): ProcessLayout {
  const stackBytes = stackBytesOf(limitBytes);
  const [heapPointer, floor] = [fromLinear(pair.heapPointer) ?? 0, fromLinear(pair.stackFloor) ?? 0];
  const header = roundUp(heapPointer, PAGE_SIZE);
  const { bias, heap } = placeImage(elf, header);
  const end = floor - (floor % PAGE_SIZE);
  const guard = end - stackBytes;
  const fits =
    heapPointer > region.start && floor <= region.end && heap <= guard && heap - header + stackBytes <= limitBytes;
  if (!fits || !region.isPlain(header, heap) || !region.isPlain(guard, end))
    throw new KernelError(Errno.ENOSPC, `the region has no room for an image of ${heap - header} bytes and its stack`);
  return { header, bias, heap, stack: { guard, end } };
}

/** True where a stack has a guard page. */
export function hasGuard({ guard, end }: ThreadStack): boolean {
  return end - guard > PAGE_SIZE;
}

function stackBytesOf(size: number): number {
  const stackBytes = Math.floor(size / STACK_PART / PAGE_SIZE) * PAGE_SIZE;
  if (stackBytes === 0)
    throw new KernelError(Errno.EINVAL, `a region of ${size} bytes is less than ${STACK_PART * PAGE_SIZE}`);
  return stackBytes;
}
