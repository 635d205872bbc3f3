import type { StateWriter } from '../state-writer.js';
import type { VmoHandle } from '../vmo/handle.js';

/** Handles that a process has at most: what a program makes and forgets is bounded. */
export const HANDLES_MAX = 2 ** 14;

/** The VMO handles of a process: small integers, the lowest free one first. */
export class HandleTable {
  private readonly slots: (VmoHandle | undefined)[] = [];
  /** No slot below it is free. */
  private firstFree = 0;
  private count = 0;

  /** True where no handle can be added. */
  get isFull(): boolean {
    return this.count === HANDLES_MAX;
  }

  /** Takes up a VMO, which is the table's to close. Answers its number. */
  add(vmo: VmoHandle): number {
    if (this.isFull) throw new RangeError(`a process has at most ${HANDLES_MAX} handles`);
    while (this.slots[this.firstFree]) this.firstFree++;
    this.slots[this.firstFree] = vmo;
    this.count++;
    return this.firstFree++;
  }

  /** The VMO of any 64-bit number; undefined where that is no handle. It stays the table's. */
  get(handle: bigint): VmoHandle | undefined {
    return handle < BigInt(this.slots.length) ? this.slots[Number(handle)] : undefined;
  }

  /** False where the number is no handle. */
  close(handle: bigint): boolean {
    const vmo = this.get(handle);
    if (!vmo) return false;
    const slot = Number(handle);
    this.slots[slot] = undefined;
    this.firstFree = Math.min(this.firstFree, slot);
    this.count--;
    vmo.close();
    return true;
  }

  closeAll(): void {
    for (const vmo of this.slots) vmo?.close();
    this.slots.length = this.firstFree = this.count = 0;
  }

  /** Each number with its VMO's content, hashed now if it was not. */
  writeState(out: StateWriter): void {
    out.number(this.count);
    this.slots.forEach((vmo, slot) => {
      if (vmo) out.number(slot).text(vmo.contentId);
    });
  }
}
