import { PAGE_SIZE, hex } from '../../bits.js';
import type { VmoHandle } from '../../vmo/handle.js';
import { finished, type Steps } from '../../vmo/steps.js';
import type { VmoStore } from '../../vmo/store.js';
import { Errno, KernelError } from '../errors.js';
import { HOST_BYTES } from '../host-memory.js';
import { identified } from './identified.js';
import { ADDRESS_SPACE_END, toLinear, type LinearAddress } from './linear-address.js';
import type { Mapping } from './mapping.js';
import { MemoryContent, type ContentSource } from './memory-content.js';
import type { Region } from './region.js';

/** Pages that become clean in a step. */
const PAGES_IN_STEP = 64;
/** Most mappings that a commit adds: the parts before and after it of those that it cuts. */
const REMAPPED_MAPPINGS = 2;

/**
 * Makes a VMO of a range of memory, and that VMO what the range is mapped to: pages that were written become clean, and
 * pages that were never touched stay what their mapping says. The VMO can be opened by its id. The handle is the caller's
 * to close.
 *
 * It costs O(log n) and a hash for each page that was written since the range, or any that it lies in, was committed
 * last, and one for each node above those. Where it begins elsewhere in what is mapped than at a multiple of its size in
 * pages, rounded up to a power of two, its nodes are others than those of what is mapped, and are hashed once.
 *
 * Throws KernelError, with nothing changed: EINVAL for a range that is not made of whole pages, one or more, or has
 * memory that processes of Linux share, EFAULT for one
 * that does not lie in mappings of one region without a gap, ENOMEM (HostMemoryError) where the VMO takes more of the host's
 * memory than is left.
 */
export function commitRange(target: ContentSource, start: LinearAddress, lengthBytes: number): VmoHandle {
  return finished(commitInSteps(target, start, lengthBytes));
}

/**
 * As `commitRange`, in steps of 64 pages or so, between which nothing may change in the machine. Given up, it has changed
 * nothing that a program can tell.
 */
export function* commitInSteps(target: ContentSource, start: LinearAddress, lengthBytes: number): Steps<VmoHandle> {
  const { store, space } = target;
  const end = start + lengthBytes;
  if (start % PAGE_SIZE !== 0 || lengthBytes % PAGE_SIZE !== 0 || !(lengthBytes > 0) || end > ADDRESS_SPACE_END)
    throw new KernelError(
      Errno.EINVAL,
      `${lengthBytes} bytes from ${hex(toLinear(start))} are not whole pages, one or more`,
    );
  const region = space.regionAt(start);
  const mappings = region?.covering(start, end);
  if (!region || !mappings)
    throw new KernelError(
      Errno.EFAULT,
      `not all of the ${lengthBytes} bytes from ${hex(toLinear(start))} are mapped, in one region`,
    );
  if (mappings.some(({ shared }) => shared))
    throw new KernelError(Errno.EINVAL, `memory from ${hex(toLinear(start))} on is shared, and cannot become a VMO`);
  const vmo = yield* contentInSteps(target, start, end);
  let isDone = false;
  try {
    // Hashes what is new: only then does the canonical tree take the place of the extents, and the next commit begin with it.
    yield* identified(target, vmo, REMAPPED_MAPPINGS * HOST_BYTES.mapping + HOST_BYTES.handle);
    remap(store, region, mappings, start, end, vmo);
    yield* cleanInSteps(target, region, start, end);
    isDone = true;
    return vmo;
  } finally {
    if (!isDone) vmo.close();
  }
}

/** The VMO of the bytes of a range. */
function* contentInSteps(target: ContentSource, start: LinearAddress, end: LinearAddress): Steps<VmoHandle> {
  const content = new MemoryContent(target.store, start, end, false);
  try {
    while (!content.isComplete) {
      content.takePart(target);
      yield;
    }
    return content.finish();
  } finally {
    content.close();
  }
}

/** Makes pages clean that are what their mappings fill them with, though they were written. */
function* cleanInSteps(target: ContentSource, region: Region, start: LinearAddress, end: LinearAddress): Steps<void> {
  for (let at = start; at < end;) {
    const last = region.changed.within(at, end, PAGES_IN_STEP).at(-1);
    const next = last ? last.page + PAGE_SIZE : end;
    for (const { content } of target.pager.takeChanges(region, at, next)) content.close();
    at = next;
    yield;
  }
}

/** Maps a range to `vmo`. What lies outside it of the mappings there were stays as it is. */
function remap(
  store: VmoStore,
  region: Region,
  mappings: readonly Mapping[],
  start: LinearAddress,
  end: LinearAddress,
  vmo: VmoHandle,
): void {
  const again = (handle: VmoHandle): VmoHandle => store.slice(handle, 0, handle.length);
  const parts: Mapping[] = [];
  for (const mapping of mappings) {
    const { backing, protection, file } = mapping;
    if (mapping.start < start)
      parts.push({ ...mapping, end: start, backing: backing && { ...backing, vmo: again(backing.vmo) } });
    const from = Math.max(start, mapping.start);
    const to = Math.min(end, mapping.end);
    const before = parts.at(-1);
    if (before && before.start >= start && before.protection === protection)
      parts[parts.length - 1] = { ...before, end: to };
    else parts.push({ start: from, end: to, protection, backing: { vmo: again(vmo), offset: from - start }, file });
    if (mapping.end > end)
      parts.push({
        ...mapping,
        start: end,
        backing: backing && { vmo: again(backing.vmo), offset: backing.offset + end - mapping.start },
      });
  }
  for (const { backing } of mappings) backing?.vmo.close();
  region.replace(mappings, parts);
}
