import { ValueType, type ValueTypeName } from '../../cpu/wasm/encoding/code.js';

/** Thrown for bytes that are not a module as bd0 generates it. */
export class WasmFormatError extends Error {
  constructor(
    message: string,
    /** Offset of the byte in the module. */
    readonly offset: number,
  ) {
    super(`${message}, at byte ${offset}`);
    this.name = 'WasmFormatError';
  }
}

const VALUE_TYPES = new Map(Object.entries(ValueType).map(([name, code]) => [code as number, name as ValueTypeName]));

/** Reads the values of the binary format, from front to back. WebAssembly Core Specification 5.2 "Values". */
export class WasmReader {
  constructor(
    readonly bytes: Uint8Array,
    public position = 0,
    /** Reading stops here. */
    readonly end = bytes.length,
  ) {}

  get isAtEnd(): boolean {
    return this.position >= this.end;
  }

  byte(): number {
    if (this.position >= this.end) throw new WasmFormatError('the bytes end early', this.position);
    return this.bytes[this.position++]!;
  }

  take(length: number): Uint8Array {
    if (length > this.end - this.position) throw new WasmFormatError(`${length} bytes are not there`, this.position);
    this.position += length;
    return this.bytes.subarray(this.position - length, this.position);
  }

  /** Returns a reader for the next bytes and skips them. */
  part(length: number): WasmReader {
    const start = this.position;
    this.take(length);
    return new WasmReader(this.bytes, start, this.position);
  }

  /** Reads an unsigned 32-bit LEB128 number. */
  unsigned(): number {
    const start = this.position;
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const group = this.byte();
      value += (group & 0x7f) * 2 ** shift;
      if (group < 0x80 && value < 2 ** 32) return value;
    }
    throw new WasmFormatError('a number of more than 32 bits', start);
  }

  /** Reads a signed LEB128 number: groups of seven bits, lowest first. */
  signed(bits: 32 | 64): bigint {
    const start = this.position;
    let value = 0n;
    for (let shift = 0; shift < bits; shift += 7) {
      const group = this.byte();
      value |= BigInt(group & 0x7f) << BigInt(shift);
      if (group < 0x80) return BigInt.asIntN(Math.min(bits, shift + 7), value);
    }
    throw new WasmFormatError(`a number of more than ${bits} bits`, start);
  }

  name(): string {
    return new TextDecoder().decode(this.take(this.unsigned()));
  }

  valueType(): ValueTypeName {
    const start = this.position;
    const code = this.byte();
    const type = VALUE_TYPES.get(code);
    if (type === undefined) throw new WasmFormatError(`0x${code.toString(16)} is no value type`, start);
    return type;
  }

  /** Reads a length-prefixed list of items. */
  list<T>(read: () => T): T[] {
    return Array.from({ length: this.unsigned() }, read);
  }

  /** Reads a byte and throws unless it has this value. */
  expect(value: number, what: string): void {
    const start = this.position;
    const found = this.byte();
    if (found !== value) throw new WasmFormatError(`${what} is 0x${found.toString(16)}`, start);
  }
}
