import { PAGE_SHIFT } from '../../bits.js';

/** The address of the page that contains a linear address. */
export function pageOf(linear: bigint): bigint {
  return linear - BigInt.asUintN(PAGE_SHIFT, linear);
}

/** The offset of a linear address within its page. */
export function offsetOf(linear: bigint): number {
  return Number(BigInt.asUintN(PAGE_SHIFT, linear));
}
