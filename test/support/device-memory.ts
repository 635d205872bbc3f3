import type { DirectMemory } from '../../src/devices/direct-access.js';

/** Memory of a machine without a processor, for devices under test. */
export function deviceMemory(ram: Uint8Array): DirectMemory {
  return {
    read: (at, bytes) => (at + bytes <= ram.length ? ram.slice(at, at + bytes) : undefined),
    write: (at, bytes) => {
      if (at + bytes.length > ram.length) return false;
      ram.set(bytes, at);
      return true;
    },
  };
}
