/** Kinds of content in a saved snapshot, by their first byte. */
export const ITEM = { zero: 0, leaf: 1, node: 2, remote: 3, piece: 4, branch: 5, vmo: 6, builders: 7 } as const;

/** Kinds of records, which are the content of remote subtrees. */
export const RECORD = { leaf: 0, node: 1 } as const;
