import { CONSOLE_MODE, type KernelConsole } from '../../terminal/console.js';
import type { ConsolePort } from './open/console-file.js';
import type { Deliver } from './open/open-file.js';

/** The machine's console for programs of Linux. */
export class LinuxConsole implements ConsolePort {
  constructor(private readonly console: KernelConsole) {}

  get isTerminal(): boolean {
    return this.console.isTerminal;
  }

  get isSuspended(): boolean {
    return this.console.isSuspended;
  }

  get hasInput(): boolean {
    return this.console.hasInput(CONSOLE_MODE.lines);
  }

  read(length: number, deliver: Deliver): number | 'end' | undefined {
    return this.console.read(length, CONSOLE_MODE.lines, deliver);
  }

  write(bytes: Uint8Array): void {
    this.console.write(bytes);
  }
}
