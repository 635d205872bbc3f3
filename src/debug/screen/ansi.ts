import type { Span, Style, StyledLine } from './styled-text.js';

/** Select Graphic Rendition, ECMA-48 8.3.117, for the styles. Those of 16 colours work on every terminal. */
const RENDITIONS: Readonly<Record<Style, string>> = {
  plain: '0',
  title: '0;7',
  current: '0;1;36',
  changed: '0;1;33',
  faint: '0;2',
  error: '0;31',
};

/** Takes a terminal over: its other screen, which is cleared. The screen and its scroll-back come back with LEAVE_SCREEN. */
export const ENTER_SCREEN = '\x1b[?1049h\x1b[2J\x1b[H';
export const LEAVE_SCREEN = '\x1b[0m\x1b[?25h\x1b[?1049l';

/** A screen as a terminal shows it. */
export interface ScreenImage {
  readonly lines: readonly StyledLine[];
  readonly cursor: { readonly row: number; readonly column: number };
}

/** What to send to a terminal that shows `before`, undefined for anything else, so that it shows `image`; '' for nothing. */
export function drawing(image: ScreenImage, before: ScreenImage | undefined): string {
  const parts: string[] = [];
  image.lines.forEach((line, row) => {
    const text = lineText(line);
    if (before?.lines[row] && lineText(before.lines[row]) === text) return;
    parts.push(`\x1b[${row + 1};1H${text}`);
  });
  const { row, column } = image.cursor;
  const isSame = before && before.cursor.row === row && before.cursor.column === column;
  if (parts.length === 0 && isSame) return '';
  const cursor = `\x1b[${row + 1};${column + 1}H`;
  return parts.length === 0 ? cursor : `\x1b[?25l${parts.join('')}\x1b[0m${cursor}\x1b[?25h`;
}

function lineText(line: StyledLine): string {
  return line.map(({ text, style }: Span) => `\x1b[${RENDITIONS[style]}m${text}`).join('');
}
