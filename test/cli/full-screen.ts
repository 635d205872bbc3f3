import { Screen } from './screen.js';

const SEQUENCE = /^\x1b\[([?0-9;]*)([A-Za-z])/;

/** A terminal on which a program draws anywhere: what shows, row by row, with the styles. */
export class FullScreen extends Screen {
  /** Whether the program has switched to the other screen. */
  isOther = false;
  isCursorShown = true;
  cursor = { row: 0, column: 0 };
  /** Characters drawn outside of the screen: until a program has noticed that it became smaller. */
  strays = 0;
  private grid: { character: string; style: string }[][] = [];
  private style = '0';
  private rest = '';
  private readonly bytes = new TextDecoder();

  constructor(
    private rowCount: number,
    private columnCount: number,
  ) {
    super(columnCount);
    this.erase();
  }

  override get text(): string {
    return this.rows.join('\n');
  }

  get rows(): string[] {
    return this.grid.map((row) => row.map(({ character }) => character).join(''));
  }

  /** The text of a style, row by row. */
  styled(style: string): string[] {
    return this.grid
      .map((row) =>
        row
          .map((cell) => (cell.style === style ? cell.character : ' '))
          .join('')
          .trim(),
      )
      .filter((text) => text !== '');
  }

  /** The terminal has another size; what shows is erased. */
  resize(rows: number, columns: number): void {
    [this.rowCount, this.columnCount] = [rows, columns];
    this.erase();
  }

  override show(bytes: Uint8Array): void {
    this.rest += this.bytes.decode(bytes, { stream: true });
    while (this.rest !== '') {
      if (this.rest[0] !== '\x1b') {
        this.draw(this.rest[0]!);
        this.rest = this.rest.slice(1);
        continue;
      }
      const sequence = SEQUENCE.exec(this.rest);
      if (!sequence) return;
      this.rest = this.rest.slice(sequence[0].length);
      this.obeySequence(sequence[1]!, sequence[2]!);
    }
  }

  private obeySequence(parameters: string, command: string): void {
    const [first = 1, second = 1] = parameters.split(';').map((text) => Number(text) || 1);
    if (command === 'm') this.style = parameters;
    else if (command === 'H') this.cursor = { row: first - 1, column: second - 1 };
    else if (command === 'J') this.erase();
    else if (parameters === '?25') this.isCursorShown = command === 'h';
    else if (parameters === '?1049') this.isOther = command === 'h';
    else throw new Error(`unexpected sequence ESC [ ${parameters}${command}`);
  }

  private draw(character: string): void {
    const { row, column } = this.cursor;
    if (!this.isOther) return;
    if (row < this.rowCount && column < this.columnCount) this.grid[row]![column] = { character, style: this.style };
    else this.strays++;
    this.cursor = { row, column: column + 1 };
  }

  private erase(): void {
    this.grid = Array.from({ length: this.rowCount }, () =>
      Array.from({ length: this.columnCount }, () => ({ character: ' ', style: '0' })),
    );
  }
}
