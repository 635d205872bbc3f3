import { HostMemory } from '../host-memory.js';
import type { VmoHandle } from '../../vmo/handle.js';
import { kept, schema, value } from '../../state/schema.js';

/** Handles that a process has at most: what a program makes and forgets is bounded. */
export const HANDLES_MAX = 2 ** 14;

/** No more unhashed bytes are counted for a handle: a VMO may be far longer than what there is of it. */
const UNHASHED_BYTES_MAX = 2 ** 32;

interface Slot {
  readonly vmo: VmoHandle;
  unhashedBytes: number;
}

/** The VMO handles of a process: small integers, the lowest free one first. */
export class HandleTable {
  static readonly state = schema('handle table', HandleTable, {
    slots: value,
    firstFree: value,
    count: value,
    hostMemory: kept('the one account of the machine'),
  });

  private readonly slots: (Slot | undefined)[] = [];
  /** No slot below it is free. */
  private firstFree = 0;
  private count = 0;

  constructor(private readonly hostMemory = new HostMemory()) {}

  /** True where no handle can be added. */
  get isFull(): boolean {
    return this.count === HANDLES_MAX;
  }

  /**
   * Adds a VMO, which the table will close, and returns its number. `unhashedBytes` is the largest number of bytes that its
   * identity can need hashed, as far as the process itself can know: hashing by others does not count.
   */
  add(vmo: VmoHandle, unhashedBytes = 0): number {
    if (this.isFull) throw new RangeError(`a process has at most ${HANDLES_MAX} handles`);
    while (this.slots[this.firstFree]) this.firstFree++;
    this.slots[this.firstFree] = { vmo, unhashedBytes: Math.min(unhashedBytes, UNHASHED_BYTES_MAX) };
    this.count++;
    this.hostMemory.charge('handle');
    return this.firstFree++;
  }

  /** The VMO of any 64-bit number; undefined where that is no handle. It stays the table's. */
  get(handle: bigint): VmoHandle | undefined {
    return this.slotOf(handle)?.vmo;
  }

  /** As `add` was told; 0 for a number that is no handle. */
  unhashedBytesOf(handle: bigint): number {
    return this.slotOf(handle)?.unhashedBytes ?? 0;
  }

  /** The VMO of a handle has been hashed, unless the handle is that of another one by now. */
  wasHashed(handle: bigint, vmo: VmoHandle): void {
    const slot = this.slotOf(handle);
    if (slot?.vmo.content === vmo.content) slot.unhashedBytes = 0;
  }

  /** False where the number is no handle. */
  close(handle: bigint): boolean {
    const vmo = this.get(handle);
    if (!vmo) return false;
    const slot = Number(handle);
    this.slots[slot] = undefined;
    this.firstFree = Math.min(this.firstFree, slot);
    this.count--;
    this.hostMemory.release('handle');
    vmo.close();
    return true;
  }

  closeAll(): void {
    for (const slot of this.slots) slot?.vmo.close();
    this.hostMemory.release('handle', this.count);
    this.slots.length = this.firstFree = this.count = 0;
  }

  private slotOf(handle: bigint): Slot | undefined {
    return handle < BigInt(this.slots.length) ? this.slots[Number(handle)] : undefined;
  }
}
