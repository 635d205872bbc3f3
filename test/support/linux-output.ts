/** The first line that differs, with the one before it; undefined where none does. */
export function firstDifference(actual: string, expected: string): unknown {
  const [lines, wanted] = [actual.split('\n'), expected.split('\n')];
  const at = wanted.findIndex((line, i) => line !== lines[i]);
  if (at < 0 && lines.length === wanted.length) return undefined;
  return { at, before: wanted[at - 1], actual: lines[at], expected: wanted[at] };
}
