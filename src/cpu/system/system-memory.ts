import { isCanonical } from '../../bits.js';
import { ACCESS_IMPLICIT, ACCESS_READ, ACCESS_WRITE } from '../../mmu/walk.js';
import type { LinearMemory, LinearPlace } from '../access/linear-memory.js';
import { GuestException, Vector } from '../state/exceptions.js';

/** Where the CPU itself reads and writes: descriptor tables, task-state segments, and stacks of handlers. */
export class SystemMemory {
  constructor(private readonly linearMemory: LinearMemory) {}

  /** Reads up to 8 bytes as supervisor mode does, whatever CPL. */
  read(linear: bigint, bytes: number): bigint {
    return this.at(linear, bytes, ACCESS_READ | ACCESS_IMPLICIT).load(0, bytes);
  }

  write(linear: bigint, bytes: number, value: bigint): void {
    this.at(linear, bytes, ACCESS_WRITE | ACCESS_IMPLICIT).store(0, bytes, value);
  }

  /** Translates bytes for an access: ACCESS_READ or ACCESS_WRITE, with ACCESS_IMPLICIT. */
  at(linear: bigint, bytes: number, access: number): LinearPlace {
    if (!isCanonical(linear)) throw new GuestException(Vector.GP);
    const [high, low] = [Number(BigInt.asIntN(32, linear >> 32n)), Number(BigInt.asIntN(32, linear))];
    return this.linearMemory.translate(high, low, bytes, access);
  }
}
