/** bd0 at a pseudo-terminal, as a person sits there: what is typed, and what the screen shows. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { bd0Command } from './bd0.js';
import { Screen } from './screen.js';

const script = fileURLToPath(new URL('../../../test/cli/pseudo-terminal.py', import.meta.url));

/** How a terminal is set. */
export interface Modes {
  readonly isCanonical: boolean;
  readonly echoes: boolean;
}

/** How a command at a terminal has ended, and left it. */
export interface Left {
  /** `exit 0`, `killed 15`. */
  readonly end: string;
  readonly modes: Modes;
}

/** Python without what a site adds, which would take a third of its start. */
const [python, ...isolated] = ['python3', '-I', '-S'] as const;

let hasPython: boolean | undefined;

/** Says what to install where there is no Python to make terminals. */
export function requirePython(): void {
  hasPython ??= spawnSync(python, [...isolated, '-c', 'import os; os.pidfd_open']).status === 0;
  if (!hasPython)
    throw new Error('these tests need python3, 3.9 or later, for its pseudo-terminals: apt install python3');
}

export interface PseudoTerminalOptions {
  readonly cwd?: string;
  readonly rows?: number;
  readonly columns?: number;
  /** What shows; a Screen by default. */
  readonly screen?: Screen;
}

/** A command at a pseudo-terminal of its own. */
export class PseudoTerminal {
  readonly screen: Screen;
  private readonly child: ChildProcess;
  private readonly answers: string[] = [];
  private changed: (() => void) | undefined;
  private isOver = false;
  /** Told how many bytes have come. */
  onShown: ((bytes: number) => void) | undefined;
  /** Whether the command that has ended left all settings of the terminal as it found them. */
  isAsBefore: boolean | undefined;

  constructor(
    command: readonly string[],
    { cwd, rows = 24, columns = 80, screen = new Screen(columns) }: PseudoTerminalOptions = {},
  ) {
    requirePython();
    this.screen = screen;
    this.child = spawn(python, [...isolated, script, String(rows), String(columns), ...command], {
      stdio: ['pipe', 'pipe', 'inherit', 'pipe', 'pipe'],
      cwd,
    });
    this.child.stdout!.on('data', (bytes: Buffer) => {
      this.screen.show(bytes);
      this.onShown?.(bytes.length);
      this.changed?.();
    });
    createInterface({ input: this.child.stdio[4] as Readable }).on('line', (line) => {
      this.answers.push(line);
      this.changed?.();
    });
    this.child.on('close', () => {
      this.isOver = true;
      this.changed?.();
    });
  }

  /** bd0 with these words. */
  static bd0(...words: string[]): PseudoTerminal {
    return new PseudoTerminal([...bd0Command, ...words]);
  }

  type(text: string): void {
    this.child.stdin!.write(text);
  }

  /** Waits until what shows matches. */
  async sees(pattern: RegExp | string): Promise<void> {
    const isThere = (): boolean =>
      typeof pattern === 'string' ? this.screen.text.endsWith(pattern) : pattern.test(this.screen.text);
    await this.until(isThere, () => `${String(pattern)} does not show:\n${this.screen.text}`);
  }

  /** Waits until all that shows ends so, with ▏ for a cursor that something stands behind. */
  async shows(end: string): Promise<void> {
    await this.until(
      () => this.screen.whole.endsWith(end),
      () => `${JSON.stringify(end)} does not show:\n${this.screen.whole}`,
    );
  }

  /** Types a line, and waits for the prompt behind what comes of it. */
  async enter(line: string, end = '\r'): Promise<void> {
    const { row } = this.screen;
    this.type(line + end);
    await this.until(
      () => this.screen.row > row && this.screen.text.endsWith('\n> '),
      () => `no prompt behind ${line}:\n${this.screen.text}`,
    );
  }

  /** What the terminal is asked besides: see pseudo-terminal.py. */
  async ask(what: string): Promise<Modes> {
    (this.child.stdio[3] as Writable).write(`${what}\n`);
    await this.until(() => this.answers.length > 0, () => `no answer to ${what}`); // prettier-ignore
    return modesOf(this.answers.shift()!.split(' '));
  }

  /** Waits until the command has ended. */
  async end(): Promise<Left> {
    if (!this.isOver) await once(this.child, 'close');
    const words = this.answers.at(-1)!.split(' ');
    this.isAsBefore = words.slice(4).join(' ') === 'as before';
    return { end: words.slice(0, 2).join(' '), modes: modesOf(words.slice(2)) };
  }

  private async until(isThere: () => boolean, missing: () => string): Promise<void> {
    while (!isThere()) {
      if (this.isOver) throw new Error(missing());
      await new Promise<void>((done) => (this.changed = done));
    }
  }
}

function modesOf([canonical, echo]: readonly string[]): Modes {
  return { isCanonical: canonical === '1', echoes: echo === '1' };
}
