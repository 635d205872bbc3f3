/**
 * The time of devices. One tick of the processor is one nanosecond; devices compute what programs see of them from the
 * ticks, so that nothing drifts and nothing has to be counted down.
 */
export interface DeviceClock {
  readonly ticks: number;
}

export const TICKS_PER_SECOND = 1_000_000_000;

/**
 * Periods of `hertz` that are complete after so many ticks. Products of ticks and frequencies pass 2^53 within seconds, so
 * whole seconds are taken apart.
 */
export function periodsIn(ticks: number, hertz: number): number {
  const seconds = Math.floor(ticks / TICKS_PER_SECOND);
  const rest = ticks - seconds * TICKS_PER_SECOND;
  return seconds * hertz + Math.floor((rest * hertz) / TICKS_PER_SECOND);
}

/** The least number of ticks after which so many periods are complete. */
export function ticksFor(periods: number, hertz: number): number {
  const seconds = Math.floor(periods / hertz);
  const rest = periods - seconds * hertz;
  return seconds * TICKS_PER_SECOND + Math.ceil((rest * TICKS_PER_SECOND) / hertz);
}

/** A device whose lines change with time. */
export interface TimedDevice {
  /** Brings the device's lines to what they are now. */
  update(): void;
  /** The next tick, after now, at which a line changes; Infinity for never. */
  readonly nextChange: number;
}
