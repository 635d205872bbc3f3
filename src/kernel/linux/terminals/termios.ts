/** Settings of terminals: include/uapi/asm-generic/termbits.h. */
import { schema, value } from '../../../state/schema.js';
import { Signal } from '../signals/signal.js';

/** A bit of the settings, or several that belong together: in which of the words of flags it is. */
export interface Flag {
  readonly word: number;
  readonly bits: number;
}

const input = (bits: number): Flag => ({ word: 0, bits });
const output = (bits: number): Flag => ({ word: 1, bits });
const local = (bits: number): Flag => ({ word: 3, bits });

export const ISTRIP = input(0o40);
export const INLCR = input(0o100);
export const IGNCR = input(0o200);
export const ICRNL = input(0o400);
export const IXON = input(0o2000);
export const IXANY = input(0o4000);
export const IUTF8 = input(0o40000);

export const OPOST = output(0o1);
export const ONLCR = output(0o4);
export const OCRNL = output(0o10);
export const ONOCR = output(0o20);
export const ONLRET = output(0o40);
export const XTABS = output(0o14000);

export const ISIG = local(0o1);
export const ICANON = local(0o2);
export const ECHO = local(0o10);
export const ECHOE = local(0o20);
export const ECHOK = local(0o40);
export const ECHONL = local(0o100);
export const NOFLSH = local(0o200);
export const TOSTOP = local(0o400);
export const ECHOCTL = local(0o1000);
export const ECHOKE = local(0o4000);
export const IEXTEN = local(0o100000);

const B38400 = 0o17;
const CS8 = 0o60;
const CREAD = 0o200;

/** Places of the characters. */
export const VINTR = 0;
export const VQUIT = 1;
export const VERASE = 2;
export const VKILL = 3;
export const VEOF = 4;
export const VTIME = 5;
export const VMIN = 6;
export const VSTART = 8;
export const VSTOP = 9;
export const VSUSP = 10;
export const VEOL = 11;
export const VREPRINT = 12;
export const VWERASE = 14;
export const VLNEXT = 15;
export const VEOL2 = 16;

/** The keys that raise signals, by their places, and the signals. */
export const SIGNAL_KEYS: readonly (readonly [place: number, signal: number])[] = [
  [VINTR, Signal.SIGINT],
  [VQUIT, Signal.SIGQUIT],
  [VSUSP, Signal.SIGTSTP],
];

/** What Linux gives a terminal at first: ^C ^\ ^? ^U ^D, no time, one byte, then ^Q ^S ^Z ^R ^O ^W ^V. */
const CHARACTERS = [3, 0x1c, 0x7f, 0x15, 4, 0, 1, 0, 0x11, 0x13, 0x1a, 0, 0x12, 0x0f, 0x17, 0x16, 0, 0, 0];

/** Bytes of struct termios as the kernel has it. */
export const TERMIOS_BYTES = 36;
const CHARACTERS_OFFSET = 17;
const DECISECOND = 100_000_000;

/** The settings of a terminal, its size, and whose it is. */
export class Termios {
  /** @internal */
  static readonly state = schema('terminal settings', Termios, {
    ...{ flags: value, characters: value, line: value, size: value, group: value, session: value },
  });

  /** c_iflag, c_oflag, c_cflag, c_lflag. */
  private readonly flags = new Uint32Array([
    ICRNL.bits | IXON.bits,
    OPOST.bits | ONLCR.bits,
    B38400 | CS8 | CREAD,
    [ISIG, ICANON, ECHO, ECHOE, ECHOK, ECHOCTL, ECHOKE, IEXTEN].reduce((all, { bits }) => all | bits, 0),
  ]);
  private readonly characters = Uint8Array.from(CHARACTERS);
  private line = 0;
  /** Rows, columns, and the size in pixels. */
  readonly size: Uint16Array;
  /** The process group in the foreground, and the session whose terminal it is; 0: none. */
  group = 0;
  session = 0;

  constructor(size: readonly [rows: number, columns: number]) {
    this.size = new Uint16Array([...size, 0, 0]);
  }

  has({ word, bits }: Flag): boolean {
    return (this.flags[word]! & bits) === bits;
  }

  character(place: number): number {
    return this.characters[place]!;
  }

  /** Whether a byte is the character of a place; 0 stands for no character. */
  isKey(place: number, byte: number): boolean {
    return byte !== 0 && this.characters[place] === byte;
  }

  /** The signal that a key raises. */
  signalOf(key: number): number | undefined {
    return SIGNAL_KEYS.find(([place]) => this.isKey(place, key))?.[1];
  }

  /** Input is read in lines. */
  get isLines(): boolean {
    return this.has(ICANON);
  }

  /** Ctrl-S and Ctrl-Q stop the output and let it go on. */
  get hasUsualFlow(): boolean {
    return (
      this.has(IXON) && this.character(VSTOP) === CHARACTERS[VSTOP] && this.character(VSTART) === CHARACTERS[VSTART]
    );
  }

  /** How long a read waits for input that is not in lines, in ticks: 0 for not at all, Infinity for as long as it takes. */
  get patience(): number {
    if (this.isLines || this.character(VMIN) > 0) return Infinity;
    return this.character(VTIME) * DECISECOND;
  }

  /** Bytes that have to be there before a read of so many ends, unless `gap` ends it. */
  leastBytes(length: number): number {
    return this.isLines ? 1 : Math.max(1, Math.min(length, this.character(VMIN)));
  }

  /** Bytes that have to be there before input is ready for poll(2). */
  get readyBytes(): number {
    return this.character(VTIME) === 0 ? this.leastBytes(Infinity) : 1;
  }

  /** How long a read that has some bytes, but not enough, waits for the next, in ticks. */
  get gap(): number {
    return this.character(VTIME) === 0 ? Infinity : this.character(VTIME) * DECISECOND;
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
