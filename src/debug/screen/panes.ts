import { breakpointLines } from '../commands/stop-commands.js';
import { threadLines } from '../commands/info-commands.js';
import { codeAround } from '../commands/place-text.js';
import { flagsText, SHOWN_REGISTERS } from '../commands/register-names.js';
import type { DebugSession } from '../commands/session.js';
import { symbolText } from '../reports/address-text.js';
import { fileName } from '../reports/placed-image.js';
import type { RegisterFile, ScalarRegister } from '../target.js';
import type { PaneName } from './layout.js';
import { columnText, plain, styled, type StyledLine } from './styled-text.js';

/** What a pane shows. */
export interface PaneContent {
  readonly title: string;
  readonly lines: readonly StyledLine[];
}

/** What panes show besides the session. */
export interface PaneContext {
  readonly session: DebugSession;
  /** The registers at the stop before, of the same thread. */
  readonly before: RegisterFile | undefined;
  readonly transcript: readonly string[];
  /** Lines of the transcript below the last one that is shown. */
  readonly scrolled: number;
}

const WORD_BYTES = 8;
const SHORT_LINE_BYTES = 8;
const LONG_LINE_BYTES = 16;
/** Columns of a line of 16 bytes: address, digits, characters. */
const LONG_LINE_COLUMNS = 12 + 3 * LONG_LINE_BYTES + LONG_LINE_BYTES;

/** The content of a pane with room for some lines of some columns. */
export function paneContent(pane: PaneName, context: PaneContext, rows: number, columns: number): PaneContent {
  const { session } = context;
  if (pane === 'transcript') return transcriptPane(context, rows, columns);
  if (pane === 'breakpoints') return { title: 'breakpoints', lines: breakpointLines(session).map(plain) };
  if (pane === 'memory') return memoryPane(session, rows, columns);
  if (session.target.threads.length === 0) return { title: pane, lines: [styled('the program has ended', 'faint')] };
  if (pane === 'source') return sourcePane(session, rows);
  if (pane === 'code') return codePane(session, rows);
  if (pane === 'registers') return registerPane(context, rows, columns);
  if (pane === 'stack') return stackPane(session, rows);
  return { title: 'threads', lines: threadLines(session).map((line) => marked(line, line.startsWith('*'))) };
}

/** The source around the current line; the code if there is no source. */
function sourcePane(session: DebugSession, rows: number): PaneContent {
  const line = session.images.line(session.frame.rip);
  const source = line && session.options.readSource?.(line.path);
  if (!line || !source) return codePane(session, rows);
  const first = Math.max(1, Math.min(line.line - Math.floor(rows / 2), source.length - rows + 1));
  const width = String(first + rows).length;
  const lines = source.slice(first - 1, first - 1 + rows).map((text, i) => {
    const isCurrent = first + i === line.line;
    return marked(`${isCurrent ? '>' : ' '}${String(first + i).padStart(width)} ${text}`, isCurrent);
  });
  return { title: fileName(line.path), lines };
}

/** Instructions around the current one: from the start of its function on, or from itself. */
function codePane(session: DebugSession, rows: number): PaneContent {
  const { rip } = session.frame;
  const { symbol, lines } = codeAround(session, rows);
  const shown = lines.map(({ address, text }) => {
    const isCurrent = address === rip;
    // The function stands in the title.
    const short = text.replace(/^0x0*/, '').replace(/ <([^>+]*)(\+\w+)?>:/, ' $2:');
    return marked(`${isCurrent ? '>' : ' '}${short}`, isCurrent);
  });
  return { title: symbol ? symbolText({ ...symbol, offset: 0 }) : 'code', lines: shown };
}

