import { outside, schema, value } from '../state/schema.js';
import { periodsIn, ticksFor, type DeviceClock, type TimedDevice } from './device-time.js';
import type { InterruptLine } from './interrupt-line.js';
import type { PortDevice } from './io-bus.js';

/** The rate at which the counters count. */
export const PIT_HERTZ = 1_193_182;

const COUNTERS = 3;
const CONTROL = 3;
/** The counter whose gate and output are in port 61h. */
export const SPEAKER = 2;
const WHOLE = 0x1_0000;
const NEVER = Infinity;

type Access = 'low' | 'high' | 'both';
const ACCESSES: readonly (Access | undefined)[] = [undefined, 'low', 'high', 'both'];

/** One counter of an 8254. Everything it shows follows from the tick at which its count was loaded. */
class Counter {
  static readonly state = schema(
    'counter',
    Counter,
    {
      clock: outside('its place on the board'),
      mode: value,
      access: value,
      isBcd: value,
      count: value,
      loadedAt: value,
      isCounting: value,
      gate: value,
      lowByte: value,
      readsHigh: value,
      latched: value,
      latchedStatus: value,
    },
    { isPart: true },
  );

  private mode = 3;
  private access: Access = 'both';
  private isBcd = false;
  /** The number counted down from, 1 to 65,536. */
  private count = WHOLE;
  private loadedAt = 0;
  /** Whether a count was loaded since the mode was set, and, in modes 1 and 5, the gate has risen. */
  private isCounting = false;
  gate = true;
  /** The low byte of a count, until the high byte follows. */
  private lowByte: number | undefined;
  private readsHigh = false;
  private latched: number | undefined;
  private latchedStatus: number | undefined;

  constructor(private readonly clock: DeviceClock) {}

  setMode(access: Access, mode: number, isBcd: boolean): void {
    this.access = access;
    this.mode = mode > 5 ? mode - 4 : mode;
    this.isBcd = isBcd;
    this.isCounting = false;
    this.lowByte = undefined;
    this.readsHigh = false;
    this.latched = undefined;
    this.latchedStatus = undefined;
  }

  write(byte: number): void {
    if (this.access === 'low') return this.load(byte);
    if (this.access === 'high') return this.load(byte << 8);
    if (this.lowByte === undefined) {
      this.lowByte = byte;
      if (this.mode === 0) this.isCounting = false;
      return;
    }
    const whole = this.lowByte | (byte << 8);
    this.lowByte = undefined;
    this.load(whole);
  }

  private load(raw: number): void {
    const number = this.isBcd ? fromBcd(raw) : raw;
    this.count = number === 0 ? (this.isBcd ? 10_000 : WHOLE) : number;
    if (this.mode === 1 || this.mode === 5) return;
    this.loadedAt = this.clock.ticks;
    this.isCounting = true;
  }

  /** In modes 1, 2, 3 and 5 counting starts anew when the gate rises. */
  setGate(isHigh: boolean): void {
    const rises = isHigh && !this.gate;
    this.gate = isHigh;
    if (!rises || this.mode === 0 || this.mode === 4) return;
    this.loadedAt = this.clock.ticks;
    if (this.mode === 1 || this.mode === 5) this.isCounting = true;
  }

  private get elapsed(): number {
    return periodsIn(this.clock.ticks - this.loadedAt, PIT_HERTZ);
  }

  /** The counting element. */
  private get current(): number {
    const { count, elapsed } = this;
    if (!this.isCounting) return count % WHOLE;
    if (this.mode === 2) return count - (elapsed % count);
    if (this.mode === 3) return (count - ((2 * elapsed) % count)) & ~1;
    return (((count - elapsed) % WHOLE) + WHOLE) % WHOLE;
  }

  latch(): void {
    this.latched ??= this.current;
  }
  latchStatus(): void {
    const access = ACCESSES.indexOf(this.access) << 4;
    this.latchedStatus ??=
      (this.output ? 0x80 : 0) | (this.isCounting ? 0 : 0x40) | access | (this.mode << 1) | (this.isBcd ? 1 : 0);
  }

