import { outside, schema, value } from '../../state/schema.js';
import type { InterruptLine } from '../interrupt-line.js';
import type { MemoryDevice, MemoryRange } from '../memory-bus.js';

export const IO_APIC_BASE = 0xfec0_0000;
/** The pin that has IRQ 0 of a PC; all other IRQs have the pins with their own numbers. */
export const TIMER_PIN = 2;
const IO_APIC_PINS = 24;

/** Registers in memory: Intel 82093AA data sheet, 290566, and the EOI register of its successors. */
const SELECT = 0x00;
const WINDOW = 0x10;
const END_OF_INTERRUPT = 0x40;

const ID = 0;
const VERSION = 1;
const ARBITRATION = 2;
const REDIRECTIONS = 0x10;
/** Version 20h, with 24 pins. */
const VERSION_VALUE = 0x0017_0020;

/** The low word of a redirection. */
const DELIVERY = 7 << 8;
const LOWEST_PRIORITY = 1 << 8;
const LOGICAL = 1 << 11;
const REMOTE_IRR = 1 << 14;
const LEVEL = 1 << 15;
const MASKED = 1 << 16;
const WRITABLE = 0x1_afff;

/** A message that an interrupt makes. */
export interface InterruptMessage {
  readonly vector: number;
  readonly isLevel: boolean;
  readonly destination: number;
  readonly isLogical: boolean;
}

/** The I/O APIC. Polarity does not matter: a line is asserted or not. Interrupts are fixed or of lowest priority. */
export class IoApic implements MemoryDevice, MemoryRange {
  static readonly state = schema(
    'I/O APIC',
    IoApic,
    {
      base: outside('a constant'),
      bytes: outside('a constant'),
      selected: value,
      id: value,
      lines: value,
      low: value,
      high: value,
      send: outside('its place on the board'),
    },
    { isPart: true },
  );

  readonly base = IO_APIC_BASE;
  readonly bytes = 4096;
  private selected = 0;
  private id = 0;
  /** Pins that are asserted, a bit each. */
  private lines = 0;
  /** The redirection table. */
  private readonly low = new Uint32Array(IO_APIC_PINS).fill(MASKED);
  private readonly high = new Uint32Array(IO_APIC_PINS);

  constructor(
    /** Sends an interrupt to the local APIC. */
    private readonly send: (message: InterruptMessage) => void,
  ) {}

  get device(): MemoryDevice {
    return this;
  }

  line(pin: number): InterruptLine {
    return { set: (isHigh) => this.setLine(pin, isHigh) };
  }

  private setLine(pin: number, isHigh: boolean): void {
    const bit = 1 << pin;
    const rises = isHigh && !(this.lines & bit);
    this.lines = isHigh ? this.lines | bit : this.lines & ~bit;
    if (this.low[pin]! & LEVEL) this.sendLevel(pin);
    else if (rises && !(this.low[pin]! & MASKED)) this.sendFrom(pin);
  }

  /** A level interrupt is sent while its line is high, but not again before it has ended. */
  private sendLevel(pin: number): void {
    const entry = this.low[pin]!;
    if (!(this.lines & (1 << pin)) || !(entry & LEVEL) || entry & (MASKED | REMOTE_IRR)) return;
    this.low[pin] = entry | REMOTE_IRR;
    this.sendFrom(pin);
  }

  private sendFrom(pin: number): void {
    const entry = this.low[pin]!;
    if ((entry & DELIVERY) > LOWEST_PRIORITY) return;
    const [isLevel, isLogical] = [(entry & LEVEL) !== 0, (entry & LOGICAL) !== 0];
    this.send({ vector: entry & 0xff, isLevel, destination: this.high[pin]! >>> 24, isLogical });
  }

  /** The processor has ended a level interrupt with this vector. */
  endOfInterrupt(vector: number): void {
    for (let pin = 0; pin < IO_APIC_PINS; pin++) {
      if ((this.low[pin]! & 0xff) !== vector || !(this.low[pin]! & LEVEL)) continue;
      this.low[pin] = this.low[pin]! & ~REMOTE_IRR;
      this.sendLevel(pin);
    }
  }

  readMemory(offset: number, bytes: number): number {
    const word = offset & ~3;
    const value = word === SELECT ? this.selected : word === WINDOW ? this.read() : 0;
    return (value >>> (8 * (offset & 3))) % 2 ** (8 * bytes);
  }

  private read(): number {
    const { selected } = this;
    if (selected === ID || selected === ARBITRATION) return this.id;
    if (selected === VERSION) return VERSION_VALUE;
    const pin = (selected - REDIRECTIONS) >> 1;
    return (selected & 1 ? this.high[pin] : this.low[pin]) ?? 0;
  }

  writeMemory(offset: number, bytes: number, value: number): void {
    if (offset === SELECT) this.selected = value & 0xff;
    else if (offset === WINDOW && bytes === 4) this.write(value);
    else if (offset === END_OF_INTERRUPT) this.endOfInterrupt(value & 0xff);
  }

  private write(value: number): void {
    const { selected } = this;
    if (selected === ID) this.id = value & 0x0f00_0000;
    const pin = (selected - REDIRECTIONS) >> 1;
    if (pin < 0 || pin >= IO_APIC_PINS) return;
    if (selected & 1) {
      this.high[pin] = value & 0xff00_0000;
      return;
    }
    // Software that has no EOI register ends a level interrupt by making it an edge for a moment.
    const remote = value & LEVEL ? this.low[pin]! & REMOTE_IRR : 0;
    this.low[pin] = (value & WRITABLE) | remote;
    this.sendLevel(pin);
  }
}
