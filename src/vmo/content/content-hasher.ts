import { PAGE_SIZE, bytesToHex } from '../../bits.js';
import { CanonicalHasher, heightOf, type HashFunction, MAX_LENGTH } from './canonical-form.js';
import { VmoHandleError, VmoRangeError } from '../errors.js';

const EMPTY_PAGE = new Uint8Array(PAGE_SIZE);

/**
 * Computes the identity that a VMO of the appended bytes would have, without keeping them: it holds one page, and one
 * hash for each level of the tree. Zeros cost a comparison and no hash.
 */
export class ContentHasher {
  private readonly hasher: CanonicalHasher;
  private readonly page = new Uint8Array(PAGE_SIZE);
  private readonly words = new Int32Array(this.page.buffer);
  /** By level: the hash of a subtree whose right sibling is not complete yet. */
  private readonly waiting: (Uint8Array | undefined)[] = [];
  private lengthBytes = 0;
  private isOver = false;

  /** `hash` is SHA-256. */
  constructor(hash: HashFunction) {
    this.hasher = new CanonicalHasher(hash);
  }

  /** Bytes appended so far. */
  get length(): number {
    return this.lengthBytes;
  }

  /** Appends `bytes`. Throws VmoRangeError if the total exceeds 2^48 bytes. */
  append(bytes: Uint8Array): this {
    this.requireOpen();
    if (bytes.length > MAX_LENGTH - this.lengthBytes)
      throw new VmoRangeError(`${this.lengthBytes} + ${bytes.length} bytes exceed ${MAX_LENGTH}`);
    for (let from = 0; from < bytes.length;) {
      const filled = this.lengthBytes % PAGE_SIZE;
      const part = bytes.subarray(from, from + PAGE_SIZE - filled);
      this.page.set(part, filled);
      this.lengthBytes += part.length;
      from += part.length;
      if (filled + part.length === PAGE_SIZE) this.enterPage();
    }
    return this;
  }

  /** Returns the identity, 64 hexadecimal digits. The hasher cannot be used afterwards. */
  finish(): string {
    this.requireOpen();
    const filled = this.lengthBytes % PAGE_SIZE;
    if (filled > 0) {
      this.page.set(EMPTY_PAGE.subarray(filled), filled);
      this.enterPage();
    }
    this.isOver = true;
    const height = heightOf(this.lengthBytes);
    let top: Uint8Array | undefined;
    for (let level = 0; level < height; level++) {
      const left = this.waiting[level];
      if (left) top = this.node(level + 1, left, top ?? this.hasher.zero(level));
      else if (top) top = this.node(level + 1, top, this.hasher.zero(level));
    }
    top ??= this.waiting[height] ?? this.hasher.zero(height);
    return bytesToHex(this.hasher.root(this.lengthBytes, top));
  }

  private requireOpen(): void {
    if (this.isOver) throw new VmoHandleError('the hasher is used up');
  }

  private enterPage(): void {
    let hash = isZero(this.words) ? this.hasher.zero(0) : this.hasher.leaf(this.page);
    let level = 0;
    for (let left = this.waiting[0]; left; left = this.waiting[level]) {
      this.waiting[level++] = undefined;
      hash = this.node(level, left, hash);
    }
    this.waiting[level] = hash;
  }

  private node(level: number, left: Uint8Array, right: Uint8Array): Uint8Array {
    const zero = this.hasher.zero(level - 1);
    return left === zero && right === zero ? this.hasher.zero(level) : this.hasher.node(level, left, right);
  }
}

function isZero(words: Int32Array): boolean {
  for (let i = 0; i < words.length; i++) if (words[i] !== 0) return false;
  return true;
}
