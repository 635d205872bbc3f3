import { completions } from '../commands/command-table.js';
import type { DebugSession } from '../commands/session.js';
import type { RegisterFile } from '../target.js';
import type { ScreenImage } from './ansi.js';
import type { Key } from './keys.js';
import { layoutOf, LEAST_COLUMNS, LEAST_ROWS, TURNING_PANES, type PanePlace, type TurningPane } from './layout.js';
import { LineEditor } from './line-editor.js';
import { paneContent, type PaneContext } from './panes.js';
import { columnText, fitted, plain, styled, type Span, type StyledLine } from './styled-text.js';

const PROMPT = '(bd0) ';
/** Lines of the transcript that are kept. */
const MOST_LINES = 10_000;
const SCROLLED_LINES = 5;
/** Characters of a list of candidates. */
const CANDIDATE_CHARACTERS = 400;

/** Commands by key. Shift goes back in time. */
const KEY_COMMANDS: Readonly<Record<string, string>> = {
  ...{ f5: 'continue', f10: 'next', f11: 'step', f12: 'finish' },
  ...{ 'alt-c': 'continue', 'alt-n': 'next', 'alt-s': 'step', 'alt-f': 'finish', 'alt-i': 'stepi' },
  ...{ 'shift-f5': 'reverse-continue', 'shift-f10': 'reverse-next' },
  ...{ 'shift-f11': 'reverse-step', 'shift-f12': 'reverse-finish' },
  ...{ 'alt-C': 'reverse-continue', 'alt-N': 'reverse-next', 'alt-S': 'reverse-step' },
  ...{ 'alt-F': 'reverse-finish', 'alt-I': 'reverse-stepi' },
};

const KEYS_HELP = [
  'F5 continue, F10 next, F11 step, F12 finish; with Shift: back in time',
  'the same: Alt-c, -n, -s, -f; back: Alt-C, -N, -S, -F; Alt-i, Alt-I: stepi',
  'F6 turns the pane below the source; PageUp and PageDown scroll; F1 this',
  'Enter repeats the last command; Tab completes; Ctrl-C stops; Ctrl-D leaves',
  'help lists the commands',
];

/** The full-screen debugger without its terminal: keys in, an image of the screen out. */
export class DebugScreen {
  /** Whether Ctrl-D was typed. */
  hasLeft = false;
  private readonly editor: LineEditor;
  private readonly transcript: string[] = [];
  private readonly commands: string[] = [];
  private turn: TurningPane = TURNING_PANES[0];
  private scrolled = 0;
  private last = '';
  /** The registers at the last stop and the one before. */
  private now: { readonly tid: number; readonly file: RegisterFile } | undefined;
  private before: RegisterFile | undefined;

  constructor(
    readonly session: DebugSession,
    private readonly name: string,
  ) {
    this.editor = new LineEditor((text) => completions(session, text));
  }

  /** Adds text to the transcript. The last line grows until a newline ends it. */
  write(text: string): void {
    const [first, ...others] = text.replaceAll('\r\n', '\n').split('\n');
    this.transcript.push((this.transcript.pop() ?? '') + first!, ...others);
    this.transcript.splice(0, this.transcript.length - MOST_LINES);
    this.scrolled = 0;
  }

  /** Adds lines, from the start of one on. */
  print(lines: readonly string[]): void {
    if (lines.length === 0) return;
    const isInLine = (this.transcript.at(-1) ?? '') !== '';
    this.write(`${isInLine ? '\n' : ''}${lines.join('\n')}\n`);
  }

  /** The next command that was typed. */
  nextCommand(): string | undefined {
    const command = this.commands.shift();
    if (command !== undefined) this.print([PROMPT + command]);
    return command;
  }

  /** Called when the machine has stopped: registers that have changed since the stop before are marked. */
  noteStop(): void {
    const { target } = this.session;
    const tid = target.threads.length > 0 ? this.session.thread.tid : undefined;
    const { now } = this;
    this.before = now && now.tid === tid ? now.file : undefined;
    this.now = tid === undefined ? undefined : { tid, file: target.readRegisters(tid) };
  }

  /** Handles a key. */
  take(key: Key): void {
    const command = KEY_COMMANDS[key.name];
    if (command !== undefined) this.enter(command);
    else if (key.name === 'ctrl-c') this.interrupt();
    else if (key.name === 'ctrl-d') this.hasLeft = this.editor.text === '';
    else if (key.name === 'f1') this.print(KEYS_HELP);
    else if (key.name === 'f6')
      this.turn = TURNING_PANES[(TURNING_PANES.indexOf(this.turn) + 1) % TURNING_PANES.length]!;
    else if (key.name === 'page-up') this.scroll(SCROLLED_LINES);
    else if (key.name === 'page-down') this.scroll(-SCROLLED_LINES);
    else {
      const outcome = this.editor.take(key);
      if (outcome && 'line' in outcome) this.enter(outcome.line);
      else if (outcome) this.print([outcome.candidates.join('  ').slice(0, CANDIDATE_CHARACTERS)]);
    }
  }

