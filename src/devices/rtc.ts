import { outside, schema, value } from '../state/schema.js';
import { TICKS_PER_SECOND, type DeviceClock, type TimedDevice } from './device-time.js';
import type { InterruptLine } from './interrupt-line.js';
import type { PortDevice } from './io-bus.js';

/** Registers of the clock, and those of the CMOS memory that tell how much memory there is. */
const SECONDS = 0x00;
const SECONDS_ALARM = 0x01;
const MINUTES = 0x02;
const MINUTES_ALARM = 0x03;
const HOURS = 0x04;
const HOURS_ALARM = 0x05;
const WEEKDAY = 0x06;
const DAY = 0x07;
const MONTH = 0x08;
const YEAR = 0x09;
const A = 0x0a;
const B = 0x0b;
const C = 0x0c;
const D = 0x0d;
export const CENTURY = 0x32;
const REGISTERS = 128;
const TIME = [SECONDS, MINUTES, HOURS, WEEKDAY, DAY, MONTH, YEAR, CENTURY];

const A_UPDATING = 0x80;
const B_HALTED = 0x80;
const B_BINARY = 0x04;
const B_24_HOURS = 0x02;
const C_INTERRUPT = 0x80;
/** In B they enable an interrupt, in C they say that it is due. */
const PERIODIC = 0x40;
const ALARM = 0x20;
const UPDATE = 0x10;
const D_VALID = 0x80;

/** How long before the next second the registers may not be read. */
const UPDATE_TICKS = 244_000;
const PERIODIC_HERTZ = 32_768;
const ANY = 0xc0;
const PM = 0x80;

/** The MC146818 clock with its CMOS memory. Motorola MC146818A data sheet. */
export class RealTimeClock implements PortDevice, TimedDevice {
  static readonly state = schema(
    'real-time clock',
    RealTimeClock,
    {
      clock: outside('its place on the board'),
      interrupt: outside('its place on the board'),
      memory: value,
      index: value,
      secondsAtStart: value,
      flags: value,
      seenUntil: value,
    },
    { isPart: true, prepare: (rtc) => rtc.update() },
  );

  private readonly memory = new Uint8Array(REGISTERS);
  private index = 0;
  /** Flags of C. */
  private flags = 0;
  /** The tick up to which interrupts have been looked for. */
  private seenUntil = 0;

  constructor(
    private readonly clock: DeviceClock,
    private readonly interrupt: InterruptLine,
    /** Seconds since 1970 when the ticks are 0. */
    private secondsAtStart: number,
    memoryBytes: number,
  ) {
    this.memory[A] = 0x26;
    this.memory[B] = B_24_HOURS;
    this.noteMemory(memoryBytes);
  }

  /** Base memory in KiB, memory above 1 MiB in KiB, and above 16 MiB in units of 64 KiB. */
  private noteMemory(bytes: number): void {
    const above1M = Math.min(Math.max(bytes - 0x10_0000, 0) / 1024, 0xfc00);
    const above16M = Math.min(Math.max(bytes - 0x100_0000, 0) / 0x1_0000, 0xffff);
    for (const [at, value] of [
      [0x15, 640],
      [0x17, above1M],
      [0x30, above1M],
      [0x34, above16M],
    ] as const) {
      this.memory[at] = value & 0xff;
      this.memory[at + 1] = value >> 8;
    }
  }

  readPort(port: number): number {
    return port & 1 ? this.read(this.index) : 0xff;
  }

  writePort(port: number, value: number): void {
    if (port & 1) this.write(this.index, value);
    else this.index = value & (REGISTERS - 1);
  }

  private get seconds(): number {
    return this.secondsAtStart + Math.floor(this.clock.ticks / TICKS_PER_SECOND);
  }

  private read(register: number): number {
    if (TIME.includes(register))
      return this.memory[B]! & B_HALTED ? this.memory[register]! : this.timeRegister(register, this.seconds);
    if (register === A) return this.memory[A]! | (this.isUpdating ? A_UPDATING : 0);
    if (register === D) return D_VALID;
    if (register !== C) return this.memory[register]!;
    this.update();
    const flags = this.flags;
    this.flags = 0;
    this.output();
    return flags | (flags & this.memory[B]! & (PERIODIC | ALARM | UPDATE) ? C_INTERRUPT : 0);
  }

  private get isUpdating(): boolean {
    return !(this.memory[B]! & B_HALTED) && TICKS_PER_SECOND - (this.clock.ticks % TICKS_PER_SECOND) <= UPDATE_TICKS;
  }

  private write(register: number, value: number): void {
    if (register === C || register === D) return;
    this.update();
    const isHalted = (this.memory[B]! & B_HALTED) !== 0;
    if (register === B && value & B_HALTED && !isHalted)
      for (const time of TIME) this.memory[time] = this.timeRegister(time, this.seconds);
    if (TIME.includes(register) && !isHalted) return this.setRunning(register, value);
    this.memory[register] = register === A ? value & ~A_UPDATING : value;
    if (register === B && isHalted && !(value & B_HALTED)) this.setTime();
    this.output();
  }

