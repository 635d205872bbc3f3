/**
 * What the FMA instructions compute of x, y and z: the product is negated with `n`, the addend is added, subtracted, or subtracted
 * in the even or in the odd numbers of a vector only. SDM Vol. 1 14.5.
 */
export type FusedOperation = 'madd' | 'msub' | 'nmadd' | 'nmsub' | 'maddsub' | 'msubadd';

/** Bits of the option of the compiled functions: what is negated. */
export const NEGATES = { product: 1, even: 2, odd: 4 } as const;
const { product, even, odd } = NEGATES;

/** What an operation negates: a sum of bits of NEGATES. A scalar is even. */
export const NEGATED: Readonly<Record<FusedOperation, number>> = {
  madd: 0,
  msub: even | odd,
  nmadd: product,
  nmsub: product | even | odd,
  maddsub: even,
  msubadd: odd,
};
