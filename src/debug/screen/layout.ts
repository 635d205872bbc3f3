/** The parts of the screen of the debugger. */
export type PaneName = 'source' | 'code' | 'registers' | 'stack' | 'memory' | 'threads' | 'breakpoints' | 'transcript';

/** Where a pane is: its first row is its title. */
export interface PanePlace {
  readonly pane: PaneName;
  readonly row: number;
  readonly column: number;
  readonly rows: number;
  readonly columns: number;
}

/** Panes that take turns in one place of a small screen. */
export const TURNING_PANES = ['stack', 'memory', 'threads', 'breakpoints', 'code'] as const;
export type TurningPane = (typeof TURNING_PANES)[number];

/** The smallest screen that can be used. */
export const LEAST_ROWS = 12;
export const LEAST_COLUMNS = 50;

/** `rax 0000000000000005` and a margin. */
const REGISTER_COLUMNS = 21;
/** The title, 16 general registers, rip and flags. */
const REGISTER_ROWS = 19;
/** From here on there is room for all panes. */
const WIDE_COLUMNS = 130;
const TALL_ROWS = 36;
/** The title, the timeline and the command line. */
const FRAME_ROWS = 3;

/** The panes of a screen, below its title, and above the timeline and the command line. */
export function layoutOf(rows: number, columns: number, turn: TurningPane): readonly PanePlace[] {
  return columns >= WIDE_COLUMNS && rows >= TALL_ROWS ? wide(rows, columns) : compact(rows, columns, turn);
}

/** Registers at the right; at the left source, one of the turning panes, and the transcript. */
function compact(rows: number, columns: number, turn: TurningPane): PanePlace[] {
  const height = rows - FRAME_ROWS;
  const left = columns - REGISTER_COLUMNS - 1;
  const source = Math.ceil(height * 0.4);
  const turning = Math.floor(height * 0.25);
  const second = 1 + source;
  return [
    { pane: 'source', row: 1, column: 0, rows: source, columns: left },
    { pane: turn, row: second, column: 0, rows: turning, columns: left },
    { pane: 'transcript', row: second + turning, column: 0, rows: height - source - turning, columns: left },
    { pane: 'registers', row: 1, column: left + 1, rows: height, columns: REGISTER_COLUMNS },
  ];
}

/** Three columns: source and transcript; code and memory; registers, stack, threads and breakpoints. */
function wide(rows: number, columns: number): PanePlace[] {
  const height = rows - FRAME_ROWS;
  const right = 48;
  const middle = Math.floor((columns - right - 2) * 0.45);
  const left = columns - right - middle - 2;
  const source = Math.floor(height * 0.55);
  const registers = Math.min(REGISTER_ROWS, Math.floor(height / 2));
  const stack = Math.floor((height - registers) * 0.4);
  const threads = Math.floor((height - registers - stack) / 2);
  const at = { middle: left + 1, right: left + middle + 2 };
  return [
    { pane: 'source', row: 1, column: 0, rows: source, columns: left },
    { pane: 'transcript', row: 1 + source, column: 0, rows: height - source, columns: left },
    { pane: 'code', row: 1, column: at.middle, rows: source, columns: middle },
    { pane: 'memory', row: 1 + source, column: at.middle, rows: height - source, columns: middle },
    { pane: 'registers', row: 1, column: at.right, rows: registers, columns: right },
    { pane: 'stack', row: 1 + registers, column: at.right, rows: stack, columns: right },
    { pane: 'threads', row: 1 + registers + stack, column: at.right, rows: threads, columns: right },
    {
      pane: 'breakpoints',
      row: 1 + registers + stack + threads,
      column: at.right,
      rows: height - registers - stack - threads,
      columns: right,
    },
  ];
}
