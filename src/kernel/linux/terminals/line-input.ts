import { schema, value } from '../../../state/schema.js';
import { OutputColumns } from './output-columns.js';
import * as termios from './termios.js';
import type { Termios } from './termios.js';

/** Bytes that a terminal keeps of what was typed: N_TTY_BUF_SIZE of drivers/tty/n_tty.c. */
const INPUT_BYTES = 4096;
/** Bits of an entry besides the byte: a line ends behind it; it is no byte, but the end of a line without a newline. */
const LINE_END = 0x100;
const NO_BYTE = 0x200;

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const TAB = 0x09;
const BACKSPACE = 0x08;
const ERASED = [BACKSPACE, 0x20, BACKSPACE];

/** What is shown of typing; what it becomes depends on the column that the output has come to by then. */
export type Echo =
  | { readonly kind: 'byte' | 'control'; readonly byte: number }
  /** The line begins here. */
  | { readonly kind: 'line' }
  /** A tab is erased, before which so many columns are used, from the start of the line or from another tab. */
  | { readonly kind: 'tab'; readonly columns: number; readonly isFromLine: boolean };

/** What the line discipline needs from the terminal: where input is echoed and delivered. */
export interface InputHost {
  readonly settings: Termios;
  /** Shows something once all that was typed at once has been taken in. */
  echo(echo: Echo): void;
  /** Output stops, or goes on. */
  suspend(isSuspended: boolean): void;
  /** A signal has discarded what was typed: what was to be shown is forgotten, too. */
  flushed(): void;
  /** Sends a signal to those in the foreground. */
  raise(signal: number): void;
}

/** The input side of a line discipline: edits and echoes lines, and turns keys into signals. drivers/tty/n_tty.c */
export class LineInput {
  /** @internal */
  static readonly state = schema('line input', LineInput, {
    ...{ entries: value, lineStart: value, takesNext: value, columns: value },
  });

  /** What was typed and not read. */
  private entries: number[] = [];
  /** Where the line begins that is being typed. */
  private lineStart = 0;
  /** The next byte is taken as it is. */
  private takesNext = false;
  readonly columns = new OutputColumns();

  /** How many further bytes can be taken in; in lines, those that have no room are lost. */
  room(settings: Termios): number {
    const left = INPUT_BYTES - 1 - this.entries.length;
    return settings.isLines && this.lineStart === 0 ? Math.max(1, left) : Math.max(0, left);
  }

  /** Bytes that can be read, in one line or several. */
  readable({ isLines }: Termios): number {
    if (!isLines) return this.entries.length;
    return this.entries.slice(0, this.lineStart).filter((entry) => (entry & NO_BYTE) === 0).length;
  }

  /** Whether a line is complete, be it an empty one. */
  get hasLine(): boolean {
    return this.lineStart > 0;
  }

  /** The next bytes to be read; undefined if there are none. They stay until `take`. */
  peek({ isLines }: Termios, length: number): Uint8Array | undefined {
    if (isLines && !this.hasLine) return undefined;
    if (!isLines && this.entries.length === 0) return undefined;
    const count = isLines ? Math.min(length, this.lineLength()) : length;
    return Uint8Array.from(this.entries.slice(0, count), (entry) => entry & 0xff);
  }

  take({ isLines }: Termios, length: number): void {
    let count = length;
    // The end of a line without a newline goes with the byte before it; that of an empty line is read by itself.
    const endsLine = ((this.entries[count - 1] ?? 0) & LINE_END) !== 0;
    if (isLines && !endsLine && (this.entries[count] ?? 0) & NO_BYTE) count++;
    this.entries.splice(0, count);
    this.lineStart = Math.max(0, this.lineStart - count);
  }

  flush(): void {
    this.entries.length = 0;
    this.lineStart = 0;
  }

  /** The settings have changed from lines to bytes, or back. */
  changeMode(isLines: boolean): void {
    const last = this.entries.length - 1;
    this.takesNext = false;
    // A zero byte at the end of a line stands for an end without a newline.
    if (isLines && last >= 0) this.entries[last]! |= this.entries[last] === 0 ? LINE_END | NO_BYTE : LINE_END;
    this.lineStart = isLines ? this.entries.length : 0;
    if (isLines) return;
    this.entries = this.entries.map((entry) => (entry & NO_BYTE ? 0 : entry & 0xff));
  }

