import { schema, value } from '../../../state/schema.js';
import * as termios from './termios.js';
import type { Termios } from './termios.js';

const BACKSPACE = 0x08;
const TAB = 0x09;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;

/** The processing of a terminal's output, and the column that it has come to: drivers/tty/n_tty.c "do_output_char". */
export class OutputColumns {
  /** @internal */
  static readonly state = schema('output columns', OutputColumns, { column: value, lineColumn: value });

  column = 0;
  /** The column in which the line began that is being typed. */
  lineColumn = 0;

  /** What a byte that is written becomes. */
  processed(settings: Termios, byte: number): number[] {
    if (!settings.has(termios.OPOST)) return [byte];
    if (byte === NEWLINE) {
      if (settings.has(termios.ONLRET) || settings.has(termios.ONLCR)) this.column = 0;
      this.lineColumn = this.column;
      return settings.has(termios.ONLCR) ? [RETURN, NEWLINE] : [NEWLINE];
    }
    if (byte === RETURN) {
      if (settings.has(termios.ONOCR) && this.column === 0) return [];
      if (settings.has(termios.OCRNL)) {
        if (settings.has(termios.ONLRET)) this.column = this.lineColumn = 0;
        return [NEWLINE];
      }
      this.column = this.lineColumn = 0;
      return [RETURN];
    }
    if (byte === TAB && settings.has(termios.XTABS)) {
      const spaces = 8 - (this.column & 7);
      this.column += spaces;
      return Array<number>(spaces).fill(SPACE);
    }
    const isContinuation = settings.has(termios.IUTF8) && (byte & 0xc0) === 0x80;
    if (!isContinuation) this.put(byte);
    return [byte];
  }

  /** A byte was shown as it is. */
  put(byte: number): void {
    if (byte === TAB) this.column += 8 - (this.column & 7);
    else if (byte === BACKSPACE) this.column = Math.max(0, this.column - 1);
    else if (byte >= SPACE && byte !== 0x7f) this.column++;
  }
}
