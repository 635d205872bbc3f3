import type { VmoHandle } from '../vmo/handle.js';
import type { VmoStore } from '../vmo/store.js';
import { VmoDisk, type PublishDisk } from './vmo-disk.js';

export type { PublishDisk, VmoDisk };

/** A disk of a bare machine, which begins as a VMO. */
export interface BoardDisk {
  /** The content, as a handle of the machine's store. */
  readonly open: (store: VmoStore) => VmoHandle;
  /** Without it, what is written is gone when the machine is. */
  readonly publish?: PublishDisk | undefined;
}

/** Nothing is published while `told.isSilent`: see BoardHooks. */
export function makeDisks(
  disks: readonly BoardDisk[],
  store: VmoStore,
  told: { readonly isSilent?: boolean },
): VmoDisk[] {
  return disks.map(({ open, publish }) => {
    const content = open(store);
    const disk = new VmoDisk(store, content, publish && ((published) => void (told.isSilent || publish(published))));
    content.close();
    return disk;
  });
}
