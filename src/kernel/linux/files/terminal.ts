import { schema, value, outside } from '../../../state/schema.js';
import type { TerminalRules } from '../../terminal/foreground.js';

/** Bits of termios and places of its characters: include/uapi/asm-generic/termbits.h. */
const ICRNL = 0o400;
const IXON = 0o2000;
const OPOST = 0o1;
const ONLCR = 0o4;
const B38400 = 0o17;
const CS8 = 0o60;
const CREAD = 0o200;
const ISIG = 0o1;
const ICANON = 0o2;
const ECHO = 0o10;
const ECHOE = 0o20;
const ECHOK = 0o40;
const ECHOCTL = 0o1000;
const ECHOKE = 0o4000;
const IEXTEN = 0o100000;
const VINTR = 0;
const VQUIT = 1;
const VTIME = 5;
const VMIN = 6;
const VSUSP = 10;

const SIGINT = 2;
const SIGQUIT = 3;
const SIGTSTP = 20;
/** The keys that raise signals, by their places, and the signals. */
const SIGNAL_OF: readonly (readonly [place: number, signal: number])[] = [
  [VINTR, SIGINT],
  [VQUIT, SIGQUIT],
  [VSUSP, SIGTSTP],
];

/** What Linux gives a terminal at first: ^C ^\ ^? ^U ^D, no time, one byte, then ^Q ^S ^Z ^R ^O ^W ^V. */
const CHARACTERS = [3, 0x1c, 0x7f, 0x15, 4, 0, 1, 0, 0x11, 0x13, 0x1a, 0, 0x12, 0x0f, 0x17, 0x16, 0, 0, 0];

/** Bytes of struct termios as the kernel has it. */
export const TERMIOS_BYTES = 36;
const CHARACTERS_OFFSET = 17;
const DECISECOND = 100_000_000;

/** What signals need to be told of the keys of a terminal. */
export interface TerminalSignals {
  /** Sends a signal to a process group. Returns false where nobody is in it. */
  raise(group: number, signal: number): boolean;
}

/** The settings of the machine's terminal for programs of Linux: termios(3), and the group in its foreground. */
export class Terminal implements TerminalRules {
  /** @internal */
  static readonly state = schema(
    'terminal',
    Terminal,
    {
      flags: value,
      characters: value,
      line: value,
      size: value,
      group: value,
      session: value,
      host: outside('the kernel'),
    },
    { isPart: true },
  );

  /** c_iflag, c_oflag, c_cflag, c_lflag. */
  private readonly flags = new Uint32Array([
    ICRNL | IXON,
    OPOST | ONLCR,
    B38400 | CS8 | CREAD,
    ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN,
  ]);
  private readonly characters = Uint8Array.from(CHARACTERS);
  private line = 0;
  /** Rows, columns, and the size in pixels. */
  readonly size = new Uint16Array([24, 80, 0, 0]);
  /** The process group in the foreground, and the session whose terminal it is; 0: none yet. */
  group = 0;
  session = 0;

  constructor(private readonly host: TerminalSignals) {}

  get isLines(): boolean {
    return (this.flags[3]! & ICANON) !== 0;
  }

  get obeysFlowControl(): boolean {
    return (this.flags[0]! & IXON) !== 0;
  }

  get signalKeys(): readonly number[] {
    return this.flags[3]! & ISIG ? SIGNAL_OF.map(([place]) => this.characters[place]!).filter((key) => key !== 0) : [];
  }

  raise(key: number): boolean {
    const found = SIGNAL_OF.find(([place]) => this.characters[place] === key);
    return found !== undefined && this.host.raise(this.group, found[1]);
  }

  /** What is shown of what a line shows for a key. */
  shown(echo: Uint8Array, key: number): Uint8Array {
    if ((this.flags[3]! & ECHO) === 0) return echo.subarray(0, 0);
    // The program that gets a signal begins the line.
    return this.signalKeys.includes(key) && echo.at(-1) === 0x0a ? echo.subarray(0, -1) : echo;
  }

  /** Input as programs get it that do not read lines. */
  translated(input: Uint8Array): Uint8Array {
    return this.flags[0]! & ICRNL ? input.map((byte) => (byte === 0x0d ? 0x0a : byte)) : input;
  }

  /** How long a read waits for input that is not in lines, in ticks: 0 for not at all, Infinity for as long as it takes. */
  get patience(): number {
    if (this.isLines || this.characters[VMIN]! > 0) return Infinity;
    return this.characters[VTIME]! * DECISECOND;
  }

  /** Writes struct termios. */
  save(view: DataView): void {
    this.flags.forEach((flags, index) => view.setUint32(index * 4, flags, true));
    view.setUint8(16, this.line);
    this.characters.forEach((character, index) => view.setUint8(CHARACTERS_OFFSET + index, character));
  }

  load(view: DataView): void {
    for (let index = 0; index < this.flags.length; index++) this.flags[index] = view.getUint32(index * 4, true);
    this.line = view.getUint8(16);
    for (let index = 0; index < this.characters.length; index++)
      this.characters[index] = view.getUint8(CHARACTERS_OFFSET + index);
  }
}
