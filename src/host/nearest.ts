/** Suggestions for mistyped words. */

/** A word of so many characters or more is compared with those of one more difference. */
const CHARACTERS_PER_DIFFERENCE = 3;
const DIFFERENCES_MAX = 3;

/**
 * The known word that `word` is probably meant to be: the one with the fewest differences, if these are few for its length.
 * A word that begins a single known one means that one.
 */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const candidates = [...known];
  const begun = word.length > 1 ? candidates.filter((candidate) => candidate.startsWith(word)) : [];
  if (begun.length === 1) return begun[0];
  const allowed = Math.min(DIFFERENCES_MAX, Math.max(1, Math.floor(word.length / CHARACTERS_PER_DIFFERENCE)));
  let best: string | undefined;
  let fewest = allowed + 1;
  for (const candidate of candidates) {
    // Every one differs from a word of a single character by a single difference.
    const distance = word.length < 2 ? Infinity : differences(word.toLowerCase(), candidate.toLowerCase());
    if (distance >= fewest) continue;
    best = candidate;
    fewest = distance;
  }
  return best;
}

/** `: did you mean 'KNOWN'?`, or the text of `otherwise` if no known word is near. */
export function suggestion(word: string, known: Iterable<string>, otherwise: () => string): string {
  const meant = nearest(word, known);
  return meant === undefined ? otherwise() : `: did you mean '${meant}'?`;
}

/**
 * Characters to insert, delete, replace or swap with a neighbour to make one word of another: the restricted edit distance
 * of Damerau. Row i holds the distances of the first i characters of `a` to every beginning of `b`.
 */
function differences(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swapped = isSwapped ? rows[i - 2]![j - 2]! + 1 : Infinity;
      row.push(Math.min(replaced, rows[i - 1]![j]! + 1, row[j - 1]! + 1, swapped));
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
