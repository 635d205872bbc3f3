import { isCanonical } from '../../bits.js';

/**
 * A canonical linear address without its sign extension: its low 48 bits, as a number. So the upper half of the address
 * space follows the lower one without a gap, and a range is two numbers whatever half it lies in.
 *
 *     bits 63 to 0                                    here
 *     0000_0000_0000_0000 ... 0000_7FFF_FFFF_FFFF     0000_0000_0000 ... 7FFF_FFFF_FFFF
 *     FFFF_8000_0000_0000 ... FFFF_FFFF_FFFF_FFFF     8000_0000_0000 ... FFFF_FFFF_FFFF
 */
export type LinearAddress = number;

/** Where the two halves of the address space meet; 64-bit addresses have the canonical hole there. */
export const UPPER_HALF: LinearAddress = 2 ** 47;
/** One past the last address. */
export const ADDRESS_SPACE_END = 2 ** 48;

/** The address of a canonical 64-bit one; undefined for one that is not canonical. */
export function fromLinear(linear: bigint): LinearAddress | undefined {
  return isCanonical(linear) ? Number(BigInt.asUintN(48, linear)) : undefined;
}

/** All 64 bits of an address. */
export function toLinear(address: LinearAddress): bigint {
  return BigInt.asUintN(64, BigInt.asIntN(48, BigInt(address)));
}

/** Bits 63 to 32 of an address, as the MMU takes them: a signed number of 32 bits. */
export function highHalf(address: LinearAddress): number {
  return (Math.floor(address / 0x1_0000_0000) << 16) >> 16;
}

/** Bits 31 to 0 of an address, as the MMU takes them: a signed number of 32 bits. */
export function lowHalf(address: LinearAddress): number {
  return address | 0;
}
