/** How text on a screen is marked. */
export type Style = 'plain' | 'title' | 'current' | 'changed' | 'faint' | 'error';

/** Text of one style; it is shown on one line. */
export interface Span {
  readonly text: string;
  readonly style: Style;
}

/** A line of a screen. */
export type StyledLine = readonly Span[];

const TAB_COLUMNS = 8;
/** Characters that take one column of a terminal: Latin, Greek, Cyrillic, punctuation, arrows, boxes, shapes. */
const NARROW =
  /^[\u0020-\u007e\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0482\u048a-\u052f\u2010-\u2027\u2190-\u21ff\u2500-\u25cf]$/u;

export function plain(text: string): StyledLine {
  return [{ text, style: 'plain' }];
}

export function styled(text: string, style: Style): StyledLine {
  return [{ text, style }];
}

/** Text in which every character takes one column: tabs are blanks, and all that a terminal may show otherwise is `?`. */
export function columnText(text: string): string {
  let shown = '';
  for (const character of text) {
    if (character === '\t') shown += ' '.repeat(TAB_COLUMNS - (shown.length % TAB_COLUMNS));
    else shown += NARROW.test(character) ? character : '?';
  }
  return shown;
}

/** A line cut or filled up to a number of columns; a cut one ends with `…`. */
export function fitted(line: StyledLine, columns: number): StyledLine {
  const spans: Span[] = [];
  let left = columns;
  for (const { text, style } of line) {
    const shown = columnText(text);
    const isCut = shown.length > left;
    const kept = isCut ? shown.slice(0, Math.max(0, left - 1)) + (left > 0 ? '…' : '') : shown;
    if (kept !== '') spans.push({ text: kept, style });
    left -= kept.length;
    if (isCut) break;
  }
  if (left > 0) spans.push({ text: ' '.repeat(left), style: line.at(-1)?.style === 'title' ? 'title' : 'plain' });
  return spans;
}
