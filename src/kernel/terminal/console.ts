import type { StateWriter } from '../../state/state-writer.js';
import type { Foreground } from './foreground.js';
import { INTERRUPT, LineDiscipline } from './line-discipline.js';
import type { Process } from '../tasks/process.js';

/** How a process wants the input of a terminal: in lines, which the kernel echoes and edits, or as it comes. */
export const CONSOLE_MODE = { lines: 0, raw: 1 } as const;
export type ConsoleMode = (typeof CONSOLE_MODE)[keyof typeof CONSOLE_MODE];

/** What the host puts behind console_write and console_read. */
export interface Console {
  /** The bytes are the console's to keep. */
  write(bytes: Uint8Array): void;
  /** 1 to `max` bytes of input that is there; 'end' where no more will come; undefined where none is there yet. */
  read(max: number): Uint8Array | 'end' | undefined;
  /** Somebody sits there, who sees what is written and nothing else: the kernel echoes and edits lines, and hears Ctrl-C. */
  readonly isTerminal?: boolean;
}

/** Input that came from the console. */
export type ConsoleInput = { readonly kind: 'console'; readonly bytes: Uint8Array } | { readonly kind: 'console end' };

/** What a console asks of the kernel. */
export interface ConsoleHost {
  tell(input: ConsoleInput): void;
  /** Undefined where no process is left that could be. */
  foreground(): Foreground | undefined;
  /** Ends a process. */
  interrupt(process: Process): void;
}

/** So many bytes of a terminal wait to be read; the host keeps what comes beyond them. */
export const WAITING_BYTES_MAX = 65536;

/**
 * A host's console, as the machine has it. A pipe is asked when a program reads; a terminal when a run begins, and when a
 * slice does and somebody waits for input (`takeIn`). What was typed then goes through the line discipline or is kept as it
 * is, as the process in the foreground wants it; what that does not read is there for the next one.
 */
export class KernelConsole {
  private writtenBytes = 0;
  private readBytes = 0;
  private hasEnded = false;
  /** What came, and neither the line discipline nor a program has had. */
  private arrived: Uint8Array = new Uint8Array(0);
  private readonly discipline = new LineDiscipline();

  constructor(
    private readonly console: Console,
    private readonly host: ConsoleHost,
  ) {}

  get isTerminal(): boolean {
    return this.console.isTerminal === true;
  }

  /** Whether programs that write are to wait, since somebody reads what is there. */
  get isSuspended(): boolean {
    return this.discipline.isSuspended && this.host.foreground()?.process.consoleMode === CONSOLE_MODE.lines;
  }

  write(bytes: Uint8Array): void {
    this.writtenBytes += bytes.length;
    this.console.write(bytes);
  }

  /**
   * Input for a process that wants it in a mode: as `Console.read`, but how many bytes were given to `deliver`. Where that
   * throws, they are there for the next one who reads.
   */
  read(max: number, mode: ConsoleMode, deliver: (bytes: Uint8Array) => void): number | 'end' | undefined {
    const isLine = this.isTerminal && mode === CONSOLE_MODE.lines;
    const input = isLine ? this.discipline.peek(max) : this.peekRaw(max);
    if (input === undefined) return this.isTerminal && this.hasEnded ? 'end' : undefined;
    if (input !== 'end') deliver(input);
    if (isLine) this.discipline.take(input === 'end' ? 0 : input.length);
    if (input === 'end') return 'end';
    if (!isLine) this.take(input.length);
    return input.length;
  }

  /** Takes what was typed at the terminal since the last time, and settles it. No effect on a pipe. */
  takeIn(): void {
    while (this.isTerminal && !this.hasEnded) {
      const room = WAITING_BYTES_MAX - this.arrived.length - this.discipline.length;
      const input = room > 0 ? this.ask(room) : undefined;
      if (input === undefined) break;
      if (input === 'end') this.hasEnded = true;
      else this.arrived = concatenated(this.arrived, input);
    }
    this.settle();
  }

  /**
   * Shows and edits what has arrived, as far as the process in the foreground wants that, and hears Ctrl-C: it ends that
   * process, but for the first one in raw mode, which reads it.
   */
  settle(): void {
    while (this.arrived.length > 0) {
      const foreground = this.host.foreground();
      const isRaw = foreground?.process.consoleMode === CONSOLE_MODE.raw;
      const at = this.arrived.indexOf(INTERRUPT);
      if (isRaw && (foreground.isFirst || at < 0)) return;
      const taken = this.take(at < 0 ? this.arrived.length : at + 1);
      if (!isRaw) this.type(taken);
      if (at >= 0 && foreground) this.host.interrupt(foreground.process);
    }
  }

  writeState(out: StateWriter): void {
    out.numbers([this.writtenBytes, this.readBytes, this.hasEnded ? 1 : 0]).bytes(this.arrived);
    this.discipline.writeState(out);
  }

  /** Echo is not counted as written: what it shows follows from what was typed. */
  private type(bytes: Uint8Array): void {
    const echo = Array.from(bytes, (byte) => this.discipline.type(byte));
    const shown = concatenated(...echo);
    if (shown.length > 0) this.console.write(shown);
  }

  /** Bytes as they came: what was typed for the one before, and what came since; those of a pipe, which is asked for them. */
  private peekRaw(max: number): Uint8Array | 'end' | undefined {
    if (this.discipline.length > 0) this.arrived = concatenated(this.discipline.takeAll(), this.arrived);
    if (!this.isTerminal && this.arrived.length === 0) {
      const input = this.ask(max);
      if (input === undefined || input === 'end') return input;
      this.arrived = input;
    }
    return this.arrived.length > 0 ? this.arrived.slice(0, max) : undefined;
  }

  private take(max: number): Uint8Array {
    const taken = this.arrived.slice(0, max);
    this.arrived = this.arrived.slice(taken.length);
    return taken;
  }

  /** Asks the host, and tells what it answers. */
  private ask(max: number): Uint8Array | 'end' | undefined {
    const input = this.console.read(max);
    if (input === undefined) return undefined;
    if (input === 'end') this.host.tell({ kind: 'console end' });
    else {
      this.readBytes += input.length;
      this.host.tell({ kind: 'console', bytes: input });
    }
    return input;
  }
}

function concatenated(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
