/** A table as text: columns as wide as their widest cell; the first to the left, the others to the right. */
export type Table = readonly (readonly string[])[];

/** The first row is the headings. */
export function formatText([headings = [], ...rows]: Table): string {
  const widths = widthsOf([headings, ...rows]);
  const lines = [headings, widths.map((width) => '-'.repeat(width)), ...rows];
  return lines.map((cells) => padded(cells, widths).join('  ').trimEnd()).join('\n');
}

/** As prettier leaves it. */
export function formatMarkdown([headings = [], ...rows]: Table): string {
  const widths = widthsOf([headings, ...rows]).map((width) => Math.max(width, 3));
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [headings, rule, ...rows].map((cells) => `| ${padded(cells, widths).join(' | ')} |`).join('\n');
}

function widthsOf(rows: Table): number[] {
  return rows[0]!.map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
}

function padded(cells: readonly string[], widths: readonly number[]): string[] {
  return widths.map((width, i) => (i === 0 ? (cells[i] ?? '').padEnd(width) : (cells[i] ?? '').padStart(width)));
}
