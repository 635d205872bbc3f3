/** Keeps translations from one run to the next. Its results are checked, and its errors are ignored. */
export interface CodeStore {
  /** The bytes that were put under a key of 32 bytes, if they are still there. */
  get(key: Uint8Array): Uint8Array | undefined;
  put(key: Uint8Array, bytes: Uint8Array): void;
}

/** A translation in its stored form, independent of its address. */
export interface CodeRecord {
  /** SHA-256 of the input of the translation. */
  readonly key: Uint8Array;
  readonly entries: readonly bigint[];
  readonly minimumTicks: number;
  readonly bestEntries: ReadonlyMap<bigint, bigint>;
  /** The Wasm module. */
  readonly bytes: Uint8Array;
}

type Hash = (data: Uint8Array) => Uint8Array;

/** `bd0code` and the version of the format. */
const MAGIC = Uint8Array.from([0x62, 0x64, 0x30, 0x63, 0x6f, 0x64, 0x65, 1]);
const HASH_BYTES = 32;
const WORD_BYTES = 8;
const HEADER_BYTES = MAGIC.length + HASH_BYTES + 16;

/**
 * A record as bytes, little-endian:
 *
 *     +0   8 bytes  magic and version
 *     +8   32 bytes the key
 *     +40  u32      ticks that it must be given at least
 *     +44  u32      n, how many entries it has
 *     +48  u32      m, for how many blocks the best entry is known
 *     +52  u32      w, bytes of the module
 *     +56  n i64    entries; then m pairs of i64, block and best entry; then the module
 *     end  32 bytes SHA-256 of all before
 */
export function encodeRecord({ key, entries, minimumTicks, bestEntries, bytes }: CodeRecord, hash: Hash): Uint8Array {
  const words = [...entries, ...[...bestEntries].flat()];
  const moduleAt = HEADER_BYTES + words.length * WORD_BYTES;
  const out = new Uint8Array(moduleAt + bytes.length + HASH_BYTES);
  const view = new DataView(out.buffer);
  out.set(MAGIC);
  out.set(key, MAGIC.length);
  [minimumTicks, entries.length, bestEntries.size, bytes.length].forEach((value, i) =>
    view.setUint32(MAGIC.length + HASH_BYTES + 4 * i, value, true),
  );
  words.forEach((word, i) => view.setBigInt64(HEADER_BYTES + WORD_BYTES * i, word, true));
  out.set(bytes, moduleAt);
  out.set(hash(out.subarray(0, -HASH_BYTES)), out.length - HASH_BYTES);
  return out;
}

/** The record that bytes are; undefined unless they are one of this version, for this key, and whole. */
export function decodeRecord(encoded: Uint8Array, key: Uint8Array, hash: Hash): CodeRecord | undefined {
  const end = encoded.length - HASH_BYTES;
  if (end < HEADER_BYTES || !isEqual(encoded.subarray(end), hash(encoded.subarray(0, end)))) return undefined;
  if (!isEqual(encoded.subarray(0, MAGIC.length), MAGIC)) return undefined;
  if (!isEqual(encoded.subarray(MAGIC.length, MAGIC.length + HASH_BYTES), key)) return undefined;
  const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.length);
  const count = (i: number): number => view.getUint32(MAGIC.length + HASH_BYTES + 4 * i, true);
  const [minimumTicks, entryCount, bestCount, moduleBytes] = [count(0), count(1), count(2), count(3)];
  const moduleAt = HEADER_BYTES + WORD_BYTES * (entryCount + 2 * bestCount);
  if (minimumTicks === 0 || entryCount === 0 || moduleAt + moduleBytes !== end) return undefined;
  const word = (i: number): bigint => view.getBigInt64(HEADER_BYTES + WORD_BYTES * i, true);
  const pair = (i: number): [bigint, bigint] => [word(entryCount + 2 * i), word(entryCount + 2 * i + 1)];
  return {
    key,
    entries: Array.from({ length: entryCount }, (_, i) => word(i)),
    minimumTicks,
    bestEntries: new Map(Array.from({ length: bestCount }, (_, i) => pair(i))),
    bytes: encoded.slice(moduleAt, end),
  };
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
