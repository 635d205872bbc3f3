/**
 * The text of a console: lines, of which the last ones are kept, and a cursor in the last line. It understands what BD0's kernel
 * and terminal write: BEL, BS, TAB, LF, CR, and of the control sequences of ECMA-48 those that move in a line (CUF, CUB, CHA) or
 * erase (EL, ED). Other control sequences have no effect.
 */

const LINES_MAX = 1000;
/** A longer line is broken, so that output without line ends cannot grow for ever. */
const COLUMNS_MAX = 4096;
const TAB_COLUMNS = 8;

/** Characters that take two columns, and characters that take none. */
const WIDE =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]/u;
const COMBINING = /[\p{Mn}\p{Me}\u200b-\u200f\ufe00-\ufe0f]/u;

/** A control sequence; anything else after ESC is taken to be one character long. */
const SEQUENCE = /^\x1b(?:\[([0-?]*)[ -/]*([@-~])|[^[])/;
const UNFINISHED_SEQUENCE = /^\x1b(?:\[[0-?]*[ -/]*)?$/;

export class Screen {
  /** Finished lines. @type {string[]} */
  #lines = [];
  /** The last line, a cell for each column; the second cell of a wide character is empty. @type {string[]} */
  #cells = [];
  #column = 0;
  #pending = '';
  #decoder = new TextDecoder();

  /** Lines before the last. */
  get lines() {
    return this.#lines;
  }

  /** The last line, in three parts: before the cursor, under it (a blank at the end of the line), and after it. */
  get lastLine() {
    const at = this.#column;
    return [this.#cells.slice(0, at).join(''), this.#cells[at] || ' ', this.#cells.slice(at + 1).join('')];
  }

  get text() {
    return [...this.#lines, this.#cells.join('')].join('\n');
  }

  /** @param {Uint8Array} bytes UTF-8, in which a character or a control sequence may continue in the next call */
  write(bytes) {
    const text = this.#pending + this.#decoder.decode(bytes, { stream: true });
    this.#pending = '';
    for (let at = 0; at < text.length;) {
      if (text[at] !== '\x1b') {
        const character = String.fromCodePoint(/** @type {number} */ (text.codePointAt(at)));
        this.#put(character);
        at += character.length;
        continue;
      }
      // A sequence is short: looking at a few characters keeps this linear.
      const rest = text.slice(at, at + 64);
      const sequence = SEQUENCE.exec(rest);
      if (!sequence && at + rest.length === text.length && UNFINISHED_SEQUENCE.test(rest)) {
        this.#pending = rest;
        return;
      }
      if (sequence?.[2]) this.#obey(sequence[1] ?? '', sequence[2]);
      at += sequence?.[0].length ?? 1;
    }
  }

  /** @param {string} character */
  #put(character) {
    if (character === '\n') this.#endLine();
    else if (character === '\r') this.#column = 0;
    else if (character === '\b') this.#column = Math.max(0, this.#column - 1);
    else if (character === '\t') this.#moveTo(this.#column + TAB_COLUMNS - (this.#column % TAB_COLUMNS));
    else if (character >= ' ' && !(character >= '\x7f' && character < '\xa0')) this.#print(character);
  }

  /** @param {string} character */
  #print(character) {
    if (character > '\xff' && COMBINING.test(character)) {
      if (this.#column > 0) this.#cells[this.#column - 1] += character;
      return;
    }
    const width = character > '\xff' && WIDE.test(character) ? 2 : 1;
    if (this.#column + width > COLUMNS_MAX) this.#endLine();
    this.#moveTo(this.#column);
    this.#cells[this.#column++] = character;
    if (width === 2) this.#cells[this.#column++] = '';
  }

  #endLine() {
    this.#lines.push(this.#cells.join(''));
    // Half of them at once: removing each by itself would move all the others.
    if (this.#lines.length >= 2 * LINES_MAX) this.#lines.splice(0, this.#lines.length - LINES_MAX);
    this.#cells = [];
    this.#column = 0;
  }

  /** @param {number} column */
  #moveTo(column) {
    this.#column = Math.min(Math.max(0, column), COLUMNS_MAX);
    while (this.#cells.length < this.#column) this.#cells.push(' ');
  }

  /**
   * Obeys a control sequence.
   * @param {string} parameters
   * @param {string} final
   */
  #obey(parameters, final) {
    const count = Number.parseInt(parameters, 10);
    if (final === 'C') this.#moveTo(this.#column + (count || 1));
    else if (final === 'D') this.#moveTo(this.#column - (count || 1));
    else if (final === 'G') this.#moveTo((count || 1) - 1);
    else if (final === 'K') this.#erase(count || 0);
    else if (final === 'J' && count >= 2) {
      this.#lines = [];
      this.#cells = [];
      this.#column = 0;
    }
  }

  /** Erases from the cursor to the end of the line (0), from its start to the cursor (1), or all of it (2). */
  #erase(/** @type {number} */ part) {
    if (part >= 1) this.#cells.fill(' ', 0, part === 1 ? this.#column + 1 : undefined);
    if (part === 0) this.#cells.length = Math.min(this.#cells.length, this.#column);
  }
}
