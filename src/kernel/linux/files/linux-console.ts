import { CONSOLE_MODE, type ConsoleMode, type KernelConsole } from '../../terminal/console.js';
import type { ConsolePort } from './open/console-file.js';
import type { Deliver } from './open/open-file.js';
import { VTIME } from '../terminals/termios.js';
import type { Terminal } from '../terminals/terminal.js';

/** The machine's console for programs of Linux. */
export class LinuxConsole implements ConsolePort {
  constructor(
    private readonly console: KernelConsole,
    private readonly terminal: Terminal,
  ) {}

  get isTerminal(): boolean {
    return this.console.isTerminal;
  }

  get isSuspended(): boolean {
    return this.console.isSuspended;
  }

  get hasInput(): boolean {
    return this.console.hasInput(this.mode) && !this.isShort(Infinity);
  }

  get readableBytes(): number {
    return this.console.readableBytes(this.mode);
  }

  get patience(): number {
    return this.isTerminal ? this.terminal.settings.patience : Infinity;
  }

  read(length: number, deliver: Deliver): number | 'end' | undefined {
    const { mode, terminal } = this;
    if (this.isShort(length)) return undefined;
    const isTranslated = this.isTerminal && mode === CONSOLE_MODE.raw;
    return this.console.read(length, mode, (bytes) => deliver(isTranslated ? terminal.translated(bytes) : bytes));
  }

  write(bytes: Uint8Array): void {
    this.console.write(bytes);
  }

  /** Whether there is input, but less than a read that is not of lines waits for. */
  private isShort(length: number): boolean {
    const { settings } = this.terminal;
    if (!this.isTerminal || settings.isLines || this.console.hasEnded) return false;
    return this.readableBytes < (settings.character(VTIME) === 0 ? settings.leastBytes(length) : 1);
  }

  private get mode(): ConsoleMode {
    return this.terminal.isLines ? CONSOLE_MODE.lines : CONSOLE_MODE.raw;
  }
}