  /** The screen, of exactly so many lines and columns. */
  image(rows: number, columns: number): ScreenImage {
    if (rows < LEAST_ROWS || columns < LEAST_COLUMNS) return tooSmall(rows, columns);
    const places = layoutOf(rows, columns, this.turn);
    const context: PaneContext = { ...this, transcript: this.shownTranscript(), before: this.before };
    const panes = places.map((place) => ({ place, lines: paneLines(place, context) }));
    const lines: StyledLine[] = [fitted(styled(this.title(), 'title'), columns)];
    for (let row = 1; row < rows - 2; row++) lines.push(composed(panes, row, columns));
    lines.push(fitted(styled(this.timeline(columns), 'faint'), columns));
    return this.commandLine(lines, rows, columns);
  }

  private commandLine(lines: StyledLine[], rows: number, columns: number): ScreenImage {
    const { text, cursor } = this.editor;
    const room = columns - PROMPT.length - 1;
    const start = Math.max(0, cursor - room);
    lines.push(fitted(plain(PROMPT + columnText(text.slice(start, start + room))), columns));
    return { lines, cursor: { row: rows - 1, column: PROMPT.length + cursor - start } };
  }

  private title(): string {
    const { session, name } = this;
    const state = session.isRunning ? 'running' : session.exitCode === undefined ? 'stopped' : 'ended';
    return ` bd0 debug ${name}   ${state}   F5 continue  F10 next  F11 step  F12 finish  F1 keys`;
  }

  /** Where now is in the history: ` tick 812  0 ├───●──────┤ 5121`. */
  private timeline(columns: number): string {
    const { ticks, timeline } = this.session.target;
    const now = ` tick ${ticks} `;
    if (!timeline) return now.padEnd(columns);
    const { begin, end } = timeline;
    const [before, after] = [`${now} ${begin} ├`, `┤ ${end} `];
    const room = columns - before.length - after.length;
    if (room < 2) return now.padEnd(columns);
    const place = end > begin ? Math.round(((ticks - begin) / (end - begin)) * (room - 1)) : room - 1;
    return `${before}${'─'.repeat(place)}●${'─'.repeat(room - 1 - place)}${after}`;
  }

  /** The lines without an empty one at the end, at which the next text begins. */
  private shownTranscript(): readonly string[] {
    return this.transcript.at(-1) === '' ? this.transcript.slice(0, -1) : this.transcript;
  }

  private enter(line: string): void {
    const command = line.trim() === '' ? this.last : line;
    this.last = command;
    this.scrolled = 0;
    if (command !== '') this.commands.push(command);
  }

  private interrupt(): void {
    this.commands.length = 0;
    if (this.session.isRunning) this.session.interrupt();
    else this.editor.clear();
  }

  private scroll(lines: number): void {
    this.scrolled = Math.max(0, Math.min(this.scrolled + lines, this.transcript.length - 1));
  }
}

/** The rows of a pane: its title and its lines, all of its width. */
function paneLines({ pane, rows, columns }: PanePlace, context: PaneContext): readonly StyledLine[] {
  const { title, lines } = paneContent(pane, context, rows - 1, columns);
  const shown = [styled(` ${title} `.padEnd(columns, '─'), 'faint'), ...lines.slice(0, rows - 1)];
  while (shown.length < rows) shown.push(plain(''));
  return shown.map((line) => fitted(line, columns));
}

/** A row of the screen: those of the panes at it, from left to right, with a line between them. */
function composed(
  panes: readonly { readonly place: PanePlace; readonly lines: readonly StyledLine[] }[],
  row: number,
  columns: number,
): StyledLine {
  const spans: Span[] = [];
  const here = panes.filter(({ place }) => row >= place.row && row < place.row + place.rows);
  for (const { place, lines } of here.sort((a, b) => a.place.column - b.place.column)) {
    if (place.column > 0) spans.push({ text: '│', style: 'faint' });
    spans.push(...lines[row - place.row]!);
  }
  return fitted(spans, columns);
}

function tooSmall(rows: number, columns: number): ScreenImage {
  const lines = Array.from({ length: rows }, (_, row) =>
    fitted(plain(row === 0 ? `bd0 debug needs ${LEAST_COLUMNS} columns and ${LEAST_ROWS} rows` : ''), columns),
  );
  return { lines, cursor: { row: 0, column: 0 } };
}
