import type { CodeRow, DebuggerState, RegisterRow } from '../../machine/debugger-state.js';
import { button, element } from '../dom.js';
import { asOneStop } from '../one-stop.js';
import { addressText } from './view.js';

/** What the panes can make the machine do. */
export interface PaneActions {
  execute(command: string): void;
}

const LINE_BYTES = 8;
/** Source lines before and after the current one. */
const LINES_AROUND = 200;

/** Disassembly; a click in front of an instruction sets a breakpoint, or removes it. */
export function codePane(code: readonly CodeRow[], actions: PaneActions): HTMLElement {
  const first = code.findIndex(({ isCurrent }) => isCurrent);
  return asOneStop(element('ol', { class: 'code' }, ...code.map((row) => codeRow(row, actions))), { first });
}

function codeRow({ address, offset, text, isCurrent, breakpoint }: CodeRow, actions: PaneActions): HTMLElement {
  const isSet = breakpoint !== undefined;
  const stop = button(isSet ? '●' : '○', { class: 'stop', 'aria-pressed': String(isSet), title: 'Breakpoint' }, () =>
    actions.execute(isSet ? `delete ${breakpoint}` : `break *0x${address}`),
  );
  stop.setAttribute('aria-label', `Breakpoint at ${address}`);
  const place = element('span', { class: 'at' }, offset === '' ? address.slice(-6) : offset);
  return element('li', { class: isCurrent && 'current', 'aria-current': isCurrent && 'step' }, stop, place, text);
}

/** The source around the current line. */
export function sourcePane(lines: readonly string[], line: number, file: string, actions: PaneActions): HTMLElement {
  const first = Math.max(1, line - LINES_AROUND);
  const rows = lines.slice(first - 1, line + LINES_AROUND).map((text, index) => {
    const number = first + index;
    const isCurrent = number === line;
    const stop = button(String(number), { class: 'stop', title: 'Set a breakpoint here' }, () =>
      actions.execute(`break ${file}:${number}`),
    );
    stop.setAttribute('aria-label', `Set a breakpoint at line ${number}`);
    return element('li', { class: isCurrent && 'current', 'aria-current': isCurrent && 'step' }, stop, text);
  });
  return asOneStop(element('ol', { class: 'code source' }, ...rows), { first: line - first });
}

/** Registers; those that have changed since the stop before are marked. */
export function registerPane(registers: readonly RegisterRow[]): HTMLElement {
  const rows = registers.map(({ name, value, meaning, isChanged }) =>
    element(
      'tr',
      { class: isChanged && 'changed' },
      element('th', { scope: 'row' }, name),
      element('td', { title: meaning }, value),
      element(
        'td',
        { class: 'meaning' },
        meaning,
        isChanged ? element('span', { class: 'unseen' }, ', changed') : undefined,
      ),
    ),
  );
  return element('table', { class: 'registers' }, element('tbody', {}, ...rows));
}

/** Bytes of memory; a click finds who wrote one. */
export function memoryPane({ start, bytes }: DebuggerState['memory'], actions: PaneActions): HTMLElement {
  if (bytes.length === 0) return element('p', { class: 'quiet' }, `${addressText(start)} is not mapped`);
  const rows: HTMLElement[] = [];
  for (let at = 0; at < bytes.length; at += LINE_BYTES) {
    const line = bytes.subarray(at, at + LINE_BYTES);
    const cells = Array.from(line, (byte, index) => {
      const address = addressText(start + at + index);
      const digits = byte.toString(16).padStart(2, '0');
      return button(
        digits,
        { title: `Who wrote ${address}?`, 'aria-label': `${digits}, at ${address}: who wrote it?` },
        () => actions.execute(`who ${address}`),
      );
    });
    const text = String.fromCharCode(...line).replace(/[^ -~]/g, '·');
    rows.push(
      element('li', {}, element('span', { class: 'at' }, addressText(start + at)), ...cells, element('code', {}, text)),
    );
  }
  return asOneStop(element('ol', { class: 'bytes' }, ...rows), { columns: LINE_BYTES });
}

/** Threads, frames and breakpoints. */
export function listPane(state: DebuggerState, actions: PaneActions): HTMLElement {
  const threads = state.threads.map(({ tid, text }) =>
    item(`${tid}  ${text}`, tid === state.thread, () => actions.execute(`thread ${tid}`)),
  );
  const frames = state.frames.map(({ text, isSelected }, number) =>
    item(`#${number}  ${text.replace(/^0x0*/, '')}`, isSelected, () => actions.execute(`frame ${number}`)),
  );
  const breakpoints = state.breakpoints.map(({ number, text }) =>
    item(`${number}  ${text}  ✕`, false, () => actions.execute(`delete ${number}`), 'Remove this breakpoint'),
  );
  const list = (title: string, items: readonly HTMLElement[]): HTMLElement[] =>
    items.length === 0
      ? []
      : [element('h2', {}, title), asOneStop(element('ul', { class: 'items', 'aria-label': title }, ...items))];
  return element(
    'div',
    { class: 'lists' },
    ...list('Stack', frames),
    ...list('Threads', threads),
    ...list('Breakpoints', breakpoints),
  );
}

function item(text: string, isCurrent: boolean, onClick: () => void, title?: string): HTMLElement {
  return element('li', { class: isCurrent && 'current' }, button(text, { title: title ?? text }, onClick));
}
