/** Signatures (plan.ts) of the forms whose handlers stand in the main loop, by how often they run in bench/. */
export const HOT_FORMS: readonly string[] = [];

/** Pairs that one handler runs: a comparison and the branch on it. */
export const HOT_PAIRS: readonly (readonly [string, string])[] = [];
