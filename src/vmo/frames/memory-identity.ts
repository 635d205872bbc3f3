import { PAGE_SIZE, bytesToHex } from '../../bits.js';
import type { GuestMemory } from '../../memory.js';
import { CanonicalHasher, heightOf, type HashFunction } from '../content/canonical-form.js';

const PAGE_WORDS = PAGE_SIZE / 4;

/**
 * Computes the identity that guest memory would have as a VMO, repeatedly and incrementally: it keeps a copy of the
 * frames as last hashed, compares them (about 0.6 µs per frame), and hashes only those that differ and the nodes above
 * them.
 */
export class MemoryIdentity {
  private readonly hasher: CanonicalHasher;
  private readonly ram: Int32Array;
  /** The frames as last hashed; those beyond its end were zeros, and take no memory. */
  private copy = new Int32Array(0);
  /** The end of the frames that may not be zeros in the copy. */
  private lookedAt = 0;
  /**
   * `levels[k][i]` is the hash of the subtree over the 2^k frames from frame i * 2^k; missing ones are zero subtrees.
   */
  private readonly levels: Uint8Array[][];

  /** `hash` is SHA-256. */
  constructor(
    private readonly memory: GuestMemory,
    hash: HashFunction,
  ) {
    this.hasher = new CanonicalHasher(hash);
    this.ram = new Int32Array(memory.ram.buffer, memory.ram.byteOffset, memory.size / 4);
    this.levels = Array.from({ length: heightOf(memory.size) + 1 }, () => []);
  }

  /** Returns the identity, 64 hexadecimal digits. Frames from `endFrame` on must hold zeros. */
  id(endFrame = this.memory.size / PAGE_SIZE): string {
    let changed = this.takeChanged(endFrame);
    for (const frame of changed)
      this.levels[0]![frame] = this.hasher.leaf(this.memory.ram.subarray(frame * PAGE_SIZE, (frame + 1) * PAGE_SIZE));
    const height = this.levels.length - 1;
    for (let level = 1; level <= height; level++) {
      const below = level - 1;
      changed = new Set([...changed].map((index) => index >>> 1));
      for (const index of changed)
        this.levels[level]![index] = this.hasher.node(
          level,
          this.hashAt(below, 2 * index),
          this.hashAt(below, 2 * index + 1),
        );
    }
    return bytesToHex(this.hasher.root(this.memory.size, this.hashAt(height, 0)));
  }

  private hashAt(level: number, index: number): Uint8Array {
    return this.levels[level]![index] ?? this.hasher.zero(level);
  }

  /** Finds the frames that have changed, and updates the copy. */
  private takeChanged(usedEnd: number): Set<number> {
    // Memory that was restored uses fewer frames than it did.
    const endFrame = Math.max(usedEnd, this.lookedAt);
    this.lookedAt = usedEnd;
    const { ram } = this;
    const changed = new Set<number>();
    for (let frame = 0; frame < endFrame; frame++) {
      const start = frame * PAGE_WORDS;
      const end = start + PAGE_WORDS;
      const { copy } = this;
      let at = start;
      if (end <= copy.length) while (at < end && ram[at] === copy[at]) at++;
      else while (at < end && ram[at] === 0) at++;
      if (at === end) continue;
      if (end > copy.length) this.enlargeCopy(end);
      this.copy.set(ram.subarray(at, end), at);
      changed.add(frame);
    }
    return changed;
  }

  private enlargeCopy(words: number): void {
    const larger = new Int32Array(Math.min(2 * words, this.ram.length));
    larger.set(this.copy);
    this.copy = larger;
  }
}
