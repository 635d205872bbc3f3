/** Outcomes of a comparison of two numbers, as bits. */
export const OUTCOMES = { less: 1, equal: 2, greater: 4, unordered: 8 } as const;

/**
 * The outcomes for which the predicates 0 to 15 of CMPPS hold; 16 to 31 hold for the same ones, and differ in which NaNs are
 * invalid. The legacy forms have 0 to 7. SDM Vol. 2A table 3-1 "Comparison Predicate for CMPPD and CMPPS Instructions".
 */
export const PREDICATES: readonly number[] = [
  /* EQ LT LE UNORD        */ 2, 1, 3, 8,
  /* NEQ NLT NLE ORD       */ 13, 14, 12, 7,
  /* EQ_UQ NGE NGT FALSE   */ 10, 9, 11, 0,
  /* NEQ_OQ GE GT TRUE     */ 5, 6, 4, 15,
]; // prettier-ignore

/** The outcomes for which a predicate holds. */
export function outcomesOf(predicate: number): number {
  return PREDICATES[predicate & 15]!;
}

/** Whether a predicate takes every NaN for invalid, and not only signaling ones. */
export function isSignaling(predicate: number): boolean {
  const ordering = (predicate & 3) === 1 || (predicate & 3) === 2;
  return ordering !== (predicate & 16) > 0;
}
