import { outside, schema, value } from '../../state/schema.js';
import type { DeviceClock } from '../device-time.js';

/** The divide configuration register has its bits at 0, 1 and 3: SDM Vol. 3A figure 11-10. */
const DIVISORS = [2, 4, 8, 16, 32, 64, 128, 1];

/** The timer of a local APIC, which counts down once in `divisor` ticks. What it shows follows from when it was loaded. */
export class ApicTimer {
  static readonly state = schema(
    'APIC timer',
    ApicTimer,
    {
      clock: outside('its place on the board'),
      initial: value,
      divide: value,
      isPeriodic: value,
      loaded: value,
      loadedAt: value,
    },
    { isPart: true },
  );

  /** The initial count register. */
  private initial = 0;
  /** The divide configuration register. */
  divide = 0;
  private isPeriodic = false;
  /** The count at the tick `loadedAt`; 0 while the timer stands still. */
  private loaded = 0;
  private loadedAt = 0;

  constructor(private readonly clock: DeviceClock) {}

  get initialCount(): number {
    return this.initial;
  }
  set initialCount(count: number) {
    this.initial = count;
    this.load(count);
  }

  private load(count: number): void {
    this.loaded = count;
    this.loadedAt = this.clock.ticks;
  }

  setPeriodic(isPeriodic: boolean): void {
    this.isPeriodic = isPeriodic;
  }

  /** Goes on from the present count with another divisor. */
  setDivide(value: number): void {
    this.load(this.count);
    this.divide = value & 0b1011;
  }

  private get divisor(): number {
    return DIVISORS[(this.divide & 3) | ((this.divide >> 1) & 4)]!;
  }

  get count(): number {
    return Math.max(this.loaded - Math.floor((this.clock.ticks - this.loadedAt) / this.divisor), 0);
  }

  /** The tick at which it reaches 0; Infinity while it stands still. */
  get end(): number {
    return this.loaded === 0 ? Infinity : this.loadedAt + this.loaded * this.divisor;
  }

  /** Returns whether it has reached 0 since it was loaded; then it is loaded again, or stands still. */
  takeEnd(): boolean {
    const { end, divisor, initial } = this;
    const { ticks } = this.clock;
    if (ticks < end) return false;
    const period = initial * divisor;
    this.loaded = this.isPeriodic ? initial : 0;
    this.loadedAt = period > 0 ? ticks - ((ticks - end) % period) : ticks;
    return true;
  }
}
