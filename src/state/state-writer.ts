import { PAGE_SIZE } from '../bits.js';

/**
 * Writes down what a machine's state is, in one way: who hashes the bytes has its identity. Every part says where it ends,
 * so that different states never give the same bytes. Numbers of all kinds are 8 bytes, little-endian.
 */
export class StateWriter {
  private buffer = new Uint8Array(PAGE_SIZE);
  private view = new DataView(this.buffer.buffer);
  private length = 0;

  /** What was written. The array is the writer's own. */
  get written(): Uint8Array {
    return this.buffer.subarray(0, this.length);
  }

  /** Any number, as IEEE 754 binary64; undefined as a NaN. */
  number(value: number | undefined): this {
    const at = this.take(8);
    this.view.setFloat64(at, value ?? NaN, true);
    return this;
  }

  /** The low 64 bits of a number. */
  word(value: bigint): this {
    const at = this.take(8);
    this.view.setBigUint64(at, BigInt.asUintN(64, value), true);
    return this;
  }

  /** Bytes behind their number. */
  bytes(bytes: Uint8Array): this {
    this.number(bytes.length);
    const at = this.take(bytes.length);
    this.buffer.set(bytes, at);
    return this;
  }

  /** UTF-8 behind the number of its bytes. */
  text(text: string): this {
    return this.bytes(new TextEncoder().encode(text));
  }

  /** Numbers behind how many they are. */
  numbers(values: Iterable<number>): this {
    const list = [...values];
    this.number(list.length);
    for (const value of list) this.number(value);
    return this;
  }

  /** Room for so many bytes; answers where. */
  private take(lengthBytes: number): number {
    const at = this.length;
    this.length += lengthBytes;
    if (this.length > this.buffer.length) {
      const larger = new Uint8Array(2 * this.length);
      larger.set(this.buffer);
      this.buffer = larger;
      this.view = new DataView(larger.buffer);
    }
    return at;
  }
}
