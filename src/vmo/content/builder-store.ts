import { requireRange, VmoHandleError } from '../errors.js';
import { VmoHandle } from '../handle.js';
import { HostContent } from './host-content.js';
import type { Revival } from './revival.js';
import { type Rope, slice } from './rope.js';
import type { SubtreeTable } from './subtree-table.js';
import { type Shared, Vmo } from './vmo.js';

const NO_TAGS: ReadonlyMap<string, string> = new Map();

/** What builders need from their store. */
export class BuilderStore {
  constructor(private readonly shared: Shared) {}

  get table(): SubtreeTable {
    return this.shared.table;
  }

  /** See VmoStore.restoring. */
  get revival(): Revival | undefined {
    return this.shared.revival;
  }

  /** See VmoStore.hostContent. */
  hostContent(): HostContent {
    return new HostContent(this.table);
  }

  /** The content of a handle of this store. Throws VmoHandleError. */
  vmoOf(handle: VmoHandle): Vmo {
    const vmo = handle.content;
    if (vmo.shared !== this.shared) throw new VmoHandleError('the handle is of another store');
    return vmo;
  }

  /** The rope of a range of a VMO of this store. Throws VmoHandleError, VmoRangeError. */
  sliceOf(handle: VmoHandle, offset: number, length: number): Rope | undefined {
    const base = this.vmoOf(handle);
    requireRange('slice', offset, length, base.lengthBytes);
    return slice(base.rope, offset, length);
  }

  /** Makes a handle to a VMO of the built bytes. */
  commit(rope: Rope | undefined, tags: ReadonlyMap<string, string> = NO_TAGS): VmoHandle {
    const vmo = new Vmo(this.shared, rope);
    this.shared.table.dropUnused();
    return new VmoHandle(vmo, tags);
  }
}
