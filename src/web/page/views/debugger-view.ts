import type { DebuggerState } from '../../machine/debugger-state.js';
import type { Status } from '../../protocol.js';
import { button, element } from '../dom.js';
import { redraw } from '../one-stop.js';
import { codePane, listPane, memoryPane, registerPane, sourcePane, type PaneActions } from './debugger-panes.js';
import { addressText, type View, type ViewHost } from './view.js';

const ROWS = 60;
const MEMORY_BYTES = 256;
const LOG_LINES_MAX = 500;

/** Commands by button, with their keys; those with Shift go back in time. */
const COMMANDS: readonly (readonly [text: string, command: string, key: string, title: string])[] = [
  ['Step', 'step', 'F11', 'To another source line, in a called function as well'],
  ['Next', 'next', 'F10', 'To another source line, over calls'],
  ['Finish', 'finish', 'F12', 'Until the function has returned'],
  ['Instruction', 'stepi', 'Alt-i', 'One instruction'],
  ['↶ Step', 'reverse-step', 'Shift-F11', 'Back to the line before'],
  ['↶ Next', 'reverse-next', 'Shift-F10', 'Back to the line before, over calls'],
  ['↶ Instruction', 'reverse-stepi', 'Alt-I', 'Back by one instruction'],
  ['↶ Continue', 'reverse-continue', 'Shift-F5', 'Back to the last breakpoint'],
];

/** The debugger: code, registers, memory, threads and breakpoints, and every command of bd0 debug. */
export class DebuggerView implements View {
  readonly element: HTMLElement;
  private readonly code = element('section', { class: 'pane', 'aria-label': 'Code' });
  private readonly registers = element('section', { class: 'pane', 'aria-label': 'Registers' });
  private readonly lists = element('section', { class: 'pane', 'aria-label': 'Stack, threads and breakpoints' });
  private readonly memory = element('section', { class: 'pane', 'aria-label': 'Memory' });
  private readonly transcript = element('pre', { role: 'log', tabindex: '0', 'aria-label': 'Debugger output' });
  private readonly lines: string[] = [];
  private readonly actions: PaneActions;
  private isSource = true;
  private address: number | undefined;

  constructor(private readonly host: ViewHost) {
    this.actions = { execute: (command) => this.execute(command) };
    this.element = element(
      'div',
      { class: 'debugger' },
      element('div', { class: 'toolbar' }, ...this.buttons()),
      element('div', { class: 'panes' }, this.code, this.registers, this.lists, this.memory),
      element('section', { class: 'log' }, this.transcript, this.prompt()),
    );
    this.element.addEventListener('keydown', (event) => this.takeKey(event));
  }

  async update(status: Status): Promise<void> {
    if (status.state === 'running') return this.showRunning();
    const request = { rows: ROWS, memory: this.address, memoryBytes: MEMORY_BYTES };
    const state = await this.host.machine.call('debug', request);
    const source = state.source && (await this.host.sources.lines(state.source.path));
    this.showState(state, source);
  }

  show(address: number): void {
    this.address = address - (address % 16);
  }

  log(lines: readonly string[]): void {
    this.lines.push(...lines);
    this.lines.splice(0, this.lines.length - LOG_LINES_MAX);
    this.transcript.textContent = this.lines.join('\n');
    this.transcript.scrollTop = this.transcript.scrollHeight;
  }

  private buttons(): HTMLButtonElement[] {
    const buttons = COMMANDS.map(([text, command, key, title]) =>
      button(text, { title: `${title} (${key})` }, () => this.execute(command)),
    );
    const toggle = button('Source', { 'aria-pressed': 'true', title: 'Source, or else instructions' }, () => {
      this.isSource = !this.isSource;
      toggle.setAttribute('aria-pressed', String(this.isSource));
      if (this.host.machine.status) void this.update(this.host.machine.status).catch(() => {});
    });
    return [...buttons, toggle];
  }

  private prompt(): HTMLElement {
    const input = element('input', {
      'aria-label': 'Command',
      placeholder: 'help lists the commands',
      autocomplete: 'off',
    });
    input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || input.value.trim() === '') return;
      this.execute(input.value);
      input.value = '';
    });
    return element('label', {}, '(bd0)', input);
  }

  private execute(command: string): void {
    this.log([`(bd0) ${command}`]);
    this.host.machine.call('execute', command).catch((error: Error) => this.log([error.message]));
  }

  private takeKey(event: KeyboardEvent): void {
    const name = `${event.altKey ? 'Alt-' : event.shiftKey ? 'Shift-' : ''}${event.key}`;
    const command = name === 'F5' ? 'continue' : COMMANDS.find(([, , key]) => key === name)?.[1];
    if (command === undefined) return;
    event.preventDefault();
    this.execute(command);
  }

  private showRunning(): void {
    this.code.replaceChildren(
      element(
        'p',
        { class: 'quiet' },
        'The machine is running. Pause it to see where it is, or set a breakpoint: break main',
      ),
    );
    for (const pane of [this.registers, this.lists, this.memory]) pane.replaceChildren();
  }

  private showState(state: DebuggerState, source: readonly string[] | undefined): void {
    const { thread, memory } = state;
    if (thread === undefined) {
      const text = 'The program has ended. The timeline leads back into it.';
      return this.code.replaceChildren(element('p', { class: 'quiet' }, text));
    }
    const { path, line } = state.source ?? { path: '', line: 0 };
    const file = path.split('/').at(-1)!;
    const isSource = this.isSource && source !== undefined;
    redraw(
      this.code,
      element('h2', {}, isSource ? `${file}, line ${line}` : state.title),
      isSource ? sourcePane(source, line, file, this.actions) : codePane(state.code, this.actions),
    );
    const current = this.code.querySelector<HTMLElement>('.current');
    if (current) this.code.scrollTop = current.offsetTop - this.code.offsetTop - this.code.clientHeight / 3;
    redraw(this.registers, element('h2', {}, `Registers of thread ${thread}`), registerPane(state.registers));
    redraw(this.lists, listPane(state, this.actions));
    const title =
      this.address === undefined ? 'Memory from the top of the stack' : `Memory from ${addressText(memory.start)}`;
    redraw(this.memory, element('h2', {}, title), memoryPane(memory, this.actions));
  }
}
