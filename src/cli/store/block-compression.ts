/**
 * The block format of LZ4 for a few kilobytes at a time: worse than deflate by a sixth, and many times faster, since what
 * a page costs there is mostly setting up. A block is a row of sequences:
 *
 *     token:u8              literals << 4 | (match length - 4); 15 says that bytes follow which are added, up to one below 255
 *     literals              as many bytes
 *     distance:u16          little-endian, how far back the match begins, 1 or more; the last sequence ends before it
 */

/** The longest block, in bytes before compression. */
export const BLOCK_BYTES_MAX = 65_535;

const HASH_BITS = 12;
const HASH_FACTOR = 0x9e3779b1;
const LEAST_MATCH = 4;
/** A block ends with so many literals, and its last match begins so many bytes before its end. */
const LITERALS_AT_END = 5;
const MATCH_BEFORE_END = 12;
/** After 2^n bytes without a match, every second one is tried; and so on. */
const PATIENCE_BITS = 5;
const RUN_MAX = 15;

/** Compresses blocks, one after another, in buffers of its own. */
export class BlockCompressor {
  private readonly input = new Uint8Array(BLOCK_BYTES_MAX + 1);
  private readonly view = new DataView(this.input.buffer);
  private readonly output = new Uint8Array(BLOCK_BYTES_MAX + 1);
  /** By hash of four bytes: one more than the last position where they stood. */
  private readonly positions = new Uint16Array(2 ** HASH_BITS);
  /** Where the literals begin that no sequence has yet. */
  private anchor = 0;

  /** `bytes` compressed, valid until the next call; undefined where that takes more than `most` bytes. */
  compress(bytes: Uint8Array, most: number): Uint8Array | undefined {
    this.input.set(bytes);
    this.positions.fill(0);
    const written = this.writeMatches(bytes.length, most);
    const literals = bytes.length - this.anchor;
    if (written < 0 || written + sequenceBytes(literals, 0) > most) return undefined;
    return this.output.subarray(0, this.writeSequence(written, this.anchor, literals, 0, LEAST_MATCH));
  }

  /** Writes all sequences that have a match. Answers the bytes written; -1 for too many. */
  private writeMatches(length: number, most: number): number {
    const { input, view, output, positions } = this;
    const lastStart = length - MATCH_BEFORE_END;
    const matchLimit = length - LITERALS_AT_END;
    let out = 0;
    let anchor = 0;
    for (let at = 0; at <= lastStart;) {
      const word = view.getInt32(at, true);
      const slot = Math.imul(word, HASH_FACTOR) >>> (32 - HASH_BITS);
      const from = positions[slot]! - 1;
      positions[slot] = at + 1;
      if (from < 0 || view.getInt32(from, true) !== word) {
        at += 1 + ((at - anchor) >>> PATIENCE_BITS);
        continue;
      }
      const distance = at - from;
      let end = at + LEAST_MATCH;
      while (end < matchLimit && input[end] === input[end - distance]) end++;
      const literals = at - anchor;
      const more = end - at - LEAST_MATCH;
      if (out + sequenceBytes(literals, more) > most) return -1;
      if (literals < RUN_MAX && more < RUN_MAX) {
        output[out++] = (literals << 4) | more;
        while (anchor < at) output[out++] = input[anchor++]!;
        output[out++] = distance;
        output[out++] = distance >>> 8;
      } else out = this.writeSequence(out, anchor, literals, distance, end - at);
      anchor = at = end;
    }
    this.anchor = anchor;
    return out;
  }

  /** Literals from `start`, then a match, or none where `distance` is 0, at `at` of the output. Answers where it ends. */
  private writeSequence(at: number, start: number, literals: number, distance: number, matched: number): number {
    const { input, output } = this;
    const more = matched - LEAST_MATCH;
    output[at] = (Math.min(literals, RUN_MAX) << 4) | Math.min(more, RUN_MAX);
    let out = writeRun(output, at + 1, literals);
    output.set(input.subarray(start, start + literals), out);
    out += literals;
    if (distance === 0) return out;
    output[out++] = distance;
    output[out++] = distance >>> 8;
    return writeRun(output, out, more);
  }
}

/** The most that a sequence takes. */
function sequenceBytes(literals: number, matched: number): number {
  return 5 + literals + ((literals / 255) | 0) + ((matched / 255) | 0);
}

/** What of a length does not fit the token. */
function writeRun(output: Uint8Array, at: number, length: number): number {
  if (length < RUN_MAX) return at;
  let rest = length - RUN_MAX;
  let out = at;
  for (; rest >= 255; rest -= 255) output[out++] = 255;
  output[out++] = rest;
  return out;
}

/** The `length` bytes of a block; undefined unless it is one of exactly so many. */
export function decompressBlock(block: Uint8Array, length: number): Uint8Array | undefined {
  const output = new Uint8Array(length);
  let at = 0;
  let out = 0;
  const run = (first: number): number => {
    let total = first;
    if (first === RUN_MAX)
      for (let byte = 255; byte === 255; total += byte) {
        if (at >= block.length) return Infinity;
        byte = block[at++]!;
      }
    return total;
  };
  while (at < block.length) {
    const token = block[at++]!;
    const literals = run(token >>> 4);
    if (literals > block.length - at || literals > length - out) return undefined;
    output.set(block.subarray(at, at + literals), out);
    at += literals;
    out += literals;
    if (at === block.length) return out === length ? output : undefined;
    if (at + 2 > block.length) return undefined;
    const distance = block[at]! | (block[at + 1]! << 8);
    at += 2;
    const matched = run(token & RUN_MAX) + LEAST_MATCH;
    if (distance === 0 || distance > out || matched > length - out) return undefined;
    for (const end = out + matched; out < end; out++) output[out] = output[out - distance]!;
  }
  return undefined;
}
