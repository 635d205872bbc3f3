import type { Steps } from '../../vmo/steps.js';
import { HOST_BYTES, type HostMemory } from '../host-memory.js';
import { again, type MapTarget } from './map-target.js';
import type { LinearAddress } from './linear-address.js';
import type { VmoHandle } from '../../vmo/handle.js';
import type { Region } from './region.js';

/** Mappings, and pages that were written, that are taken over in a step: less than a millisecond. */
const MAPPINGS_IN_STEP = 512;
const PAGES_IN_STEP = 1024;

/** Whose memory is forked. */
export interface ForkTarget extends MapTarget {
  readonly hostMemory: HostMemory;
}

/**
 * Gives a region without mappings, of the same size, what another one holds: the same mappings, and the bytes that were
 * written since. No byte is copied or hashed: both regions share the private frames, which they may only read until one of
 * them writes a page and gets a frame of its own for it. What was only read is brought in again where it is touched.
 *
 * Works in steps between which nothing may change in the machine. Throws HostMemoryError with nothing changed, and
 * OutOfFramesError where page tables find no frame. Given up or failed, it has changed nothing that a program can tell in
 * `from`; the caller unloads `to`.
 */
export function* forkMemory(target: ForkTarget, from: Region, to: Region): Steps<void> {
  if (to.size !== from.size || to.mappings.length > 0)
    throw new RangeError(
      `a region of ${to.size} bytes with ${to.mappings.length} mappings cannot be a copy of another`,
    );
  const perPage = Math.max(HOST_BYTES.sharedPage, HOST_BYTES.writtenBack);
  target.hostMemory.require(from.mappings.length * HOST_BYTES.mapping + from.changed.size * perPage);
  yield* copyMappings(target, from, to);
  yield* shareChanged(target, from, to);
}

function* copyMappings({ store }: MapTarget, from: Region, to: Region): Steps<void> {
  const distance = to.start - from.start;
  for (const [index, { start, end, protection, backing, shared, file }] of from.mappings.entries()) {
    if (index % MAPPINGS_IN_STEP === MAPPINGS_IN_STEP - 1) yield;
    to.add({
      ...{ start: start + distance, end: end + distance, protection },
      backing: backing && { ...backing, vmo: again(store, backing.vmo) },
      ...{ shared, file },
    });
  }
}

function* shareChanged({ pager }: MapTarget, from: Region, to: Region): Steps<void> {
  const distance = to.start - from.start;
  const share = (page: LinearAddress, content: VmoHandle | undefined): void =>
    pager.shareChanged(page, content, to, page + distance);
  for (let at: LinearAddress | undefined = from.start; ;) {
    at = from.changed.visit(at, from.end, PAGES_IN_STEP, share);
    if (at === undefined) return;
    yield;
  }
}
