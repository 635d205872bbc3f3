/** Guest memory as devices read and write it. Addresses beyond RAM cannot be accessed. */
export interface DirectMemory {
  /** The bytes of a range, which the caller may keep; undefined if it does not lie in RAM. */
  read(physical: number, lengthBytes: number): Uint8Array | undefined;
  /** Returns whether the range lies in RAM; else nothing is written. */
  write(physical: number, bytes: Uint8Array): boolean;
}
