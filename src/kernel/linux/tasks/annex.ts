/** More room for the memory of a process than its home had at first. */
import { roundUp } from '../../../bits.js';
import { LOWER_REGIONS_END } from '../../memory/address-space.js';
import type { LinearAddress } from '../../memory/linear-address.js';
import type { LinuxContext } from '../call.js';
import type { LinuxMemory } from '../memory/linux-memory.js';
import { HOME_ALIGNMENT } from '../program/linux-layout.js';
import { isShared, renewSight, seeLow } from './sight.js';

/** Annexes that a process may have. */
const ANNEXES_MAX = 16;

/**
 * Makes the home of a process larger by so many bytes, at the highest addresses that the process does not use: programs ask for
 * lower ones. False where it cannot.
 */
export function addAnnex(context: LinuxContext, size: number): boolean {
  const { memory } = context.linux;
  const bytes = roundUp(size, HOME_ALIGNMENT);
  let window = LOWER_REGIONS_END - (LOWER_REGIONS_END % HOME_ALIGNMENT) - bytes;
  for (const { start, end } of windowsOf(memory).reverse())
    if (start < window + bytes && end > window) window = start - bytes;
  return window > 0 && add(context, window, bytes, false);
}

/**
 * As `addAnnex`, so that the process sees it at a given address. False where a part of it would be seen where another part
 * of the home is.
 */
export function addAnnexAt(context: LinuxContext, address: LinearAddress, size: number): boolean {
  const window = address - (address % HOME_ALIGNMENT);
  const end = roundUp(address + size, HOME_ALIGNMENT);
  const isFree = windowsOf(context.linux.memory).every((used) => used.end <= window || used.start >= end);
  // What is seen below 4 GiB lies at the start of the home.
  return isFree && (window > 0 || seeLow(context)) && add(context, window, end - window, true);
}

/** Where a process sees the parts of its home, ascending. */
function windowsOf({ window, annexes }: LinuxMemory): { readonly start: LinearAddress; readonly end: LinearAddress }[] {
  const parts = annexes.map((annex) => ({ start: annex.window, end: annex.window + annex.end - annex.start }));
  return [{ start: window, end: window + HOME_ALIGNMENT }, ...parts].sort((a, b) => a.start - b.start);
}

function add(context: LinuxContext, window: LinearAddress, bytes: number, isAsked: boolean): boolean {
  const { process, linux, space } = context;
  const { memory } = linux;
  const { region, annexes } = memory;
  // A process with a smaller limit has all of its memory in the first part of its home.
  if (process.size < HOME_ALIGNMENT || annexes.length === ANNEXES_MAX || isShared(context)) return false;
  const sizeBefore = region.size;
  const start = region.end + HOME_ALIGNMENT;
  const end = start + bytes;
  if (!space.grow(region, end - region.start)) return false;
  memory.annexes = [...annexes, { window, start, end, isAsked }];
  if (!renewSight(context)) {
    region.size = sizeBefore;
    memory.annexes = annexes;
    return false;
  }
  process.mapChanges++;
  return true;
}
