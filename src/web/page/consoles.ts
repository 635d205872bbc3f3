import type { MachineClient } from '../client/machine-client.js';
import { TerminalPane } from '../client/terminal.js';
import type { BackgroundProcess, Output, Status } from '../protocol.js';
import { button, byId, element, setText } from './dom.js';
import { OutputText } from './output-text.js';
import { markTab, moveFocus } from './tab-list.js';

/** A process in the background, which has a tab. */
interface ProcessTab {
  readonly text: OutputText;
  readonly tab: HTMLButtonElement;
}

/**
 * The tabs of the console: the terminal of the machine, and the output of each process that writes while another one is in the
 * foreground. What is typed goes to the one in the foreground, so nothing can be typed there.
 */
export class Consoles {
  private readonly first = button('Terminal', { role: 'tab', id: 'console-first' }, () => this.open(undefined));
  private readonly list = element('div', { role: 'tablist', 'aria-label': 'Consoles' }, this.first);
  private readonly closing = button('Close', { title: 'Close this tab (Delete); the process goes on' }, () =>
    this.remove(this.current),
  );
  private readonly tabs = new Map<number, ProcessTab>();
  private readonly closed = new Set<number>();
  private current: number | undefined;
  private pane: TerminalPane | undefined;

  constructor(private readonly terminal: TerminalPane) {
    byId('consoles').replaceChildren(this.list, this.closing);
    this.list.addEventListener('keydown', (event) => {
      moveFocus(this.list, event);
      if (event.key === 'Delete') this.remove(this.current);
    });
    this.mark();
  }

  /** Shows those of a machine from now on. */
  attach(machine: MachineClient): void {
    for (const pid of [...this.tabs.keys()]) this.remove(pid);
    this.closed.clear();
    machine.on('output', (output) => this.add(output));
    machine.on('status', (status) => this.update(status));
  }

  /** Puts the focus into what is open. */
  focus(): void {
    if (this.current === undefined) this.terminal.focus();
    else this.pane?.focus();
  }

  private add(output: Output): void {
    const { pid, at } = output;
    for (const { text } of this.tabs.values()) text.forgetAfter(at);
    if (pid !== undefined && !this.closed.has(pid)) this.tabOf(pid).text.add(output);
  }

  private update({ background = [], outputBytes }: Status): void {
    const known = new Map(background.map((process) => [process.pid, process]));
    for (const [pid, { text, tab }] of this.tabs) {
      text.show(outputBytes);
      const process = known.get(pid);
      if (process) setText(tab, titleOf(process));
    }
  }

  private tabOf(pid: number): ProcessTab {
    const known = this.tabs.get(pid);
    if (known) return known;
    const made = {
      text: new OutputText(),
      tab: button('Process', { role: 'tab', title: 'What this process writes' }, () => this.open(pid)),
    };
    this.tabs.set(pid, made);
    this.list.append(made.tab);
    this.mark();
    return made;
  }

  private open(pid: number | undefined): void {
    this.current = pid;
    this.mark();
    const shown = pid === undefined ? undefined : this.tabs.get(pid);
    if (!shown) {
      this.pane?.attach(undefined);
      return this.terminal.focus();
    }
    this.pane ??= new TerminalPane(byId('output'), 'Output', true);
    this.pane.showText(shown.text, `Output of ${shown.tab.textContent}`);
  }

  private remove(pid: number | undefined): void {
    const removed = pid === undefined ? undefined : this.tabs.get(pid);
    if (!removed) return;
    this.tabs.delete(pid!);
    this.closed.add(pid!);
    removed.tab.remove();
    if (this.current === pid) this.open(undefined);
    else this.mark();
  }

  private mark(): void {
    byId('consoles').hidden = this.tabs.size === 0;
    byId('terminal').hidden = this.current !== undefined;
    byId('output').hidden = this.closing.hidden = this.current === undefined;
    markTab(this.first, this.current === undefined);
    for (const [pid, { tab }] of this.tabs) markTab(tab, pid === this.current);
  }
}

function titleOf({ title, isLive }: BackgroundProcess): string {
  return isLive ? title : `${title} (ended)`;
}