  read(): number {
    if (this.latchedStatus !== undefined) {
      const status = this.latchedStatus;
      this.latchedStatus = undefined;
      return status;
    }
    const value = this.latched ?? this.current;
    const shown = this.isBcd ? toBcd(value) : value;
    const isHigh = this.access === 'high' || (this.access === 'both' && this.readsHigh);
    if (this.access === 'both') this.readsHigh = !this.readsHigh;
    if (this.access !== 'both' || isHigh) this.latched = undefined;
    return (isHigh ? shown >> 8 : shown) & 0xff;
  }

  /** OUT. */
  get output(): boolean {
    const { count, mode } = this;
    if (!this.isCounting) return mode !== 0;
    const { elapsed } = this;
    if (mode === 0 || mode === 1) return elapsed >= count;
    if (mode === 2) return elapsed % count !== count - 1;
    if (mode === 3) return elapsed % count < Math.ceil(count / 2);
    return elapsed !== count;
  }

  /** The next tick at which OUT changes. */
  get nextChange(): number {
    const { count, mode, elapsed } = this;
    if (!this.isCounting) return NEVER;
    const at = (periods: number): number => this.loadedAt + ticksFor(periods, PIT_HERTZ);
    const start = elapsed - (elapsed % count);
    if (mode === 2) return at(elapsed % count < count - 1 ? start + count - 1 : start + count);
    if (mode === 3) {
      const half = Math.ceil(count / 2);
      return at(elapsed % count < half ? start + half : start + count);
    }
    if (elapsed < count) return at(count);
    return mode >= 4 && elapsed === count ? at(count + 1) : NEVER;
  }
}

/** The 8254 programmable interval timer: counter 0 raises IRQ 0. Intel 8254 data sheet, 231164. */
export class IntervalTimer implements PortDevice, TimedDevice {
  static readonly state = schema(
    'programmable interval timer',
    IntervalTimer,
    { counters: value, interrupt: outside('its place on the board') },
    { isPart: true },
  );

  private readonly counters: readonly Counter[];

  constructor(
    clock: DeviceClock,
    private readonly interrupt: InterruptLine,
  ) {
    this.counters = Array.from({ length: COUNTERS }, () => new Counter(clock));
    this.setSpeakerGate(false);
  }

  update(): void {
    this.interrupt.set(this.counters[0]!.output);
  }
  get nextChange(): number {
    return this.counters[0]!.nextChange;
  }

  get speakerOutput(): boolean {
    return this.counters[SPEAKER]!.output;
  }
  get speakerGate(): boolean {
    return this.counters[SPEAKER]!.gate;
  }
  setSpeakerGate(isHigh: boolean): void {
    this.counters[SPEAKER]!.setGate(isHigh);
  }

  readPort(port: number): number {
    const counter = this.counters[port & 3];
    return counter ? counter.read() : 0xff;
  }

  writePort(port: number, value: number): void {
    const number = port & 3;
    if (number !== CONTROL) this.counters[number]!.write(value);
    else if (value >> 6 === CONTROL) this.readBack(value);
    else this.select(this.counters[value >> 6]!, value);
    this.update();
  }

  private select(counter: Counter, value: number): void {
    const access = ACCESSES[(value >> 4) & 3];
    if (access === undefined) counter.latch();
    else counter.setMode(access, (value >> 1) & 7, (value & 1) !== 0);
  }

  /** The read-back command: bits 5 and 4 are active when low. */
  private readBack(value: number): void {
    this.counters.forEach((counter, number) => {
      if (!(value & (2 << number))) return;
      if (!(value & 0x20)) counter.latch();
      if (!(value & 0x10)) counter.latchStatus();
    });
  }
}

function fromBcd(bcd: number): number {
  return [12, 8, 4, 0].reduce((number, shift) => number * 10 + ((bcd >> shift) & 15), 0);
}

function toBcd(number: number): number {
  return [1000, 100, 10, 1].reduce((bcd, unit) => (bcd << 4) | (Math.floor(number / unit) % 10), 0);
}
