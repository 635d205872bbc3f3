/** Thrown for malformed DWARF data. */
export class DwarfFormatError extends Error {
  override readonly name = 'DwarfFormatError';

  constructor(
    message: string,
    /** Offset of the byte in the section. */
    readonly offset: number,
  ) {
    super(`${message}, at byte ${offset}`);
  }
}

/** Size of a section offset in the two DWARF formats, which also determines how lengths are encoded. DWARF 5, 7.4. */
export type OffsetBytes = 4 | 8;

/** Longer strings are not read, since images are not trusted. */
const MAX_STRING_BYTES = 4096;

/** Compilers pad numbers with a few groups of zeros, for the linker to fill in. */
const MAX_NUMBER_BYTES = 32;

/** Reads the values of a section of DWARF, from front to back; little-endian. */
export class DwarfReader {
  private readonly view: DataView;

  constructor(
    readonly bytes: Uint8Array,
    public position = 0,
    /** Reading stops here. */
    readonly end = bytes.length,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.position >= this.end;
  }

  /** Returns a reader for the next bytes and skips them. */
  part(length: number): DwarfReader {
    const start = this.position;
    this.skip(length);
    return new DwarfReader(this.bytes, start, this.position);
  }

  skip(length: number): void {
    if (length > this.end - this.position) throw new DwarfFormatError(`${length} bytes are not there`, this.position);
    this.position += length;
  }

  u8(): number {
    this.skip(1);
    return this.bytes[this.position - 1]!;
  }

  i8(): number {
    return (this.u8() << 24) >> 24;
  }

  u16(): number {
    this.skip(2);
    return this.view.getUint16(this.position - 2, true);
  }

  u32(): number {
    this.skip(4);
    return this.view.getUint32(this.position - 4, true);
  }

  /**
   * Reads the low 48 bits of a 64-bit address: a canonical address without its sign extension, as in
   * kernel/memory/linear-address.ts.
   */
  address64(): number {
    this.skip(8);
    return Number(BigInt.asUintN(48, this.view.getBigUint64(this.position - 8, true)));
  }

  /** Reads a length or a section offset; values too large for a number are beyond the end of any section. */
  offset(offsetBytes: OffsetBytes): number {
    if (offsetBytes === 4) return this.u32();
    this.skip(8);
    return Number(this.view.getBigUint64(this.position - 8, true));
  }

  /**
   * Reads an initial length and determines which of the two formats follows. DWARF 5, 7.4 "32-Bit and 64-Bit DWARF
   * Formats".
   */
  initialLength(): { length: number; offsetBytes: OffsetBytes } {
    const start = this.position;
    const length = this.u32();
    if (length < 0xffff_fff0) return { length, offsetBytes: 4 };
    if (length < 0xffff_ffff) throw new DwarfFormatError('a reserved length', start);
    return { length: this.offset(8), offsetBytes: 8 };
  }

  /**
   * Reads an unsigned LEB128 number: groups of seven bits, lowest first. Throws for numbers of more than 53 bits or 32
   * groups.
   */
  unsigned(): number {
    const start = this.position;
    let value = 0;
    for (let scale = 1; this.position < start + MAX_NUMBER_BYTES; scale *= 0x80) {
      const group = this.u8();
      value += (group & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER) throw new DwarfFormatError('a number of more than 53 bits', start);
      if (group < 0x80) return value;
    }
    throw new DwarfFormatError(`a number of more than ${MAX_NUMBER_BYTES} bytes`, start);
  }

  /** Reads a signed LEB128 number, whose sign is bit 6 of the last group. Throws for more than seven groups. */
  signed(): number {
    const start = this.position;
    let value = 0;
    for (let scale = 1; scale < 2 ** 49; scale *= 0x80) {
      const group = this.u8();
      value += (group & 0x7f) * scale;
      if (group < 0x80) return group & 0x40 ? value - 0x80 * scale : value;
    }
    throw new DwarfFormatError('a number of more than 49 bits', start);
  }

  /** Reads a string and skips its terminating zero byte. Throws for strings of more than 4096 bytes. */
  string(): string {
    const start = this.position;
    const length = this.skipString();
    if (length > MAX_STRING_BYTES) throw new DwarfFormatError(`a string of ${length} bytes`, start);
    return new TextDecoder().decode(this.bytes.subarray(start, start + length));
  }

  /** Skips a string with the zero byte that ends it. Returns its length in bytes, without that byte. */
  skipString(): number {
    const start = this.position;
    // After `end` there may be gigabytes without a zero.
    const length = this.bytes.subarray(start, this.end).indexOf(0);
    if (length < 0) throw new DwarfFormatError('a string without an end', start);
    this.position += length + 1;
    return length;
  }
}
