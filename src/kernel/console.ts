/** What the host puts behind console_write and console_read. */
export interface Console {
  /** The bytes are the console's to keep. */
  write(bytes: Uint8Array): void;
  /** 1 to `max` bytes of input that is there; 'end' where no more will come; undefined where none is there yet. */
  read(max: number): Uint8Array | 'end' | undefined;
}
