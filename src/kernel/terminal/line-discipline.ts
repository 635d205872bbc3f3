import type { StateWriter } from '../../state/state-writer.js';

/** Ctrl-C: the terminal asks for the end of the program that it has to do with. */
export const INTERRUPT = 0x03;
/** Ctrl-D: the end of the line as it is; of the input where nothing stands in it. */
const END = 0x04;
const BACKSPACE = 0x08;
const NEWLINE = 0x0a;
const RETURN = 0x0d;
/** Ctrl-Q and Ctrl-S: output goes on, and is held up. */
const RESUME = 0x11;
const SUSPEND = 0x13;
/** Ctrl-U and Ctrl-W: take back the line, and its last word. */
const KILL_LINE = 0x15;
const KILL_WORD = 0x17;
const DELETE = 0x7f;

const BELL = Uint8Array.of(7);
const NOTHING = new Uint8Array(0);

/** A line has room for so many bytes; what is typed beyond them rings the bell. */
export const LINE_BYTES_MAX = 4095;

/** What takes two columns of a terminal, and what takes none: near enough to undo an echo. */
const WIDE =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60\uffe0-\uffe6]/u;
const NARROW = /^[\p{Mn}\p{Me}\u200b-\u200f\ufe00-\ufe0f]/u;

/**
 * What a terminal does while a line is typed: shows it, takes back characters, words and lines, and gives it away when it is
 * whole. It is a function of the bytes that were typed and of when they were read.
 */
export class LineDiscipline {
  /** True between Ctrl-S and Ctrl-Q: programs that write are to wait. */
  isSuspended = false;
  /** The line that is being typed. */
  private edited: number[] = [];
  /** What is whole, and not read; those that Ctrl-D has ended have no newline. */
  private readonly lines: Uint8Array[] = [];

  /** Takes a byte that was typed. Answers what the terminal is to show for it. */
  type(byte: number): Uint8Array {
    switch (byte) {
      case INTERRUPT:
        this.forget();
        return text('^C\n');
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

  /** Reads from the first line, at most `max` bytes of it; undefined where no line is whole. */
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

  /** Takes the first bytes of the first line, which there is; the line goes with its last byte. */
  take(length: number): void {
    const line = this.lines[0]!;
    if (line.length > length) this.lines[0] = line.subarray(length);
    else this.lines.shift();
  }

  /** Takes back everything that was typed and not read: the bytes as they came, but for what was taken back. */
  takeAll(): Uint8Array {
    const lines = this.lines.splice(0).flatMap((line) => (line.at(-1) === NEWLINE ? [...line] : [...line, END]));
    return Uint8Array.from([...lines, ...this.edited.splice(0)]);
  }

  /** Bytes that were typed and not read. */
  get length(): number {
    return this.lines.reduce((total, line) => total + line.length, this.edited.length);
  }

  writeState(out: StateWriter): void {
    out.number(this.isSuspended ? 1 : 0).number(this.lines.length);
    for (const line of this.lines) out.bytes(line);
    out.bytes(Uint8Array.from(this.edited));
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

  /** Takes back the line from a byte on. */
  private eraseFrom(start: number): Uint8Array {
    const erased = new TextDecoder().decode(Uint8Array.from(this.edited.splice(start)));
    const columns = [...erased].reduce((total, character) => total + columnsOf(character), 0);
    return text('\b \b'.repeat(columns));
  }

  private startOfLastCharacter(): number {
    const { edited } = this;
    let start = edited.length - 1;
    // A character of UTF-8 has at most three bytes behind the first.
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

function isControl(byte: number): boolean {
  return byte < 0x20;
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09;
}

function isContinuation(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

/** How many bytes follow the first one of a character of UTF-8. RFC 3629, 3. */
function followersOf(first: number): number {
  if (first >= 0xf0) return 3;
  if (first >= 0xe0) return 2;
  return first >= 0xc0 ? 1 : 0;
}

/** The columns that a terminal has shown a character in. */
function columnsOf(character: string): number {
  if (character < ' ') return 2;
  if (WIDE.test(character)) return 2;
  return NARROW.test(character) ? 0 : 1;
}
