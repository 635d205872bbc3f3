import { outside, schema, value } from '../state/schema.js';
import type { DeviceClock, TimedDevice } from './device-time.js';
import type { InterruptLine } from './interrupt-line.js';
import type { MemoryDevice, MemoryRange } from './memory-bus.js';

export const HPET_BASE = 0xfed0_0000;

/** One count takes 10 ns, which is 10 ticks. IA-PC HPET Specification 1.0a. */
const TICKS_PER_COUNT = 10;
const PERIOD_FEMTOSECONDS = 10_000_000n;
const TIMERS = 3;
/** Intel, revision 1: three timers of 64 bits, which can replace the PIT and the clock. */
export const HPET_CAPABILITIES = 0x8086_a201;

/** Registers, in words of 64 bits. */
const CAPABILITIES = 0x00;
const CONFIGURATION = 0x10;
const STATUS = 0x20;
const COUNTER = 0xf0;
const FIRST_TIMER = 0x100;
const TIMER_BYTES = 0x20;
const TIMER_COMPARATOR = 8;

const ENABLED = 1n;
const LEGACY = 2n;

const LEVEL = 1n << 1n;
const INTERRUPTS = 1n << 2n;
const PERIODIC = 1n << 3n;
const CAN_BE_PERIODIC = 1n << 4n;
const IS_64_BIT = 1n << 5n;
const SETS_VALUE = 1n << 6n;
const IS_32_BIT = 1n << 8n;
const TIMER_WRITABLE = LEVEL | INTERRUPTS | PERIODIC | IS_32_BIT | (31n << 9n);
/** Pins of the I/O APIC that a timer can use: 16 to 23. */
const ROUTES = 0x00ff_0000n << 32n;

const MASK_32 = 0xffff_ffffn;
/** Ticks beyond which nothing is planned. */
const FARTHEST = 2 ** 52;

/** A timer: its registers, and the tick at which it is due. */
interface Timer {
  configuration: bigint;
  comparator: bigint;
  /** What is added to the comparator of a periodic timer whenever it is due. */
  period: bigint;
  dueAt: number;
}

/** Where the timers interrupt: in place of the PIT and the clock, or at pins of the I/O APIC. */
export interface HpetLines {
  /** IRQ 0 and IRQ 8. */
  readonly legacy: readonly [InterruptLine, InterruptLine];
  pin(number: number): InterruptLine;
}

/**
 * The high precision event timer. Its timers drive IRQ 0 and IRQ 8 while LEG_RT_CNF is set, instead of the PIT and the clock, whose
 * lines lead through it. An interrupt by edge keeps its line high until the next.
 */
export class Hpet implements MemoryDevice, MemoryRange, TimedDevice {
  static readonly state = schema(
    'HPET',
    Hpet,
    {
      base: outside('a constant'),
      bytes: outside('a constant'),
      clock: outside('its place on the board'),
      lines: outside('its place on the board'),
      configuration: value,
      status: value,
      counter: value,
      countedAt: value,
      timers: value,
      replaced: value,
    },
    { isPart: true },
  );

  readonly base = HPET_BASE;
  readonly bytes = 1024;
  private configuration = 0n;
  /** Timers whose level interrupt is active, a bit each. */
  private status = 0n;
  /** The main counter at the tick `countedAt`. */
  private counter = 0n;
  private countedAt = 0;
  private readonly timers: Timer[] = Array.from({ length: TIMERS }, () => ({
    configuration: 0n,
    comparator: 0xffff_ffff_ffff_ffffn,
    period: 0n,
    dueAt: Infinity,
  }));
  /** Bits 0 and 1: whether the lines of the PIT and the clock are high. */
  private replaced = 0;

  constructor(
    private readonly clock: DeviceClock,
    private readonly lines: HpetLines,
  ) {}

  get device(): MemoryDevice {
    return this;
  }

  /** Where the PIT (0) and the clock (1) are connected. */
  legacyInput(which: 0 | 1): InterruptLine {
    return {
      set: (isHigh) => {
        this.replaced = isHigh ? this.replaced | (1 << which) : this.replaced & ~(1 << which);
        if (!this.isLegacy) this.lines.legacy[which].set(isHigh);
      },
    };
  }

  private get isLegacy(): boolean {
    return (this.configuration & LEGACY) !== 0n;
  }
  private get isEnabled(): boolean {
    return (this.configuration & ENABLED) !== 0n;
  }

  private get now(): bigint {
    if (!this.isEnabled) return this.counter;
    const counts = Math.floor((this.clock.ticks - this.countedAt) / TICKS_PER_COUNT);
    return BigInt.asUintN(64, this.counter + BigInt(counts));
  }

  /** The tick at which the counter next equals a timer's comparator. */
  private dueAt({ configuration, comparator }: Timer): number {
    if (!this.isEnabled || !(configuration & INTERRUPTS)) return Infinity;
    const width = configuration & IS_32_BIT ? 32 : 64;
    const left = Number(BigInt.asUintN(width, comparator - this.now - 1n)) + 1;
    const elapsed = this.clock.ticks - this.countedAt;
    const due = this.clock.ticks - (elapsed % TICKS_PER_COUNT) + left * TICKS_PER_COUNT;
    return due < FARTHEST ? due : Infinity;
  }

