export const SECTOR_BYTES = 512;

/** The content of a disk. Ranges lie within it. */
export interface Disk {
  /** A multiple of SECTOR_BYTES. */
  readonly lengthBytes: number;
  read(offset: number, lengthBytes: number): Uint8Array;
  write(offset: number, bytes: Uint8Array): void;
  writeZeros(offset: number, lengthBytes: number): void;
  /** Makes what was written before as durable as it will be. */
  flush(): void;
}
