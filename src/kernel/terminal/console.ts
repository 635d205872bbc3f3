import { concatenated } from '../../bits.js';
import type { Foreground } from './foreground.js';
import { INTERRUPT, isFlowControl, LineDiscipline } from './line-discipline.js';
import type { Process } from '../tasks/process.js';
import { outside, schema, value } from '../../state/schema.js';

/** How a process wants the input of a terminal: in lines, which the kernel echoes and edits, or as it comes. */
export const CONSOLE_MODE = { lines: 0, raw: 1 } as const;
export type ConsoleMode = (typeof CONSOLE_MODE)[keyof typeof CONSOLE_MODE];

/** The host's side of console_write and console_read. */
export interface Console {
  /**
   * The console keeps the bytes: the caller must not change them afterwards. `pid`: the process that writes; undefined for the
   * echo of what is typed.
   */
  write(bytes: Uint8Array, pid?: number): void;
  /** 1 to `max` bytes of input; 'end' if no more will come; undefined if none has come yet. */
  read(max: number): Uint8Array | 'end' | undefined;
  /** A terminal that does nothing by itself: the kernel echoes and edits lines, and acts on Ctrl-C. */
  readonly isTerminal?: boolean;
}

/** Input that came from the console. */
export type ConsoleInput = { readonly kind: 'console'; readonly bytes: Uint8Array } | { readonly kind: 'console end' };

/** What the console needs from the kernel. */
export interface ConsoleHost {
  /** Called with all input that the host's console returns. */
  tell(input: ConsoleInput): void;
  /** Undefined if no process of the host's is left. */
  foreground(): Foreground | undefined;
  /** Ends a process. */
  interrupt(process: Process): void;
  /** The process whose call is being performed. */
  writer(): number | undefined;
}

/** Most bytes of a terminal that wait to be read; the host keeps those that come after them. */
export const WAITING_BYTES_MAX = 65536;

/**
 * The machine's console. A pipe is read when a program reads; a terminal is read when a run begins, and at the start of a
 * slice if a thread waits for input (`takeIn`).
 *
 * What is typed for a program in line mode is echoed and edited as it comes. Input from before the program was in the
 * foreground belongs to its next reader: it waits as it came, and what comes after it waits too. It is echoed when it is
 * read in lines, one line at a time. So pasted commands are shown once, by the shell that reads them, however many programs
 * they start. Ctrl-C, Ctrl-S and Ctrl-Q take effect at once.
 */
export class KernelConsole {
  static readonly state = schema(
    'console',
    KernelConsole,
    {
      writtenBytes: value,
      readBytes: value,
      hasEnded: value,
      arrived: value,
      shownBytes: value,
      discipline: value,
      console: outside('of the host'),
      host: outside('the kernel'),
    },
    { isPart: true },
  );

  private writtenBytes = 0;
  private readBytes = 0;
  /** Nothing more will come. */
  hasEnded = false;
  /** Bytes that came, before the line discipline or a program takes them. */
  private arrived: Uint8Array = new Uint8Array(0);
  /** Number of leading bytes of `arrived` already echoed, for a program that did not read them. */
  private shownBytes = 0;
  private readonly discipline = new LineDiscipline();

  constructor(
    private readonly console: Console,
    private readonly host: ConsoleHost,
  ) {}

  get isTerminal(): boolean {
    return this.console.isTerminal === true;
  }

  /** True while programs that write have to wait: Ctrl-S was typed. */
  get isSuspended(): boolean {
    return this.discipline.isSuspended && isLines(this.host.foreground());
  }

  write(bytes: Uint8Array): void {
    this.writtenBytes += bytes.length;
    this.console.write(bytes, this.host.writer());
  }

  /**
   * Reads input for a process in its mode. Returns as `Console.read` does, but the count of bytes given to `deliver`. If
   * `deliver` throws, the bytes stay for the next reader.
   */
  read(max: number, mode: ConsoleMode, deliver: (bytes: Uint8Array) => void): number | 'end' | undefined {
    const isLine = this.isTerminal && mode === CONSOLE_MODE.lines;
    const input = isLine ? this.peekLine(max) : this.peekRaw(max);
    if (input === undefined) return this.isTerminal && this.hasEnded ? 'end' : undefined;
    if (input !== 'end') deliver(input);
    if (isLine) this.discipline.take(input === 'end' ? 0 : input.length);
    if (input === 'end') return 'end';
    if (!isLine) this.take(input.length);
    return input.length;
  }

  /** Takes in what was typed at the terminal since the last time, and acts on it. No effect on a pipe. */
  takeIn(): void {
    const isFirstInLine = this.arrived.length === 0;
    while (this.isTerminal && !this.hasEnded) {
      const room = WAITING_BYTES_MAX - this.arrived.length - this.discipline.length;
      const input = room > 0 ? this.ask(room) : undefined;
      if (input === undefined) break;
      if (input === 'end') this.hasEnded = true;
      else this.arrived = concatenated([this.arrived, input]);
    }
    this.settle();
    if (isFirstInLine && isLines(this.host.foreground())) this.type(this.arrived.length);
  }

