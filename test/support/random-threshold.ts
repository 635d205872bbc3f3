/** Thresholds of translation that differ from block to block. */

/** For `mostInLocals`: of small random programs, some regions have more instructions and some have not. */
export const SOME_IN_LOCALS = 12;

const THRESHOLDS = [0, 0, 0, 1, 2, 5, 20, Infinity];

/**
 * For each address one of a few thresholds, drawn from a seed, never included: some blocks are translated at once, some when
 * they have run, and some are only ever reached from others that are.
 */
export function randomThreshold(seed: number): (rip: bigint) => number {
  return (rip) => {
    // MurmurHash3's finaliser, over the low half of the address.
    let h = Number(BigInt.asIntN(32, rip)) ^ Math.imul(seed, 0x9e37_79b1);
    h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
    return THRESHOLDS[(h ^ (h >>> 16)) & 7]!;
  };
}
