/**
 * Maximum length of an instruction in bytes; a longer one causes #GP(0). SDM Vol. 2A 2.3.11, Vol. 3A 6.15 "Interrupt
 * 13".
 */
export const LONGEST_INSTRUCTION = 15;

/** The bytes of an instruction, read one after another. */
export class CodeBytes {
  private bytes: Uint8Array = new Uint8Array(0);
  /** Where the next byte is read: beyond `end` once bytes were missing. */
  position = 0;
  private end = 0;

  /** Goes to the instruction at `offset`, of which only bytes below `limit` can be used. */
  begin(bytes: Uint8Array, offset: number, limit: number): void {
    this.bytes = bytes;
    this.position = offset;
    this.end = Math.min(limit, offset + LONGEST_INSTRUCTION);
  }

  /** Whether bytes were read that are not there. */
  get isShort(): boolean {
    return this.position > this.end;
  }

  /** Whether the bytes that can be used end where an instruction at `offset` would have the greatest length. */
  endsAtLongest(offset: number): boolean {
    return this.end === offset + LONGEST_INSTRUCTION;
  }

  /** The next byte, which stays to be read; undefined where there is none. */
  get next(): number | undefined {
    return this.position < this.end ? this.bytes[this.position] : undefined;
  }

  /** Reads the next byte; 0 past the end, which `isShort` detects by the position. */
  byte(): number {
    const at = this.position++;
    return at < this.end ? this.bytes[at]! : 0;
  }

  /** Reads the next byte as a signed number. */
  int8(): number {
    return (this.byte() << 24) >> 24;
  }

  /** Reads the next four bytes as a signed number. */
  int32(): number {
    return this.byte() | (this.byte() << 8) | (this.byte() << 16) | (this.byte() << 24);
  }

  /** Reads a number of 0, 1, 2, 4 or 8 bytes; of 8 bytes it is unsigned. */
  number(bytes: number, signed: boolean): bigint {
    switch (bytes) {
      case 0:
        return 0n;
      case 1:
        return BigInt(signed ? this.int8() : this.byte());
      case 2: {
        const word = this.byte() | (this.byte() << 8);
        return BigInt(signed ? (word << 16) >> 16 : word);
      }
      case 4: {
        const doubleword = this.int32();
        return BigInt(signed ? doubleword : doubleword >>> 0);
      }
      default: {
        const low = BigInt(this.int32() >>> 0);
        return (BigInt(this.int32() >>> 0) << 32n) | low;
      }
    }
  }
}
