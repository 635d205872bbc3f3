import { GrowingBytes, isAscii } from './growing-bytes.js';

/**
 * Writes the state of a machine as bytes, from whose hash its identity follows. Each part begins with its length or has a
 * fixed one, so that different states never give the same bytes. Numbers of all kinds are 8 bytes, little-endian.
 */
export class StateWriter extends GrowingBytes {
  /** Any number, as IEEE 754 binary64; undefined as a NaN. */
  number(value: number | undefined): this {
    return this.float(value ?? NaN);
  }

  /** The low 64 bits of a number. */
  word(value: bigint): this {
    const at = this.grow(8);
    this.view.setBigUint64(at, BigInt.asUintN(64, value), true);
    return this;
  }

  /** Bytes, after their number. */
  bytes(bytes: Uint8Array): this {
    return this.number(bytes.length).raw(bytes);
  }

  /** UTF-8, after the number of its bytes. */
  text(text: string): this {
    return isAscii(text) ? this.number(text.length).ascii(text) : this.bytes(new TextEncoder().encode(text));
  }

  /** A length-prefixed list of numbers. */
  numbers(values: Iterable<number>): this {
    const list = Array.isArray(values) ? (values as readonly number[]) : [...values];
    this.number(list.length);
    for (const value of list) this.number(value);
    return this;
  }
}
