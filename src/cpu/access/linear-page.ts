import { PAGE_SHIFT } from '../../bits.js';

/** The address of the first byte of the page around a linear address. */
export function pageOf(linear: bigint): bigint {
  return linear - BigInt.asUintN(PAGE_SHIFT, linear);
}

/** How far into its page a linear address lies. */
export function offsetOf(linear: bigint): number {
  return Number(BigInt.asUintN(PAGE_SHIFT, linear));
}
