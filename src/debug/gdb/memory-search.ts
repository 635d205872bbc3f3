import type { MappedRange } from '../target.js';
import type { SessionState } from './session-state.js';

const CHUNK_BYTES = 2 ** 16;

/** The generator of gdb's CRC-32, which takes the highest bit of each byte first. */
const POLYNOMIAL = 0x04c1_1db7;
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte << 24;
  for (let bit = 0; bit < 8; bit++) value = value & 0x8000_0000 ? (value << 1) ^ POLYNOMIAL : value << 1;
  return value;
});

/** Memory as a process sees it. */
type Memory = Pick<SessionState, 'target' | 'pid'>;

/** The sum that gdb's `compare-sections` compares; undefined unless all of the range is mapped. */
export function crc32({ target, pid }: Memory, address: bigint, lengthBytes: number): number | undefined {
  let sum = 0xffff_ffff;
  for (let done = 0; done < lengthBytes; done += CHUNK_BYTES) {
    const wanted = Math.min(CHUNK_BYTES, lengthBytes - done);
    const bytes = target.readMemory(address + BigInt(done), wanted, pid);
    if (bytes.length < wanted) return undefined;
    for (const byte of bytes) sum = (sum << 8) ^ CRC_TABLE[((sum >>> 24) ^ byte) & 0xff]!;
  }
  return sum >>> 0;
}

/** A stretch of mapped memory. */
interface Stretch {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * The first address in [start, end) at which the bytes of a pattern lie, all of them before `end`. What is not mapped is
 * passed over. 'too long' if more than `maxBytes` would have to be searched.
 */
export function findBytes(
  { target, pid }: Memory,
  start: bigint,
  end: bigint,
  pattern: Uint8Array,
  maxBytes: number,
): bigint | undefined | 'too long' {
  let left = maxBytes;
  for (const stretch of mappedStretches(target.memoryMapOf(pid), start, end)) {
    for (let at = stretch.start; at < stretch.end; at += BigInt(CHUNK_BYTES)) {
      if (left <= 0) return 'too long';
      // The next chunk begins with what may be a pattern's first byte: this one reaches as far as its last.
      const rest = stretch.end - at;
      const wanted = CHUNK_BYTES + pattern.length - 1;
      const bytes = target.readMemory(at, rest < BigInt(wanted) ? Number(rest) : wanted, pid);
      const found = indexOf(bytes, pattern);
      if (found >= 0) return at + BigInt(found);
      left -= CHUNK_BYTES;
    }
  }
  return undefined;
}

/** The mapped parts of [start, end); ranges without a gap between them are one. */
function mappedStretches(map: readonly MappedRange[], start: bigint, end: bigint): Stretch[] {
  const stretches: Stretch[] = [];
  for (const range of map) {
    const from = range.start > start ? range.start : start;
    const rangeEnd = range.start + range.lengthBytes;
    const to = rangeEnd < end ? rangeEnd : end;
    if (from >= to) continue;
    const last = stretches.at(-1);
    if (last?.end === from) stretches[stretches.length - 1] = { start: last.start, end: to };
    else stretches.push({ start: from, end: to });
  }
  return stretches;
}

function indexOf(bytes: Uint8Array, pattern: Uint8Array): number {
  const first = pattern[0]!;
  const last = bytes.length - pattern.length;
  for (let at = bytes.indexOf(first); at >= 0 && at <= last; at = bytes.indexOf(first, at + 1))
    if (pattern.every((byte, i) => bytes[at + i] === byte)) return at;
  return -1;
}
