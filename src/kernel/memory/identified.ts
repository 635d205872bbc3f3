import type { VmoHandle } from '../../vmo/handle.js';
import type { Steps } from '../../vmo/steps.js';
import type { VmoStore } from '../../vmo/store.js';
import type { HostMemory } from '../host-memory.js';

/** What an identity that can be opened takes, besides the canonical form. */
const PUBLISHED_HOST_BYTES = 512;

/**
 * Hashes a VMO, whose id can be opened then, in steps between which nothing may change in the machine. Throws HostMemoryError,
 * with nothing changed, where its canonical form and `furtherBytes` take more of the host's memory than is left.
 */
export function* identified(
  { store, hostMemory }: { readonly store: VmoStore; readonly hostMemory: HostMemory },
  vmo: VmoHandle,
  furtherBytes = 0,
): Steps<void> {
  for (const _ of store.identifyInSteps(vmo, () => {
    hostMemory.require(store.identifyingBytes(vmo) + PUBLISHED_HOST_BYTES + furtherBytes);
  }))
    yield;
}
