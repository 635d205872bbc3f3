import type { VmoHandle } from '../../vmo/handle.js';
import type { VmoStore } from '../../vmo/store.js';
import type { AddressSpace } from './address-space.js';
import type { Pager } from './pager.js';

/** What VMOs are mapped in. */
export interface MapTarget {
  readonly store: VmoStore;
  readonly space: AddressSpace;
  readonly pager: Pager;
}

/** Another handle on a VMO. */
export function again(store: VmoStore, vmo: VmoHandle): VmoHandle {
  return store.slice(vmo, 0, vmo.length);
}
