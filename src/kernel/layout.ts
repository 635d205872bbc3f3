import { PAGE_SIZE, hex, roundUp } from '../bits.js';
import { FIXED_IMAGES_START, REGIONS_START } from './address-space.js';
import { ElfError } from './elf-fields.js';
import type { ElfImage } from './elf.js';
import { Errno, KernelError } from './errors.js';
import type { LinearAddress } from './linear-address.js';

/** The main stack reserves this part of the region. */
const STACK_PART = 4;

/**
 * Where the parts of a process lie:
 *
 *     | header page | image | heap, ascending ->      <- main stack |
 *     start                 heap         stackFloor                 end
 *
 * An image linked at a fixed address lies below 4 GiB instead, and the heap begins behind the header page.
 */
export interface ProcessLayout {
  /** What is added to the addresses in the file. */
  readonly bias: number;
  readonly heap: LinearAddress;
  readonly stackFloor: LinearAddress;
}

/** Throws ElfError where the image does not fit into a region, KernelError where the region is too small for anything. */
export function layOut(elf: ElfImage, start: LinearAddress, size: number): ProcessLayout {
  const end = start + size;
  const afterHeader = start + PAGE_SIZE;
  const bias = elf.fixed ? 0 : roundUp(afterHeader - elf.start, elf.alignment);
  const heap = elf.fixed ? afterHeader : bias + elf.end;
  const stackBytes = Math.floor(size / STACK_PART / PAGE_SIZE) * PAGE_SIZE;
  const stackFloor = end - stackBytes;
  if (stackBytes === 0)
    throw new KernelError(Errno.EINVAL, `a region of ${size} bytes is less than ${STACK_PART * PAGE_SIZE}`);
  if (heap > stackFloor)
    throw new ElfError(
      `the image takes ${heap - afterHeader} bytes; a region of ${size} bytes has ${stackFloor - afterHeader} for it`,
    );
  if (elf.fixed && (elf.start < FIXED_IMAGES_START || elf.end > REGIONS_START))
    throw new ElfError(
      `the image is linked at ${hex(elf.start)} to ${hex(elf.end)}, ` +
        `not between ${hex(FIXED_IMAGES_START)} and ${hex(REGIONS_START)}`,
    );
  return { bias, heap, stackFloor };
}
