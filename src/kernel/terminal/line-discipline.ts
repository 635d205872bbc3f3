import { schema, value } from '../../state/schema.js';

/** Ctrl-C: ends the program in the foreground. */
export const INTERRUPT = 0x03;
/** Ctrl-D: ends the line as it is; on an empty line, ends the input. */
const END = 0x04;
const BACKSPACE = 0x08;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
/** Ctrl-Q and Ctrl-S: resume and suspend output. */
const RESUME = 0x11;
const SUSPEND = 0x13;
/** Ctrl-U and Ctrl-W: erase the line, and its last word. */
const KILL_LINE = 0x15;
const KILL_WORD = 0x17;
const DELETE = 0x7f;

const BELL = Uint8Array.of(7);
const NOTHING = new Uint8Array(0);

/** Most bytes in a line; typing more rings the bell. */
export const LINE_BYTES_MAX = 4095;

/** Characters that take two columns of a terminal, or none: close enough to erase an echo. */
const WIDE =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]/u;
const NARROW = /^[\p{Mn}\p{Me}\u200b-\u200f\ufe00-\ufe0f]/u;

/**
 * Line editing as terminals do it: echoes what is typed, erases characters, words and lines, and delivers each line once it is
 * complete. Depends only on the bytes that were typed, and when they were read.
 */
export class LineDiscipline {
  static readonly state = schema(
    'line discipline',
    LineDiscipline,
    {
      isSuspended: value,
      edited: value,
      lines: value,
    },
    { isPart: true },
  );

  /** True between Ctrl-S and Ctrl-Q: programs that write have to wait. */
  isSuspended = false;
  /** The line that is being typed. */
  private edited: number[] = [];
  /** Complete lines that were not read yet; those that Ctrl-D ended have no newline. */
  private readonly lines: Uint8Array[] = [];

  /** Takes a byte that was typed. Returns its echo. */
  type(byte: number): Uint8Array {
    switch (byte) {
      case INTERRUPT:
        return this.interrupt(byte);
      case END:
        this.endLine();
        return NOTHING;
      case NEWLINE:
      case RETURN:
        this.edited.push(NEWLINE);
        this.endLine();
        return text('\n');
      case SUSPEND:
      case RESUME:
        this.isSuspended = byte === SUSPEND;
        return NOTHING;
      default:
        return this.edit(byte);
    }
  }

  /** A key was typed that sends a signal: forgets what was typed before. Returns its echo. */
  interrupt(key: number): Uint8Array {
    this.forget();
    return text(`${isControl(key) ? `^${String.fromCharCode(key + 64)}` : String.fromCharCode(key)}\n`);
  }

  /** Reads from the first line, at most `max` bytes; undefined if no line is complete. */
  read(max: number): Uint8Array | 'end' | undefined {
    const input = this.peek(max);
    if (input !== undefined) this.take(input === 'end' ? 0 : input.length);
    return input;
  }

  /** As `read`, but the bytes stay until they are taken. */
  peek(max: number): Uint8Array | 'end' | undefined {
    const line = this.lines[0];
    return line?.length === 0 ? 'end' : line?.subarray(0, max);
  }

  /** Removes bytes from the start of the first line, which must exist; the line goes with its last byte. */
  take(length: number): void {
    const line = this.lines[0]!;
    if (line.length > length) this.lines[0] = line.subarray(length);
    else this.lines.shift();
  }

  /** Removes and returns everything that was typed and not read, as it came, without what was erased. */
  takeAll(): Uint8Array {
    const lines = this.lines.splice(0).flatMap((line) => (line.at(-1) === NEWLINE ? [...line] : [...line, END]));
    return Uint8Array.from([...lines, ...this.edited.splice(0)]);
  }

  /** Count of bytes that were typed and not read. */
  get length(): number {
    return this.lines.reduce((total, line) => total + line.length, this.edited.length);
  }

  /** Number of these bytes that, typed now, would complete the line; all of them if they would not. */
  lengthOfLine(bytes: Uint8Array): number {
    const last = bytes.findIndex((byte) => byte === NEWLINE || byte === RETURN || byte === END);
    return last < 0 ? bytes.length : last + 1;
  }

  private forget(): void {
    this.edited = [];
    this.lines.length = 0;
    this.isSuspended = false;
  }

  private endLine(): void {
    this.lines.push(Uint8Array.from(this.edited.splice(0)));
  }

  private edit(byte: number): Uint8Array {
    if (byte === BACKSPACE || byte === DELETE) return this.eraseFrom(this.startOfLastCharacter());
    if (byte === KILL_LINE) return this.eraseFrom(0);
    if (byte === KILL_WORD) return this.eraseFrom(this.startOfLastWord());
    // One byte is kept for the newline.
    if (this.edited.length >= LINE_BYTES_MAX - 1) return BELL;
    this.edited.push(byte);
    return isControl(byte) ? text(`^${String.fromCharCode(byte + 64)}`) : Uint8Array.of(byte);
  }

  /** Erases the line from a byte on. */
  private eraseFrom(start: number): Uint8Array {
    const erased = new TextDecoder().decode(Uint8Array.from(this.edited.splice(start)));
    const columns = [...erased].reduce((total, character) => total + columnsOf(character), 0);
    return text('\b \b'.repeat(columns));
  }

  private startOfLastCharacter(): number {
    const { edited } = this;
    let start = edited.length - 1;
    // A UTF-8 character has at most three bytes after the first.
    while (start > 0 && start > edited.length - 4 && isContinuation(edited[start]!)) start--;
    const follow = edited.length - 1 - start;
    return Math.max(0, follow <= followersOf(edited[start] ?? 0) ? start : edited.length - 1);
  }

  private startOfLastWord(): number {
    let start = this.edited.length;
    while (start > 0 && isBlank(this.edited[start - 1]!)) start--;
    while (start > 0 && !isBlank(this.edited[start - 1]!)) start--;
    return start;
  }
}

function text(characters: string): Uint8Array {
  return new TextEncoder().encode(characters);
}

/** Whether a byte is Ctrl-S or Ctrl-Q. */
export function isFlowControl(byte: number): boolean {
  return byte === SUSPEND || byte === RESUME;
}

function isControl(byte: number): boolean {
  return byte < 0x20;
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** Number of bytes after the first byte of a UTF-8 character. RFC 3629, 3. */
function followersOf(first: number): number {
  if (first >= 0xf0) return 3;
  if (first >= 0xe0) return 2;
  return first >= 0xc0 ? 1 : 0;
}

/** Number of columns that a terminal uses for a character. */
function columnsOf(character: string): number {
  if (character < ' ') return 2;
  if (WIDE.test(character)) return 2;
  return NARROW.test(character) ? 0 : 1;
}
