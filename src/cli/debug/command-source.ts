import { createInterface, type Interface } from 'node:readline';
import { END } from './session-loop.js';

/** What a source of commands needs. */
export interface CommandSourceOptions {
  /** Commands that come first. */
  readonly commands: readonly string[];
  /** Whether commands are read from stdin after them. */
  readonly readsStdin: boolean;
  readonly prompt: string;
  /** Candidates for the last word of an unfinished line. */
  readonly complete: (line: string) => readonly string[];
  /** Called when a line has come, or Ctrl-C was typed. */
  readonly onActivity: () => void;
  readonly onInterrupt: () => void;
}

/** The command lines of a session: those that were given, then those of stdin, on a terminal with history and completion. */
export class CommandSource {
  readonly isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  private readonly lines: string[];
  private reader: Interface | undefined;
  private isAtEnd = false;
  /** Whether the last line was given or came from stdin that is no terminal: it does not stand in the output. */
  isShown = true;
  private isPrompting = false;

  constructor(private readonly options: CommandSourceOptions) {
    this.lines = [...options.commands];
    if (!options.readsStdin) this.isAtEnd = true;
  }

  /** The next line; undefined if there is none yet. Prompts for it on a terminal. */
  next(): string | typeof END | undefined {
    const line = this.lines.shift();
    if (line !== undefined) {
      this.isShown = !this.isPrompting;
      this.isPrompting = false;
      return line;
    }
    if (this.isAtEnd) return END;
    this.reader ??= this.open();
    if (this.isTerminal && !this.isPrompting) {
      this.isPrompting = true;
      this.reader.prompt();
    }
    return undefined;
  }

  close(): void {
    this.isAtEnd = true;
    this.reader?.close();
    process.stdin.pause();
  }

  private open(): Interface {
    const { complete, onActivity, onInterrupt, prompt } = this.options;
    const reader = createInterface({
      input: process.stdin,
      ...(this.isTerminal && { output: process.stdout }),
      terminal: this.isTerminal,
      prompt,
      completer: (line: string) => [complete(line), line.split(/\s+/).at(-1)!],
    });
    reader.on('line', (line) => {
      this.lines.push(line);
      onActivity();
    });
    reader.on('close', () => {
      this.isAtEnd = true;
      onActivity();
    });
    reader.on('SIGINT', onInterrupt);
    return reader;
  }
}
