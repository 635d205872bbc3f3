import { PAGE_SIZE } from '../../bits.js';
import type { LinearMemory } from './linear-memory.js';

/** RAM by physical address, as devices read and write it: what was decoded or derived from bytes that they write is dropped. */
export class DirectMemory {
  constructor(private readonly linearMemory: LinearMemory) {}

  /** A copy of the bytes; undefined if they do not all lie in RAM. */
  read(physical: number, lengthBytes: number): Uint8Array | undefined {
    const { memory } = this.linearMemory;
    return physical + lengthBytes <= memory.size ? memory.ram.slice(physical, physical + lengthBytes) : undefined;
  }

  /** Returns whether the bytes all lie in RAM; else nothing is written. */
  write(physical: number, bytes: Uint8Array): boolean {
    const { memory } = this.linearMemory;
    const end = physical + bytes.length;
    if (end > memory.size) return false;
    memory.ram.set(bytes, physical);
    for (let at = physical; at < end;) {
      const part = Math.min(end - at, PAGE_SIZE - (at % PAGE_SIZE));
      this.linearMemory.stored(at, part);
      at += part;
    }
    return true;
  }
}