function registerPane({ session, before }: PaneContext, rows: number, columns: number): PaneContent {
  const { tid } = session.thread;
  const file = session.target.readRegisters(tid);
  const lines = SHOWN_REGISTERS.map((name) => registerLine(session, name, file[name], before?.[name], columns));
  const flags = `${'flags'.padEnd(6)}${flagsText(file.rflags)}`;
  lines.push(styled(flags, before && before.rflags !== file.rflags ? 'changed' : 'plain'));
  // rip and the flags say more than the last general registers.
  const shown = lines.length <= rows ? lines : [...lines.slice(0, Math.max(0, rows - 2)), ...lines.slice(-2)];
  return { title: `thread ${tid}`, lines: shown };
}

function registerLine(
  { images }: DebugSession,
  name: ScalarRegister,
  value: bigint,
  before: bigint | undefined,
  columns: number,
): StyledLine {
  const digits = value.toString(16).padStart(16, '0');
  const symbol = columns > 30 ? images.symbolText(value) : undefined;
  const meaning = columns <= 30 ? '' : `  ${symbol === undefined ? BigInt.asIntN(64, value) : `<${symbol}>`}`;
  const isChanged = before !== undefined && before !== value;
  return styled(`${name.padEnd(4)}${digits}${meaning}`, isChanged ? 'changed' : 'plain');
}

/** Words from the top of the stack on. */
function stackPane({ target, images, thread }: DebugSession, rows: number): PaneContent {
  const { rsp, rbp } = target.readRegisters(thread.tid);
  const bytes = target.readMemory(rsp, rows * WORD_BYTES, thread.pid);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const lines: StyledLine[] = [];
  for (let at = 0; at + WORD_BYTES <= bytes.length; at += WORD_BYTES) {
    const value = view.getBigUint64(at, true);
    const symbol = images.symbolText(value);
    const address = rsp + BigInt(at);
    const mark = address === rbp ? '=' : ' ';
    lines.push(
      plain(`${mark}${address.toString(16)} ${value.toString(16).padStart(16, '0')} ${symbol ?? ''}`.trimEnd()),
    );
  }
  return { title: 'stack', lines };
}

/** Bytes from the address that was examined last. */
function memoryPane({ target, examined, pid }: DebugSession, rows: number, columns: number): PaneContent {
  if (examined.start === undefined) return { title: 'memory', lines: [styled('x ADDRESS shows memory here', 'faint')] };
  const lineBytes = columns >= LONG_LINE_COLUMNS ? LONG_LINE_BYTES : SHORT_LINE_BYTES;
  const bytes = target.readMemory(examined.start, rows * lineBytes, pid);
  const lines: StyledLine[] = [];
  for (let at = 0; at < bytes.length; at += lineBytes) {
    const row = bytes.subarray(at, at + lineBytes);
    const digits = Array.from(row, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    const text = String.fromCharCode(...row).replace(/[^ -~]/g, '.');
    lines.push(plain(`${(examined.start + BigInt(at)).toString(16)} ${digits.padEnd(3 * lineBytes - 1)} ${text}`));
  }
  if (lines.length === 0) lines.push(styled('not mapped', 'faint'));
  return { title: 'memory', lines };
}

/** The last lines, long ones on several rows. */
function transcriptPane({ transcript, scrolled }: PaneContext, rows: number, columns: number): PaneContent {
  const end = transcript.length - scrolled;
  const lines = transcript.slice(Math.max(0, end - rows), end).flatMap((line) => {
    const style = line.startsWith('error: ') ? 'error' : line.startsWith('(bd0) ') ? 'faint' : 'plain';
    return wrapped(columnText(line), columns).map((part) => styled(part, style));
  });
  const title = scrolled > 0 ? `transcript, ${scrolled} lines before its end` : 'transcript';
  return { title, lines: lines.slice(-rows) };
}

/** A text in parts of some columns; one for no text. */
function wrapped(text: string, columns: number): string[] {
  const parts = [text.slice(0, columns)];
  for (let at = columns; at < text.length; at += columns) parts.push(text.slice(at, at + columns));
  return parts;
}

function marked(text: string, isCurrent: boolean): StyledLine {
  return styled(text, isCurrent ? 'current' : 'plain');
}
