/** Parameters of the hash FNV-1a with 32 bits, and another start value for a second one. RFC 9923, 5. */
const PRIME = 0x0100_0193;
const OFFSET_BASIS = 0x811c_9dc5;
const SECOND_BASIS = 0x2d35_8dcc;

/** Numbers below it are those of inodes that were made in the machine. */
const FIRST = 2 ** 32;
const HIGH_BITS = 20;

/** The number of the inode at a path of the root: the same in every run. */
export function numberOfPath(path: string): number {
  let low = OFFSET_BASIS;
  let high = SECOND_BASIS;
  for (let at = 0; at < path.length; at++) {
    const byte = path.charCodeAt(at);
    low = Math.imul(low ^ byte, PRIME);
    high = Math.imul(high ^ byte, PRIME) ^ (high >>> 15);
  }
  return FIRST + (high >>> (32 - HIGH_BITS)) * 2 ** 32 + (low >>> 0);
}
