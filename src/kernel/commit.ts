import { PAGE_SIZE, hex } from '../bits.js';
import type { VmoHandle } from '../vmo/handle.js';
import type { VmoStore } from '../vmo/store.js';
import type { AddressSpace } from './address-space.js';
import type { PageContent } from './changed-pages.js';
import { Errno, KernelError } from './errors.js';
import { ADDRESS_SPACE_END, toLinear, type LinearAddress } from './linear-address.js';
import type { Mapping } from './mapping.js';
import type { Pager } from './pager.js';
import type { Region } from './region.js';

/** What memory is committed from, and to. */
export interface CommitTarget {
  readonly store: VmoStore;
  readonly space: AddressSpace;
  readonly pager: Pager;
}

/**
 * Makes a VMO of a range of memory, and that VMO what the range is mapped to: pages that were written become clean, and
 * pages that were never touched stay what their mapping says. The VMO can be opened by its id. The handle is the caller's
 * to close.
 *
 * It costs O(log n) and a hash for each page that was written since the range, or any that it lies in, was committed
 * last, and one for each node above those. Where it begins elsewhere in what is mapped than at a multiple of its size in
 * pages, rounded up to a power of two, its nodes are others than those of what is mapped, and are hashed once.
 *
 * Throws KernelError, with nothing changed: EINVAL for a range that is not made of whole pages, one or more, EFAULT for one
 * that does not lie in mappings of one region without a gap.
 */
export function commitRange(target: CommitTarget, start: LinearAddress, lengthBytes: number): VmoHandle {
  const { store, space, pager } = target;
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
  const changed = pager.takeChanges(region, start, end);
  const base = mappedContent(store, mappings, start, end);
  const vmo = withPages(store, base, start, changed);
  // Hashes what is new: only then does the canonical tree take the place of the extents, and the next commit begin with it.
  void vmo.id;
  remap(store, region, mappings, start, end, vmo);
  return vmo;
}

/** The bytes that mappings would fill a range with. */
function mappedContent(
  store: VmoStore,
  mappings: readonly Mapping[],
  start: LinearAddress,
  end: LinearAddress,
): VmoHandle {
  const parts = mappings.flatMap((mapping) => {
    const from = Math.max(start, mapping.start);
    const length = Math.min(end, mapping.end) - from;
    if (!mapping.backing) return [store.zeros(length)];
    const { vmo, offset } = mapping.backing;
    const at = offset + from - mapping.start;
    const kept = Math.min(length, vmo.length - at);
    return [store.slice(vmo, at, kept), store.zeros(length - kept)];
  });
  return concatAndClose(store, parts);
}

/** `base` with changed pages in the place of its own. Closes `base` and the contents. */
function withPages(store: VmoStore, base: VmoHandle, start: LinearAddress, changed: readonly PageContent[]): VmoHandle {
  if (changed.length === 0) return base;
  const parts: VmoHandle[] = [];
  let at = 0;
  for (const { page, content } of changed) {
    parts.push(store.slice(base, at, page - start - at), content);
    at = page - start + PAGE_SIZE;
  }
  parts.push(store.slice(base, at, base.length - at));
  base.close();
  return concatAndClose(store, parts);
}

function concatAndClose(store: VmoStore, parts: readonly VmoHandle[]): VmoHandle {
  const whole = store.concat(parts);
  for (const part of parts) part.close();
  return whole;
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
    const { backing, protection } = mapping;
    if (mapping.start < start)
      parts.push({ ...mapping, end: start, backing: backing && { ...backing, vmo: again(backing.vmo) } });
    const from = Math.max(start, mapping.start);
    const to = Math.min(end, mapping.end);
    const before = parts.at(-1);
    if (before && before.start >= start && before.protection === protection)
      parts[parts.length - 1] = { ...before, end: to };
    else parts.push({ start: from, end: to, protection, backing: { vmo: again(vmo), offset: from - start } });
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
