import { outside, schema, value } from '../../../state/schema.js';
import type { TerminalRules } from '../../terminal/foreground.js';
import { ECHO, ICRNL, ISIG, IXON, SIGNAL_KEYS, Termios } from './termios.js';

const RETURN = 0x0d;
const NEWLINE = 0x0a;

/** Sends the signals that keys of a terminal cause. */
export interface TerminalSignals {
  /** Sends a signal to a process group. Returns false where nobody is in it. */
  raise(group: number, signal: number): boolean;
}

/** The machine's terminal for programs of Linux: what its settings make of keys. */
export class Terminal implements TerminalRules {
  /** @internal */
  static readonly state = schema(
    'terminal',
    Terminal,
    { settings: value, host: outside('the kernel') },
    { isPart: true },
  );

  readonly settings = new Termios([24, 80]);

  constructor(private readonly host: TerminalSignals) {}

  get isLines(): boolean {
    return this.settings.isLines;
  }

  get obeysFlowControl(): boolean {
    return this.settings.has(IXON);
  }

  get signalKeys(): readonly number[] {
    const { settings } = this;
    if (!settings.has(ISIG)) return [];
    return SIGNAL_KEYS.map(([place]) => settings.character(place)).filter((key) => key !== 0);
  }

  raise(key: number): boolean {
    const signal = this.settings.signalOf(key);
    return signal !== undefined && this.host.raise(this.settings.group, signal);
  }

  /** What is shown of what a line shows for a key. */
  shown(echo: Uint8Array, key: number): Uint8Array {
    if (!this.settings.has(ECHO)) return echo.subarray(0, 0);
    // The program that gets a signal begins the line.
    return this.signalKeys.includes(key) && echo.at(-1) === NEWLINE ? echo.subarray(0, -1) : echo;
  }

  /** Input as programs get it that do not read lines. */
  translated(input: Uint8Array): Uint8Array {
    return this.settings.has(ICRNL) ? input.map((byte) => (byte === RETURN ? NEWLINE : byte)) : input;
  }
}