  /** Takes in what there is for those who are woken by input: of a terminal, as `takeIn`; of a pipe, if nothing waits. */
  fill(): void {
    if (this.isTerminal) return this.takeIn();
    if (this.arrived.length > 0 || this.hasEnded) return;
    const input = this.ask(WAITING_BYTES_MAX);
    if (input === 'end') this.hasEnded = true;
    else if (input !== undefined) this.arrived = input;
  }

  /** Whether `read` would return something in a mode. Asks a pipe. */
  hasInput(mode: ConsoleMode): boolean {
    if (!this.isTerminal) this.fill();
    if (this.hasEnded) return true;
    const isLine = this.isTerminal && mode === CONSOLE_MODE.lines;
    return isLine ? this.peekLine(1) !== undefined : this.arrived.length > 0 || this.discipline.length > 0;
  }

  /**
   * Acts on the keys among the waiting input that do not wait for a reader. Ctrl-C discards what was typed before it, and
   * ends the process in the foreground; the first process reads it instead if it is in raw mode. Ctrl-S and Ctrl-Q suspend
   * and resume output in line mode. Bytes of a pipe are no keys.
   */
  settle(): void {
    while (this.isTerminal && this.arrived.length > 0) {
      const foreground = this.host.foreground();
      const isRaw = foreground !== undefined && !isLines(foreground);
      if (isRaw && foreground.isFirst) return;
      const keys = foreground?.rules?.signalKeys ?? [INTERRUPT];
      const length = this.arrived.findIndex((byte) => keys.includes(byte)) + 1;
      if (length === 0)
        return isRaw || foreground?.rules?.obeysFlowControl === false ? undefined : this.obeyFlowControl();
      this.actOn(length, isRaw, foreground);
    }
  }

  /** Acts on a key that sends a signal, the last of so many bytes. */
  private actOn(length: number, isRaw: boolean, foreground: Foreground | undefined): void {
    const key = this.arrived[length - 1]!;
    if (isRaw) this.take(length);
    else {
      this.type(length - 1);
      // Whatever the key is, what was typed before it is forgotten.
      const isShown = this.shownBytes > 0;
      this.take(1);
      const echo = this.discipline.interrupt(key);
      const shown = foreground?.rules?.shown(echo, key) ?? echo;
      if (!isShown && shown.length > 0) this.console.write(shown);
    }
    if (foreground && !foreground.rules?.raise(key)) this.host.interrupt(foreground.process);
  }

  /** Forgets what was typed and not read. */
  discardInput(): void {
    this.takeIn();
    this.take(this.arrived.length);
    this.discipline.takeAll();
  }

  /** How many bytes can be read at once in a mode. */
  readableBytes(mode: ConsoleMode): number {
    const isLine = this.isTerminal && mode === CONSOLE_MODE.lines;
    const line = isLine ? this.peekLine(WAITING_BYTES_MAX) : undefined;
    if (isLine) return line === undefined || line === 'end' ? 0 : line.length;
    return this.arrived.length + this.discipline.length;
  }

  /** Takes Ctrl-S and Ctrl-Q out of the waiting input; the last of them counts. */
  private obeyFlowControl(): void {
    const keys = this.arrived.filter(isFlowControl);
    if (keys.length === 0) return;
    keys.forEach((key) => this.discipline.type(key));
    this.shownBytes -= this.arrived.subarray(0, this.shownBytes).filter(isFlowControl).length;
    this.arrived = this.arrived.filter((byte) => !isFlowControl(byte));
  }

  /** Gives the first bytes to the line discipline, and shows its echo of those that were not echoed before. */
  private type(length: number): void {
    if (length === 0) return;
    const { shownBytes } = this;
    const rules = this.host.foreground()?.rules;
    const echo = Array.from(this.take(length), (byte) => {
      const all = this.discipline.type(byte);
      return rules ? rules.shown(all, byte) : all;
    });
    const shown = concatenated(echo.slice(shownBytes));
    // Echo is not counted as written: it follows from the input.
    if (shown.length > 0) this.console.write(shown);
  }

  /** The first bytes of a line; waiting input is typed up to the end of the line first. */
  private peekLine(max: number): Uint8Array | 'end' | undefined {
    if (this.discipline.peek(max) === undefined && this.arrived.length > 0)
      this.type(this.discipline.lengthOfLine(this.arrived));
    return this.discipline.peek(max);
  }

  /** Bytes as they came, those first that were typed for the reader before. A pipe is read now. */
  private peekRaw(max: number): Uint8Array | 'end' | undefined {
    if (this.discipline.length > 0) {
      const returned = this.discipline.takeAll();
      this.arrived = concatenated([returned, this.arrived]);
      this.shownBytes += returned.length;
    }
    if (!this.isTerminal && this.arrived.length === 0) {
      const input = this.ask(max);
      if (input === undefined || input === 'end') return input;
      this.arrived = input;
    }
    return this.arrived.length > 0 ? this.arrived.slice(0, max) : undefined;
  }

  private take(max: number): Uint8Array {
    const taken = this.arrived.subarray(0, max);
    this.arrived = this.arrived.subarray(max);
    this.shownBytes = Math.max(0, this.shownBytes - max);
    return taken;
  }

  /** Reads from the host, and tells the kernel what came. */
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

/** Whether what is typed for somebody is read in lines. */
function isLines(foreground: Foreground | undefined): boolean {
  return foreground?.rules?.isLines ?? foreground?.process.consoleMode === CONSOLE_MODE.lines;
}