  /** Sets one register while the clock runs. */
  private setRunning(register: number, value: number): void {
    for (const time of TIME) this.memory[time] = this.timeRegister(time, this.seconds);
    this.memory[register] = value;
    this.setTime();
  }

  /** Takes over the registers as the time of now. */
  private setTime(): void {
    const [second, minute, , , day, month, year, century] = TIME.map((time) => this.decoded(this.memory[time]!));
    const hours = this.memory[HOURS]!;
    const is24 = (this.memory[B]! & B_24_HOURS) !== 0;
    const hour = is24 ? this.decoded(hours) : (this.decoded(hours & ~PM) % 12) + (hours & PM ? 12 : 0);
    const now = secondsOf(century! * 100 + year!, month!, day!) + hour * 3600 + minute! * 60 + second!;
    this.secondsAtStart = now - Math.floor(this.clock.ticks / TICKS_PER_SECOND);
  }

  private timeRegister(register: number, seconds: number): number {
    const { year, month, day } = dateOf(seconds);
    const hour = Math.floor(seconds / 3600) % 24;
    switch (register) {
      case SECONDS:
        return this.encoded(seconds % 60);
      case MINUTES:
        return this.encoded(Math.floor(seconds / 60) % 60);
      case HOURS:
        if (this.memory[B]! & B_24_HOURS) return this.encoded(hour);
        return this.encoded(((hour + 11) % 12) + 1) | (hour >= 12 ? PM : 0);
      case WEEKDAY:
        return this.encoded(((Math.floor(seconds / 86400) + 4) % 7) + 1);
      case DAY:
        return this.encoded(day);
      case MONTH:
        return this.encoded(month);
      case YEAR:
        return this.encoded(year % 100);
      default:
        return this.encoded(Math.floor(year / 100));
    }
  }

  private encoded(number: number): number {
    return this.memory[B]! & B_BINARY ? number : (Math.floor(number / 10) << 4) | (number % 10);
  }
  private decoded(byte: number): number {
    return this.memory[B]! & B_BINARY ? byte : (byte >> 4) * 10 + (byte & 15);
  }

  /** Ticks between periodic interrupts, or 0. */
  private get period(): number {
    const rate = this.memory[A]! & 15;
    if (rate === 0 || !(this.memory[B]! & PERIODIC)) return 0;
    const shift = rate < 3 ? rate + 6 : rate - 1;
    return (2 ** shift * TICKS_PER_SECOND) / PERIODIC_HERTZ;
  }

  update(): void {
    const { ticks } = this.clock;
    const before = this.seenUntil;
    this.seenUntil = ticks;
    const { period } = this;
    if (period > 0 && Math.floor(ticks / period) > Math.floor(before / period)) this.flags |= PERIODIC;
    const seconds = Math.floor(ticks / TICKS_PER_SECOND) - Math.floor(before / TICKS_PER_SECOND);
    if (seconds > 0 && !(this.memory[B]! & B_HALTED)) {
      this.flags |= UPDATE;
      if (this.isAlarm(this.seconds)) this.flags |= ALARM;
    }
    this.output();
  }

  private isAlarm(seconds: number): boolean {
    return (
      [
        [SECONDS, SECONDS_ALARM],
        [MINUTES, MINUTES_ALARM],
        [HOURS, HOURS_ALARM],
      ] as const
    ).every(([time, alarm]) => {
      const wanted = this.memory[alarm]!;
      return (wanted & ANY) === ANY || wanted === this.timeRegister(time, seconds);
    });
  }

  get nextChange(): number {
    const { ticks } = this.clock;
    const { period } = this;
    const periodic = period > 0 ? Math.ceil((Math.floor(ticks / period) + 1) * period) : Infinity;
    const second = (Math.floor(ticks / TICKS_PER_SECOND) + 1) * TICKS_PER_SECOND;
    return Math.min(periodic, this.memory[B]! & (ALARM | UPDATE) ? second : Infinity);
  }

  private output(): void {
    this.interrupt.set((this.flags & this.memory[B]! & (PERIODIC | ALARM | UPDATE)) !== 0);
  }
}

/** Seconds from 1970 to the start of a day of the Gregorian calendar. */
function secondsOf(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return (era * 146097 + dayOfEra - 719468) * 86400;
}

function dateOf(seconds: number): { readonly year: number; readonly month: number; readonly day: number } {
  const days = Math.floor(seconds / 86400) + 719468;
  const era = Math.floor(days / 146097);
  const dayOfEra = days - era * 146097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36524) - Math.floor(dayOfEra / 146096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shifted = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shifted < 10 ? shifted + 3 : shifted - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shifted + 2) / 5) + 1,
  };
}
