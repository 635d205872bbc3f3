import { PAGE_SIZE, hex, roundUp } from '../../../bits.js';
import { ElfError } from '../../program/elf-fields.js';
import type { ElfImage } from '../../program/elf.js';
import type { AddressSpace } from '../../memory/address-space.js';
import type { LinearAddress } from '../../memory/linear-address.js';
import type { Region } from '../../memory/region.js';
import type { ThreadStack } from '../../tasks/thread.js';

/** The homes of Linux processes begin at multiples of this, one entry of the PML4 table, and take no more. */
export const HOME_ALIGNMENT = 2 ** 39;
/**
 * Homes are placed so far apart while there is room: what a process maps that does not fit into the first 512 GiB of its home,
 * or that has to lie at an address elsewhere, takes more of them. Some programs reserve 8 TiB.
 */
export const HOME_DISTANCE = 24 * HOME_ALIGNMENT;
/** The first part of a home: what lies at addresses below 4 GiB for the process, where images linked at fixed addresses lie. */
export const LOW_BYTES = 2 ** 32;
/** The least that a process may have besides: its stack, its libraries and some memory. */
const LEAST_BYTES = 2 ** 26;
/** RLIMIT_STACK of Linux, 8 MiB; at most this part of a small limit. */
export const STACK_BYTES = 2 ** 23;
const STACK_PART = 4;
/** No image lies below: vm.mmap_min_addr. */
const LOWEST_FIXED = 0x1_0000;
/** Where images that can be moved are loaded, behind `LOW_BYTES`. */
const IMAGE_OFFSET = 2 ** 20;
/** The part of a home, behind `LOW_BYTES`, that is the image's and what brk gives. */
const BREAK_PART = 4;
/**
 * In homes that have room for it, what mmap gives begins so much further up: addresses 256 MiB apart share an entry of the
 * TLB, which image and heap would else have to share with the libraries.
 */
const MAP_OFFSET = 112 * 2 ** 20;
const LEAST_FOR_OFFSET = 2 ** 30;

/**
 * Where the parts of a Linux process lie in its home:
 *
 *     | 4 GiB: fixed images, brk | image, brk, ascending -> | what mmap gives, ascending -> ... guard | stack |
 *     start                                                 mapStart                                       end
 */
export interface LinuxLayout {
  /** What is added to the addresses in the file. */
  readonly bias: number;
  /** Where brk begins, and the last address that it may reach. */
  readonly breakStart: LinearAddress;
  readonly breakMax: LinearAddress;
  readonly mapStart: LinearAddress;
  readonly stack: ThreadStack;
}

/** A home for a process, without a mapping. Throws KernelError ENOSPC where none is left. */
export function placeHome(space: AddressSpace, size = HOME_ALIGNMENT): Region {
  return space.placeApart(size, HOME_ALIGNMENT, HOME_DISTANCE);
}

/** Bytes of the home of a process with a limit. */
export function homeBytes(limitBytes: number): number {
  const size = LOW_BYTES + Math.max(roundUp(limitBytes, PAGE_SIZE), LEAST_BYTES);
  return Math.min(size, HOME_ALIGNMENT);
}

/** Throws ElfError where the image does not fit. */
export function layOutLinux(elf: ElfImage, home: LinearAddress, size: number): LinuxLayout {
  const start = home + LOW_BYTES;
  const end = home + size;
  const stackBytes = Math.min(STACK_BYTES, roundUp((size - LOW_BYTES) / STACK_PART, PAGE_SIZE));
  const stack = { guard: end - stackBytes - PAGE_SIZE, end };
  const mapOffset = size - LOW_BYTES < LEAST_FOR_OFFSET ? 0 : MAP_OFFSET;
  const mapStart = start + roundUp((size - LOW_BYTES) / BREAK_PART, PAGE_SIZE) + mapOffset;
  if (elf.fixed) {
    if (elf.start < LOWEST_FIXED || elf.end > LOW_BYTES)
      throw new ElfError(
        `the image is linked at ${hex(elf.start)} to ${hex(elf.end)}, not between ${hex(LOWEST_FIXED)} and ${hex(LOW_BYTES)}`,
      );
    return { bias: home, breakStart: home + elf.end, breakMax: home + LOW_BYTES, mapStart, stack };
  }
  const bias = roundUp(start + IMAGE_OFFSET - elf.start, elf.alignment);
  const breakStart = bias + elf.end;
  if (breakStart > mapStart)
    throw new ElfError(`the image takes ${elf.end - elf.start} bytes, more than there are for it: ${mapStart - start}`);
  return { bias, breakStart, breakMax: mapStart, mapStart, stack };
}
