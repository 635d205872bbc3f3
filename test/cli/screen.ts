const CARRIAGE_RETURN = '\r';
const SEQUENCE = /^\x1b\[(\d*)([A-Za-z])/;

/** A terminal without an end at the bottom: what was shown, as a person sees it. */
export class Screen {
  /** Characters by line and column; a wide one has an empty one behind it. */
  private lines: string[][] = [[]];
  private column = 0;
  private unread = '';
  private readonly decoder = new TextDecoder();

  constructor(private readonly columns = 80) {}

  /** How often the bell rang. */
  bells = 0;
  /** The line of the cursor. */
  row = 0;

  show(bytes: Uint8Array): void {
    this.unread += this.decoder.decode(bytes, { stream: true });
    while (this.unread !== '' && this.showFirst()) continue;
  }

  /** What shows up to the cursor, lines without the blanks at their ends; the line of the cursor with all before that. */
  get text(): string {
    const before = this.lines.slice(0, this.row).map((line) => line.join('').trimEnd());
    return [...before, this.lines[this.row]!.slice(0, this.column).join('')].join('\n');
  }

  /** All that shows, with ▏ where the cursor is in its line, if anything stands behind it. */
  get whole(): string {
    const line = this.lines[this.row]!;
    const behind = line.slice(this.column).join('').trimEnd();
    return behind === '' ? this.text : `${this.text}▏${behind}`;
  }

  /** Answers false where more has to come first. */
  private showFirst(): boolean {
    if (this.unread[0] === '\x1b') {
      const sequence = SEQUENCE.exec(this.unread);
      if (!sequence) return false;
      this.unread = this.unread.slice(sequence[0].length);
      this.obey(sequence[2]!, Number(sequence[1] === '' ? 1 : sequence[1]), sequence[1]!);
      return true;
    }
    const character = String.fromCodePoint(this.unread.codePointAt(0)!);
    this.unread = this.unread.slice(character.length);
    this.put(character);
    return true;
  }

  private obey(command: string, count: number, parameter: string): void {
    if (command === 'D') this.column = Math.max(0, this.column - count);
    else if (command === 'K') this.lines[this.row]!.length = Math.min(this.lines[this.row]!.length, this.column);
    else if (command === 'H') [this.row, this.column] = [0, 0];
    else if (command === 'J' && parameter === '2') this.lines = Array.from(this.lines, () => []);
    else throw new Error(`a terminal is not asked for ESC [ ${parameter}${command}`);
  }

  private put(character: string): void {
    if (character === '\n') this.row++;
    else if (character === CARRIAGE_RETURN) this.column = 0;
    else if (character === '\b') this.column = Math.max(0, this.column - 1);
    else if (character === '\x07') this.bells++;
    else this.write(character);
    while (this.lines.length <= this.row) this.lines.push([]);
  }

  private write(character: string): void {
    if (this.column === this.columns) {
      this.row++;
      this.column = 0;
      while (this.lines.length <= this.row) this.lines.push([]);
    }
    const line = this.lines[this.row]!;
    while (line.length < this.column) line.push(' ');
    const isWide = /[\p{Script=Han}\p{Emoji_Presentation}]/u.test(character);
    line[this.column++] = character;
    if (isWide) line[this.column++] = '';
  }
}
