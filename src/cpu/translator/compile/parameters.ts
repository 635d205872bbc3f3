/** Parameters of a region's function: the number of the entry, ticks left, the region's base, and its place in the table. */
export const ENTRY = 0;
export const BUDGET = 1;
export const BASE = 2;
export const SELF = 3;
