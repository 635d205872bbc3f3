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

  /** Translates the bytes for words that are pushed; `isUser` if the handler runs at CPL 3. */
  stackFrame(linear: bigint, bytes: number, isUser: boolean): LinearPlace {
    if (!isCanonical(linear) || !isCanonical(linear + BigInt(bytes - 1))) throw new GuestException(Vector.SS);
    return this.at(linear, bytes, isUser ? ACCESS_WRITE : ACCESS_WRITE | ACCESS_IMPLICIT);
  }

  /** Translates the bytes of words that are popped at the current CPL. */
  popped(linear: bigint, bytes: number): LinearPlace {
    if (!isCanonical(linear) || !isCanonical(linear + BigInt(bytes - 1))) throw new GuestException(Vector.SS);
    return this.at(linear, bytes, ACCESS_READ);
  }

  private at(linear: bigint, bytes: number, access: number): LinearPlace {
    if (!isCanonical(linear)) throw new GuestException(Vector.GP);
    const [high, low] = [Number(BigInt.asIntN(32, linear >> 32n)), Number(BigInt.asIntN(32, linear))];
    return this.linearMemory.translate(high, low, bytes, access);
  }
}
