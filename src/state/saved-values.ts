/** The values that a saved snapshot consists of, as bytes. Integers are in LEB128, other numbers IEEE 754 binary64, little-endian. */
import { GrowingBytes, isAscii } from './growing-bytes.js';
import type { Packed } from './schema.js';

/** A saved snapshot that cannot be resumed: damaged, of another version, or something else. */
export class SavedSnapshotError extends Error {
  override readonly name = 'SavedSnapshotError';
}

/** The first byte of a value. */
export const TAG = {
  undefined: 0,
  null: 1,
  false: 2,
  true: 3,
  /** An integer from 0 to 2^53 - 1. */
  count: 4,
  /** Any other number. */
  float: 5,
  bigint: 6,
  text: 7,
  /** A node of the state graph, by its number. */
  node: 8,
  array: 9,
  bytes: 10,
} as const;

/** Values nested deeper than this are refused. */
const DEPTH_MAX = 16;

/** Writes values. */
export class ValueWriter extends GrowingBytes {
  byte(value: number): this {
    const at = this.grow(1);
    this.buffer[at] = value;
    return this;
  }

  /** An integer from 0 to 2^53 - 1. */
  count(value: number): this {
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) this.byte(128 + (rest % 128));
    return this.byte(rest);
  }

  /** Bytes after their number. */
  bytes(bytes: Uint8Array): this {
    return this.count(bytes.length).raw(bytes);
  }

  text(text: string): this {
    return isAscii(text) ? this.count(text.length).ascii(text) : this.bytes(new TextEncoder().encode(text));
  }

  /** A value after its tag. */
  value(value: Packed | null): this {
    switch (typeof value) {
      case 'undefined':
        return this.byte(TAG.undefined);
      case 'boolean':
        return this.byte(value ? TAG.true : TAG.false);
      case 'number':
        if (Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0))
          return this.byte(TAG.count).count(value);
        return this.byte(TAG.float).float(value);
      case 'bigint':
        return this.byte(TAG.bigint).text(value.toString());
      case 'string':
        return this.byte(TAG.text).text(value);
      default:
        if (value === null) return this.byte(TAG.null);
        if (value instanceof Uint8Array) return this.byte(TAG.bytes).bytes(value);
        this.byte(TAG.array).count(value.length);
        for (const item of value) this.value(item);
        return this;
    }
  }
}

/** Reads what a ValueWriter wrote. All methods throw SavedSnapshotError for bytes that it never writes. */
export class ValueReader {
  private at = 0;

  constructor(private readonly source: Uint8Array) {}

  get isAtEnd(): boolean {
    return this.at === this.source.length;
  }

  /** Where the next byte is. */
  get offset(): number {
    return this.at;
  }

  byte(): number {
    return this.source[this.take(1)]!;
  }

  count(): number {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 49; scale *= 128) {
      const byte = this.byte();
      value += (byte & 127) * scale;
      if (byte < 128) return this.require(Number.isSafeInteger(value), value);
    }
    throw this.malformed();
  }

  /** The number of items that follow, each of which takes `itemBytes` bytes or more. */
  countOfItems(itemBytes = 1): number {
    const count = this.count();
    return this.require(count * itemBytes <= this.source.length - this.at, count);
  }

  /** So many bytes, which stay the reader's. */
  raw(length: number): Uint8Array {
    const at = this.take(length);
    return this.source.subarray(at, at + length);
  }

  bytes(): Uint8Array {
    return this.raw(this.count());
  }

  text(): string {
    return new TextDecoder().decode(this.bytes());
  }

  /** A value; a node of the graph is returned by `node`. */
  value<Node = never>(node?: (number: number) => Node, depth = 0): Packed | null | Node {
    const tag = this.byte();
    switch (tag) {
      case TAG.undefined:
        return undefined;
      case TAG.null:
        return null;
      case TAG.false:
        return false;
      case TAG.true:
        return true;
      case TAG.count:
        return this.count();
      case TAG.float: {
        const bytes = this.raw(8);
        return new DataView(bytes.buffer, bytes.byteOffset).getFloat64(0, true);
      }
      case TAG.text:
        return this.text();
      case TAG.bigint:
        return this.bigint();
      case TAG.bytes:
        return this.bytes().slice();
      case TAG.node:
        if (node) return node(this.count());
        throw this.malformed();
      case TAG.array:
        if (depth === DEPTH_MAX) throw this.malformed();
        return Array.from({ length: this.countOfItems() }, () => this.value(undefined, depth + 1) as Packed);
      default:
        throw this.malformed();
    }
  }

  malformed(): SavedSnapshotError {
    return new SavedSnapshotError(`the saved snapshot is damaged: byte ${this.at} of its state cannot be read`);
  }

  private bigint(): bigint {
    const digits = this.text();
    if (!/^-?\d{1,80}$/.test(digits)) throw this.malformed();
    return BigInt(digits);
  }

  private require(condition: boolean, value: number): number {
    if (!condition) throw this.malformed();
    return value;
  }

  private take(lengthBytes: number): number {
    const { at } = this;
    if (lengthBytes > this.source.length - at) throw this.malformed();
    this.at += lengthBytes;
    return at;
  }
}
