import { encode, type Encoded } from './compression.js';
import { encodeAside } from './encoding-workers.js';
import { contentOf, GROUP_BYTES, GROUP_RECORDS_MAX, HASH_BYTES, type Kind } from './pack-format.js';

/** Records of one kind that are to be a group of a pack: first they gather, then they are encoded. */
export class GroupBuilder {
  private bytes: Uint8Array = new Uint8Array(GROUP_BYTES);
  private filled = 0;
  private hashBytes: Uint8Array = new Uint8Array(64 * HASH_BYTES);
  private readonly sizes: number[] = [];
  private content: Uint8Array | undefined;
  private encoded: Encoded | undefined;
  private encoding: Promise<void> | undefined;

  constructor(readonly kind: Kind) {}

  get records(): number {
    return this.sizes.length;
  }

  get isFull(): boolean {
    return this.filled >= GROUP_BYTES || this.records >= GROUP_RECORDS_MAX;
  }

  /** The hashes of its records, 32 bytes each. */
  get hashes(): Uint8Array {
    return this.hashBytes.subarray(0, this.records * HASH_BYTES);
  }

  /** Bytes of the content. Nothing is added any more. */
  get contentBytes(): number {
    return this.closed().length;
  }

  /** Adds the stored form of a record. Returns its number. */
  add(hash: Uint8Array, kept: Uint8Array): number {
    const number = this.records;
    if (this.filled + kept.length > this.bytes.length) this.bytes = grown(this.bytes, this.filled + kept.length);
    const hashEnd = (number + 1) * HASH_BYTES;
    if (hashEnd > this.hashBytes.length) this.hashBytes = grown(this.hashBytes, hashEnd);
    this.bytes.set(kept, this.filled);
    this.hashBytes.set(hash, number * HASH_BYTES);
    this.filled += kept.length;
    this.sizes.push(kept.length);
    return number;
  }

  /** What is kept of a record: a copy. */
  kept(number: number): Uint8Array {
    const from = this.sizes.slice(0, number).reduce((sum, size) => sum + size, 0);
    return (this.content ?? this.bytes).slice(from, from + this.sizes[number]!);
  }

  /** Encodes on another thread, if that was not begun yet. Nothing is added any more. */
  encodeAside(): Promise<void> {
    return (this.encoding ??= encodeAside(this.closed()).then(
      (encoded) => void (this.encoded = encoded),
      () => undefined, // `encode` will say what is wrong.
    ));
  }

  /** What it is encoded as: at once, unless that was done already. Nothing is added any more. */
  encode(): Encoded {
    return (this.encoded ??= encode(this.closed()));
  }

  private closed(): Uint8Array {
    this.content ??= contentOf(this.bytes.subarray(0, this.filled), this.sizes);
    this.bytes = new Uint8Array(0);
    return this.content;
  }
}

function grown(bytes: Uint8Array, least: number): Uint8Array {
  const larger = new Uint8Array(Math.max(2 * bytes.length, least));
  larger.set(bytes);
  return larger;
}