  private plan(): void {
    for (const timer of this.timers) timer.dueAt = this.dueAt(timer);
  }

  update(): void {
    if (this.clock.ticks < this.nextChange) return;
    this.timers.forEach((timer, number) => {
      if (this.clock.ticks < timer.dueAt) return;
      if (timer.configuration & PERIODIC) this.advance(timer);
      timer.dueAt = this.dueAt(timer);
      this.interrupt(timer, number);
    });
  }
  get nextChange(): number {
    let next = Infinity;
    for (const { dueAt } of this.timers) next = Math.min(next, dueAt);
    return next;
  }

  /** Moves the comparator of a periodic timer past the counter. */
  private advance(timer: Timer): void {
    const width = timer.configuration & IS_32_BIT ? 32 : 64;
    if (timer.period === 0n) return;
    const passed = BigInt.asUintN(width, this.now - timer.comparator);
    timer.comparator = BigInt.asUintN(width, timer.comparator + (passed / timer.period + 1n) * timer.period);
  }

  private interrupt({ configuration }: Timer, number: number): void {
    const line = this.lineOf(configuration, number);
    if (configuration & LEVEL) this.status |= 1n << BigInt(number);
    else line?.set(false);
    line?.set(true);
  }

  private lineOf(configuration: bigint, number: number): InterruptLine | undefined {
    if (this.isLegacy && number < 2) return this.lines.legacy[number];
    const route = Number((configuration >> 9n) & 31n);
    return (ROUTES >> BigInt(32 + route)) & 1n ? this.lines.pin(route) : undefined;
  }

  readMemory(offset: number, bytes: number): number {
    const word = this.read(offset & ~7);
    return Number(BigInt.asUintN(8 * bytes, word >> BigInt(8 * (offset & 7))));
  }

  private read(register: number): bigint {
    switch (register) {
      case CAPABILITIES:
        return (PERIOD_FEMTOSECONDS << 32n) | BigInt(HPET_CAPABILITIES);
      case CONFIGURATION:
        return this.configuration;
      case STATUS:
        return this.status;
      case COUNTER:
        return this.now;
      default: {
        const timer = this.timers[Math.floor((register - FIRST_TIMER) / TIMER_BYTES)];
        if (!timer) return 0n;
        if (register % TIMER_BYTES === 0) return timer.configuration | CAN_BE_PERIODIC | IS_64_BIT | ROUTES;
        return register % TIMER_BYTES === TIMER_COMPARATOR ? timer.comparator : 0n;
      }
    }
  }

  /** A write of one or two words of 32 bits; the other half of the register stays. */
  writeMemory(offset: number, bytes: number, value: number): void {
    if (bytes !== 4) return;
    this.update();
    const register = offset & ~7;
    const shift = BigInt(8 * (offset & 7));
    const mask = MASK_32 << shift;
    this.write(register, BigInt(value) << shift, mask);
    this.plan();
  }

  private write(register: number, value: bigint, mask: bigint): void {
    const merged = (before: bigint): bigint => (before & ~mask) | value;
    switch (register) {
      case CONFIGURATION:
        return this.configure(merged(this.configuration) & (ENABLED | LEGACY));
      case STATUS:
        return this.clear(value & this.status);
      case COUNTER:
        if (!this.isEnabled) this.counter = merged(this.counter);
        return;
      default: {
        const timer = this.timers[Math.floor((register - FIRST_TIMER) / TIMER_BYTES)];
        if (!timer) return;
        if (register % TIMER_BYTES === 0) this.configureTimer(timer, merged(timer.configuration));
        else if (register % TIMER_BYTES === TIMER_COMPARATOR) compare(timer, merged);
      }
    }
  }

  private configure(value: bigint): void {
    this.counter = this.now;
    this.countedAt = this.clock.ticks;
    this.configuration = value;
    this.lines.legacy.forEach((line, which) => line.set(!this.isLegacy && (this.replaced & (1 << which)) !== 0));
  }

  private configureTimer(timer: Timer, value: bigint): void {
    timer.configuration = value & (TIMER_WRITABLE | SETS_VALUE);
    if (!(value & IS_32_BIT)) return;
    timer.comparator &= MASK_32;
    timer.period &= MASK_32;
  }

  /** Ends level interrupts. */
  private clear(bits: bigint): void {
    this.status &= ~bits;
    this.timers.forEach(({ configuration }, number) => {
      if ((bits >> BigInt(number)) & 1n) this.lineOf(configuration, number)?.set(false);
    });
  }
}

/**
 * A write to a comparator. For a periodic timer it is the period; it is the comparator too if SETS_VALUE was written before, which
 * counts for one write of 32 bits.
 */
function compare(timer: Timer, merged: (before: bigint) => bigint): void {
  const isPeriodic = (timer.configuration & PERIODIC) !== 0n;
  if (!isPeriodic || timer.configuration & SETS_VALUE) timer.comparator = merged(timer.comparator);
  if (isPeriodic) timer.period = merged(timer.period);
  timer.configuration &= ~SETS_VALUE;
}
