import { finished, type Steps } from '../../vmo/steps.js';
import type { MapTarget } from './map-target.js';
import type { Region } from './region.js';
import type { SharedMemory } from './shared-memory.js';

/** Takes a region out of the address space, and gives back its frames and VMOs. */
export function unload(target: MapTarget, region: Region): void {
  finished(unloadInSteps(target, region));
}

/** As `unload`, in steps between which nothing may change in the machine. */
export function* unloadInSteps(target: MapTarget, region: Region): Steps<void> {
  const { store, space, pager } = target;
  const shared = region.sharedIn(region.start, region.end).filter((memory) => memory.region !== region);
  yield* pager.discardInSteps(region, region.start, region.end);
  store.closing(() => region.mappings.forEach(({ backing }) => backing?.vmo.close()));
  space.remove(region);
  yield* releaseUnused(target, shared);
}

/** Gives back memory that is mapped nowhere any more, of some that were mapped. */
export function* releaseUnused(target: MapTarget, memories: readonly SharedMemory[]): Steps<void> {
  for (const memory of new Set(memories)) {
    if (memory.mappings > 0 || !memory.region) continue;
    memory.owner?.unused();
    yield* unloadInSteps(target, memory.region);
  }
}
