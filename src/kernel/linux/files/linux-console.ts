import { CONSOLE_MODE, type ConsoleMode, type KernelConsole } from '../../terminal/console.js';
import type { ConsolePort } from './open/console-file.js';
import type { Deliver } from './open/open-file.js';
import type { Terminal } from './terminal.js';

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
    return this.console.hasInput(this.mode);
  }

  get readableBytes(): number {
    return this.console.readableBytes(this.mode);
  }

  get patience(): number {
    return this.isTerminal ? this.terminal.patience : Infinity;
  }

  read(length: number, deliver: Deliver): number | 'end' | undefined {
    const { mode, terminal } = this;
    const isTranslated = this.isTerminal && mode === CONSOLE_MODE.raw;
    return this.console.read(length, mode, (bytes) => deliver(isTranslated ? terminal.translated(bytes) : bytes));
  }

  write(bytes: Uint8Array): void {
    this.console.write(bytes);
  }

  private get mode(): ConsoleMode {
    return this.terminal.isLines ? CONSOLE_MODE.lines : CONSOLE_MODE.raw;
  }
}
