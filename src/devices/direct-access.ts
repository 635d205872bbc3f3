/** Guest memory as devices read and write it. Addresses beyond RAM cannot be accessed. */
export interface DirectMemory {
  /** The bytes of a range, which the caller may keep; undefined if it does not lie in RAM. */
  read(physical: number, lengthBytes: number): Uint8Array | undefined;
  /** Returns whether the range lies in RAM; else nothing is written. */
  write(physical: number, bytes: Uint8Array): boolean;
}

/** A part of the memory that a driver gives to a device. */
export interface MemoryPart {
  readonly physical: number;
  readonly bytes: number;
}

export function lengthOf(parts: readonly MemoryPart[]): number {
  return parts.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The bytes of some parts; undefined if they are not all in RAM. */
export function gather(memory: DirectMemory, parts: readonly MemoryPart[]): Uint8Array | undefined {
  const all = new Uint8Array(lengthOf(parts));
  let at = 0;
  for (const { physical, bytes } of parts) {
    const part = memory.read(physical, bytes);
    if (!part) return undefined;
    all.set(part, at);
    at += bytes;
  }
  return all;
}

/** Writes bytes to the beginning of some parts. Returns whether those are in RAM. */
export function scatter(memory: DirectMemory, parts: readonly MemoryPart[], content: Uint8Array): boolean {
  let at = 0;
  for (const { physical, bytes } of parts) {
    const part = content.subarray(at, at + bytes);
    if (!memory.write(physical, part)) return false;
    at += part.length;
  }
  return true;
}
