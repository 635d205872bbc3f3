import { FitAddon } from '@xterm/addon-fit';
import { WebLinksAddon } from '@xterm/addon-web-links';
import { Terminal } from '@xterm/xterm';
import { ConsoleText, type Screen } from './console-text.js';
import type { TerminalSize } from '../protocol.js';
import type { MachineClient } from './machine-client.js';

const FONT = "ui-monospace, 'Cascadia Code', 'DejaVu Sans Mono', Menlo, Consolas, monospace";
/** Of the font of the page. */
const FONT_REM = 0.875;
const SCROLLBACK_LINES = 5000;

const COLOURS = {
  light: {
    background: '#ffffff',
    foreground: '#1c2430',
    cursor: '#1f5fbf',
    cursorAccent: '#ffffff',
    selectionBackground: '#b8d3f5',
  },
  dark: {
    background: '#12161c',
    foreground: '#dfe4ec',
    cursor: '#6ea8ff',
    cursorAccent: '#12161c',
    selectionBackground: '#31507d',
  },
} as const;

/** A terminal that fills an element, and shows the console of one machine at a time. `isOutput`: nothing can be typed there. */
export class TerminalPane implements Screen {
  private readonly terminal: Terminal;
  private readonly fit = new FitAddon();
  private readonly resizing: ResizeObserver;
  private readonly dark = matchMedia('(prefers-color-scheme: dark)');
  private text: { close(): void } | undefined;
  private machine: MachineClient | undefined;

  constructor(
    private readonly element: HTMLElement,
    label: string,
    isOutput = false,
  ) {
    this.terminal = new Terminal({
      convertEol: true,
      cursorBlink: false,
      ...(isOutput && { disableStdin: true, cursorInactiveStyle: 'none' as const }),
      fontFamily: FONT,
      fontSize: Math.round(FONT_REM * Number.parseFloat(getComputedStyle(document.documentElement).fontSize)),
      // Of links that programs make by control sequences, whose text may say anything.
      linkHandler: { activate: openLink },
      scrollback: SCROLLBACK_LINES,
      screenReaderMode: true,
      theme: this.theme,
    });
    this.terminal.loadAddon(this.fit);
    this.terminal.loadAddon(new WebLinksAddon(openLink));
    this.terminal.open(element);
    this.terminal.textarea?.setAttribute('aria-label', label);
    this.terminal.onData((text) => this.machine?.type(text));
    this.terminal.onBinary((text) => this.machine?.type(text));
    this.terminal.onResize(() => this.machine?.resize(this.size));
    this.terminal.attachCustomKeyEventHandler((event) => this.isForTerminal(event));
    this.dark.addEventListener('change', this.recolour);
    this.resizing = new ResizeObserver(() => this.fitToElement());
    this.resizing.observe(element);
    this.fitToElement();
  }

  /** In characters. */
  get size(): TerminalSize {
    this.fitToElement();
    return [this.terminal.rows, this.terminal.cols];
  }

  /** The text of the screen and what was scrolled out, for tests and for copying. */
  get content(): string {
    const { active } = this.terminal.buffer;
    const lines: string[] = [];
    for (let row = 0; row < active.length; row++) {
      const line = active.getLine(row)!;
      const text = line.translateToString(true);
      if (line.isWrapped) lines.push((lines.pop() ?? '') + text);
      else lines.push(text);
    }
    return lines.join('\n').trimEnd();
  }

  /** Shows a text, and no machine's console. */
  showText(text: { showOn(screen: Screen | undefined): void }, label: string): void {
    this.attach(undefined);
    this.terminal.textarea?.setAttribute('aria-label', label);
    text.showOn(this);
    this.text = { close: () => text.showOn(undefined) };
  }

  /** Shows the console of a machine from now on; undefined: of none. */
  attach(machine: MachineClient | undefined): void {
    this.text?.close();
    this.clear();
    this.machine = machine;
    this.text = machine && new ConsoleText(machine, this);
    machine?.resize(this.size);
  }

  write(bytes: Uint8Array, done: () => void): void {
    this.terminal.write(bytes, done);
  }

  clear(): void {
    this.terminal.reset();
  }

  focus(): void {
    this.terminal.focus();
  }

  close(): void {
    this.attach(undefined);
    this.resizing.disconnect();
    this.dark.removeEventListener('change', this.recolour);
    this.terminal.dispose();
  }

  private get theme(): (typeof COLOURS)['light' | 'dark'] {
    return this.dark.matches ? COLOURS.dark : COLOURS.light;
  }

  private readonly recolour = (): void => {
    this.terminal.options.theme = this.theme;
  };

  private fitToElement(): void {
    if (this.element.clientWidth > 0 && this.element.clientHeight > 0) this.fit.fit();
  }

  /** Keys that the page or the browser takes: Ctrl-C copies what is selected, and Ctrl-V pastes; F6 leaves the terminal. */
  private isForTerminal(event: KeyboardEvent): boolean {
    if (event.key === 'F6') return false;
    const isControl = (event.ctrlKey || event.metaKey) && !event.altKey;
    if (!isControl) return true;
    if (event.key === 'v' || event.key === 'V') return false;
    const copies = event.key === 'C' || (event.key === 'c' && this.terminal.hasSelection());
    if (copies && event.type === 'keydown') void navigator.clipboard?.writeText(this.terminal.getSelection());
    return !copies;
  }
}

/** Text of a guest may look like a link: only the web is opened, in a page that knows nothing of this one. */
function openLink(_event: MouseEvent, address: string): void {
  if (/^https?:\/\//i.test(address)) window.open(address, '_blank', 'noopener,noreferrer');
}