  /** Takes a byte that was typed. */
  type(host: InputHost, typed: number): void {
    const { settings } = host;
    let byte = settings.has(termios.ISTRIP) ? typed & 0x7f : typed;
    if (this.takesNext) {
      this.takesNext = false;
      return this.insert(host, byte);
    }
    if (this.obeyControl(host, byte)) return;
    if (byte === RETURN) {
      if (settings.has(termios.IGNCR)) return;
      if (settings.has(termios.ICRNL)) byte = NEWLINE;
    } else if (byte === NEWLINE && settings.has(termios.INLCR)) byte = RETURN;
    if (settings.isLines && this.edit(host, byte)) return;
    this.insert(host, byte, byte === NEWLINE && typed !== NEWLINE);
  }

  /** Keys that act at once: flow control and signals. */
  private obeyControl(host: InputHost, byte: number): boolean {
    const { settings } = host;
    if (settings.has(termios.IXON)) {
      const stops = settings.isKey(termios.VSTOP, byte);
      if (stops || settings.isKey(termios.VSTART, byte)) {
        host.suspend(stops);
        return true;
      }
    }
    const signal = settings.has(termios.ISIG) ? settings.signalOf(byte) : undefined;
    if (signal === undefined) {
      if (settings.has(termios.IXON) && settings.has(termios.IXANY)) host.suspend(false);
      return false;
    }
    if (!settings.has(termios.NOFLSH)) {
      this.flush();
      host.flushed();
    }
    if (settings.has(termios.IXON)) host.suspend(false);
    if (settings.has(termios.ECHO)) this.echo(host, byte);
    host.raise(signal);
    return true;
  }

  /** What bytes mean to the editing of lines. Returns whether the byte was such a one. */
  private edit(host: InputHost, byte: number): boolean {
    const { settings } = host;
    const isExtended = settings.has(termios.IEXTEN);
    const echoes = settings.has(termios.ECHO);
    const is = (place: number): boolean => settings.isKey(place, byte);
    if (is(termios.VERASE) || is(termios.VKILL) || (is(termios.VWERASE) && isExtended)) {
      this.erase(host, byte);
    } else if (is(termios.VLNEXT) && isExtended) {
      this.takesNext = true;
      if (echoes && settings.has(termios.ECHOCTL)) this.showAll(host, [0x5e, 0x08]);
    } else if (is(termios.VREPRINT) && isExtended && echoes) {
      this.echo(host, byte);
      this.showAll(host, [NEWLINE]);
      for (const entry of this.entries.slice(this.lineStart)) this.echo(host, entry & 0xff);
    } else if (byte === NEWLINE) {
      if (echoes || settings.has(termios.ECHONL)) this.showAll(host, [NEWLINE]);
      this.endLine(NEWLINE);
    } else if (is(termios.VEOF)) {
      this.endLine(NO_BYTE);
    } else if (is(termios.VEOL) || (is(termios.VEOL2) && isExtended)) {
      if (echoes) this.echo(host, byte);
      this.endLine(byte);
    } else return false;
    return true;
  }

  private endLine(entry: number): void {
    this.entries.push(entry | LINE_END);
    this.lineStart = this.entries.length;
  }

  private insert(host: InputHost, byte: number, isReturn = false): void {
    // One place is kept for the end of the line.
    if (this.entries.length >= INPUT_BYTES - 1) return;
    if (host.settings.has(termios.ECHO)) {
      if (this.entries.length === this.lineStart) host.echo({ kind: 'line' });
      if (isReturn) this.showAll(host, [NEWLINE]);
      else this.echo(host, byte);
    }
    this.entries.push(byte);
  }

