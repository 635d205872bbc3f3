/** Where in the home of a process memory is mapped. */
import { PAGE_SIZE, roundUp } from '../../../bits.js';
import { LOWER_REGIONS_END } from '../../memory/address-space.js';
import { ADDRESS_SPACE_END, fromLinear, toLinear, type LinearAddress } from '../../memory/linear-address.js';
import type { LinuxContext } from '../call.js';
import { LinuxErrno, failed } from '../errno.js';
import type { HomeRange } from '../memory/mapping-files.js';
import { LOW_BYTES } from '../program/linux-layout.js';
import { addAnnex, addAnnexAt } from '../tasks/annex.js';
import { seeLow } from '../tasks/sight.js';

const { EEXIST, EINVAL, ENOMEM } = LinuxErrno;

/* include/uapi/asm-generic/mman-common.h */
export const MAP_FIXED = 0x10;
export const MAP_FIXED_NOREPLACE = 0x10_0000;

const MAP_32BIT = 0x40;

const PAGE = BigInt(PAGE_SIZE);
/** vm.mmap_min_addr of Linux, and the end of the part that `seeLow` shows. */
const LOWEST = 0x1_0000n;
const LOW_END = BigInt(LOW_BYTES);

/** The range of a process's addresses; undefined where it does not lie in its home. */
export function rangeOf({ linux }: LinuxContext, address: bigint, length: bigint): HomeRange | undefined {
  const given = fromLinear(address);
  if (given === undefined || length > BigInt(ADDRESS_SPACE_END)) return undefined;
  const size = roundUp(Number(length), PAGE_SIZE);
  const start = linux.memory.homeOf(given, size);
  return start === undefined ? undefined : { start, end: start + size };
}

/** As `rangeOf`, of a home that is made larger for it. */
function rangeInAnnex(context: LinuxContext, address: bigint, length: bigint): HomeRange | undefined {
  const start = fromLinear(address);
  if (start === undefined || address < LOWEST || length > BigInt(LOWER_REGIONS_END - start)) return undefined;
  return addAnnexAt(context, start, Number(length)) ? rangeOf(context, address, length) : undefined;
}

/** An address of the home as the process sees it. */
export function seen({ process }: LinuxContext, address: LinearAddress): bigint {
  return toLinear(process.view?.window(address) ?? address);
}

/** Where mmap maps, or its error. */
export function placeOf(context: LinuxContext, address: bigint, length: bigint, flags: number): HomeRange | bigint {
  const { memory } = context.linux;
  const size = length <= BigInt(ADDRESS_SPACE_END) ? roundUp(Number(length), PAGE_SIZE) : Infinity;
  if (address >= LOWEST && address < LOW_END && length <= LOW_END - address) seeLow(context);
  if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) {
    if (address % PAGE !== 0n) return failed(EINVAL);
    const range = rangeOf(context, address, length) ?? rangeInAnnex(context, address, length);
    if (!range) return failed(ENOMEM);
    if (flags & MAP_FIXED_NOREPLACE && !memory.isFree(range.start, range.end)) return failed(EEXIST);
    return range;
  }
  const hint = address === 0n ? undefined : rangeOf(context, address - (address % PAGE), length);
  if (hint && memory.isFree(hint.start, hint.end) && hint.start > memory.region.start) return hint;
  const isLow = (flags & MAP_32BIT) !== 0 && seeLow(context);
  const find = (): LinearAddress | undefined => (isLow ? memory.findFreeLow(size) : memory.findFree(size));
  const start = find() ?? (!isLow && addAnnex(context, size) ? find() : undefined);
  return start === undefined ? failed(ENOMEM) : { start, end: start + size };
}
