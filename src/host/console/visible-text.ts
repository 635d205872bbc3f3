/** Text that a terminal can show without obeying it. */

/**
 * Characters that act on a terminal or mislead its reader: C0 and C1 controls, line and paragraph separators, and the marks
 * that change the direction of text (Unicode Standard Annex #9, "Directional Formatting Characters").
 */
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;
const UNSAFE_IN_TEXT = new RegExp(`(?![\\n\\t])${UNSAFE.source}`, 'gu');

/** One line: newlines and tabs are escaped, too. */
export function visibleLine(text: string): string {
  return text.replace(UNSAFE, escaped);
}

/** Text of any number of lines; tabs stay. */
export function visibleText(text: string): string {
  return text.replace(UNSAFE_IN_TEXT, escaped);
}

/**
 * `\x1b` for C0 controls, and `\u009b` for all others, which is what JSON allows in a string: a line of JSON, in which no C0
 * control stands, says the same when it is escaped.
 */
function escaped(character: string): string {
  const code = character.codePointAt(0)!;
  return code < 0x20 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`;
}
