/** The words of a line, with spaces between them; those in quotes may have spaces. An open quote ends with the line. */
export function wordsOf(line: string): string[] {
  const parts = line.match(/(?:[^\s"']|"[^"]*(?:"|$)|'[^']*(?:'|$))+/g) ?? [];
  return parts.map((part) =>
    part.replace(/"([^"]*)"?|'([^']*)'?/g, (_, double?: string, single?: string) => double ?? single ?? ''),
  );
}

/** A line of which `wordsOf` makes these words again. Words with both kinds of quotes are joined of parts. */
export function lineOf(words: readonly string[]): string {
  return words
    .map((word) =>
      /^[^\s"']+$/.test(word)
        ? word
        : word === ''
          ? '""'
          : (word.match(/[^"]+|"+/g) ?? []).map((part) => (part.startsWith('"') ? `'${part}'` : `"${part}"`)).join(''),
    )
    .join(' ');
}
