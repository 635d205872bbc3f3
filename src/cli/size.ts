/** SIZE and other numbers as users write them. */
import { Failure } from './failure.js';

const UNITS = ['', 'K', 'M', 'G', 'T', 'P'];
const SIZE = /^(\d+(?:\.\d+)?)\s*(?:([KMGTP])(?:I?B)?|B)?$/i;

/** Which sizes an option accepts, in bytes. */
export interface SizeRange {
  /** 1 if not given. */
  readonly least?: number;
  readonly most?: number;
  /** What has that size, for the message: `guest memory`. */
  readonly what?: string;
}

/**
 * Bytes of a SIZE: a number with an optional KB, MB, GB, TB or PB (powers of 1024, any case, KiB too), rounded up. Throws
 * Failure for anything else, and for a size out of range: the message has the units that the user wrote.
 */
export function parseSize(text: string, option: string, { least = 1, most, what = 'it' }: SizeRange = {}): number {
  const match = SIZE.exec(text);
  if (!match) throw new Failure(`${option} '${text}' is not a size: write a number, or one with KB, MB, GB, TB or PB`);
  const unit = UNITS.indexOf((match[2] ?? '').toUpperCase());
  const bytes = Math.ceil(Number(match[1]) * 1024 ** unit);
  const highest = most ?? Number.MAX_SAFE_INTEGER;
  if (bytes > highest)
    throw new Failure(`${option} ${text} is too large: ${what} can have at most ${inUnits(highest, unit)}`);
  if (bytes < least)
    throw new Failure(`${option} ${text} is too small: ${what} must have at least ${inUnits(least, unit)}`);
  return bytes;
}

/** A size in a unit, rounded down to two digits; in a smaller one if it is less than one of those, or not a whole number. */
function inUnits(bytes: number, unit: number): string {
  if (unit === 0) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  const value = bytes / 1024 ** unit;
  if (value < 1) return inUnits(bytes, unit - 1);
  return `${Math.floor(value * 100) / 100}${UNITS[unit]!}B`;
}

/** A whole number from `least` to 2^53. Throws Failure. */
export function parseCount(text: string, option: string, least = 1): number {
  const count = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(count) || count < least)
    throw new Failure(`${option} '${text}' is not a whole number from ${least} to 2^53`);
  return count;
}

/** Seconds above 0, with or without a fraction. Throws Failure. */
export function parseSeconds(text: string, option: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (!(seconds > 0 && seconds <= Number.MAX_SAFE_INTEGER))
    throw new Failure(`${option} '${text}' is not a number of seconds above 0`);
  return seconds;
}

const DURATION_UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of a TIME: a number with s, m, h or d; 0 needs none. Throws Failure. */
export function parseDuration(text: string, option: string): number {
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*([smhd]?)$/.exec(text) ?? [];
  const factor = unit === '' && Number(number) === 0 ? 0 : DURATION_UNITS[unit ?? ''];
  if (factor === undefined)
    throw new Failure(`${option} '${text}' is not a time: write a number with s, m, h or d, such as 30m, or 0`);
  return Number(number) * factor;
}

/** Bytes as users read them: `17 bytes`, `1.5 GB`. Three digits, and no fraction for a whole number of units. */
export function formatSize(bytes: number): string {
  let unit = 0;
  while (unit < UNITS.length - 1 && bytes >= 1024 ** (unit + 1)) unit++;
  if (unit === 0) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  const value = bytes / 1024 ** unit;
  const digits = Number.isInteger(value) || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]!}B`;
}
