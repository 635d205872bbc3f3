import type { StateWriter } from '../state-writer.js';

/** What the host puts behind console_write and console_read. */
export interface Console {
  /** The bytes are the console's to keep. */
  write(bytes: Uint8Array): void;
  /** 1 to `max` bytes of input that is there; 'end' where no more will come; undefined where none is there yet. */
  read(max: number): Uint8Array | 'end' | undefined;
}

/** A host's console, and how far its input has been read and its output written. The bytes are the host's to remember. */
export class CountedConsole implements Console {
  private writtenBytes = 0;
  private readBytes = 0;

  constructor(private readonly console: Console) {}

  write(bytes: Uint8Array): void {
    this.writtenBytes += bytes.length;
    this.console.write(bytes);
  }

  read(max: number): Uint8Array | 'end' | undefined {
    const input = this.console.read(max);
    if (typeof input === 'object') this.readBytes += input.length;
    return input;
  }

  writeState(out: StateWriter): void {
    out.number(this.writtenBytes).number(this.readBytes);
  }
}