  private erase(host: InputHost, key: number): void {
    const { settings } = host;
    const { entries, lineStart } = this;
    if (entries.length === lineStart) return;
    const isKill = settings.isKey(termios.VKILL, key);
    const isWord = settings.isKey(termios.VWERASE, key) && !isKill;
    const echoes = settings.has(termios.ECHO);
    if (
      isKill &&
      !(echoes && settings.has(termios.ECHOK) && settings.has(termios.ECHOKE) && settings.has(termios.ECHOE))
    ) {
      entries.length = lineStart;
      if (!echoes) return;
      this.echo(host, key);
      if (settings.has(termios.ECHOK)) this.showAll(host, [NEWLINE]);
      return;
    }
    for (let hasWord = false; entries.length > lineStart;) {
      const start = this.startOfLastCharacter(settings.has(termios.IUTF8));
      const first = entries[start]! & 0xff;
      if (settings.has(termios.IUTF8) && isContinuation(first)) return;
      const isOfWord = isAlphanumeric(first);
      if (isWord && !isOfWord && hasWord) return;
      hasWord ||= isOfWord;
      entries.length = start;
      if (echoes) this.eraseEcho(host, first, key);
      if (!isKill && !isWord) return;
    }
  }

  /** In UTF-8, bytes that continue a character go with its first. */
  private startOfLastCharacter(isUtf8: boolean): number {
    let start = this.entries.length - 1;
    while (isUtf8 && start > this.lineStart && isContinuation(this.entries[start]!)) start--;
    return start;
  }

  private eraseEcho(host: InputHost, byte: number, key: number): void {
    const { settings } = host;
    const isErase = settings.isKey(termios.VERASE, key);
    if (isErase && !settings.has(termios.ECHOE)) return this.echo(host, key);
    if (byte === TAB) return this.eraseTab(host);
    const columns = isControl(byte) ? (settings.has(termios.ECHOCTL) ? 2 : 0) : 1;
    for (let i = 0; i < columns; i++) this.showAll(host, ERASED);
  }

  /** A tab took as many columns as were left to the next stop from where the text before it ends. */
  private eraseTab(host: InputHost): void {
    const line = this.entries.slice(this.lineStart);
    const before = line.slice(line.map((entry) => entry & 0xff).lastIndexOf(TAB) + 1);
    const isUtf8 = host.settings.has(termios.IUTF8);
    const columns = before.reduce((total, entry) => {
      const byte = entry & 0xff;
      if (isControl(byte)) return total + (host.settings.has(termios.ECHOCTL) ? 2 : 0);
      return isUtf8 && isContinuation(byte) ? total : total + 1;
    }, 0);
    host.echo({ kind: 'tab', columns, isFromLine: before.length === line.length });
  }

  /** Shows a byte that was typed: ^X for a control character. */
  private echo(host: InputHost, byte: number): void {
    const isShownAsTwo = host.settings.has(termios.ECHOCTL) && isControl(byte) && byte !== TAB;
    if (isShownAsTwo) host.echo({ kind: 'control', byte });
    else this.showAll(host, [byte]);
  }

  private showAll(host: InputHost, bytes: readonly number[]): void {
    for (const byte of bytes) host.echo({ kind: 'byte', byte });
  }

  /** The bytes that show an echo. */
  shown(settings: Termios, echo: Echo): number[] {
    const { columns } = this;
    switch (echo.kind) {
      case 'byte':
        return columns.processed(settings, echo.byte);
      case 'control':
        columns.column += 2;
        return [0x5e, echo.byte ^ 0x40];
      case 'line':
        columns.lineColumn = columns.column;
        return [];
      case 'tab': {
        const back = 8 - ((echo.columns + (echo.isFromLine ? columns.lineColumn : 0)) & 7);
        columns.column = Math.max(0, columns.column - back);
        return Array<number>(back).fill(BACKSPACE);
      }
    }
  }

  /** The bytes of the first line. */
  private lineLength(): number {
    const last = this.entries.findIndex((entry) => entry & LINE_END);
    if (last < 0) return 0;
    return this.entries[last]! & NO_BYTE ? last : last + 1;
  }
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

function isControl(byte: number): boolean {
  return byte < 0x20 || byte === 0x7f;
}

function isAlphanumeric(byte: number): boolean {
  return /[0-9A-Za-z_\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff]/.test(String.fromCharCode(byte));
}
