/** SIZE and other numbers as users write them. */
import { Failure } from './failure.js';

const UNITS = ['', 'K', 'M', 'G', 'T'];
const SIZE = /^(\d+(?:\.\d+)?)\s*(?:([KMGT])(?:I?B)?|B)?$/i;

/**
 * Bytes of a SIZE: a number with an optional KB, MB, GB or TB (powers of 1024, any case, KiB too), rounded up.
 * Throws Failure for anything else, for what exceeds 2^53, and for 0 where `least` is 1.
 */
export function parseSize(text: string, option: string, least = 1): number {
  const match = SIZE.exec(text);
  if (!match) throw new Failure(`${option} '${text}' is not a size: write a number, or one with KB, MB, GB or TB`);
  const bytes = Math.ceil(Number(match[1]) * 1024 ** UNITS.indexOf((match[2] ?? '').toUpperCase()));
  if (!Number.isSafeInteger(bytes)) throw new Failure(`${option} '${text}' is more than 2^53 bytes`);
  if (bytes < least) throw new Failure(`${option} '${text}' is no room at all: write a size above 0`);
  return bytes;
}

/** A whole number from 1 to 2^53. */
export function parseCount(text: string, option: string, least = 1): number {
  const count = /^\d+$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(count) || count < least)
    throw new Failure(`${option} '${text}' is not a whole number from ${least} to 2^53`);
  return count;
}

/** Seconds, above 0, with a fraction or not. */
export function parseSeconds(text: string, option: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(text) ? Number(text) : NaN;
  if (!(seconds > 0)) throw new Failure(`${option} '${text}' is not a number of seconds above 0`);
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

/** Bytes as users read them: `17 bytes`, `1.5 GB`; a whole number of units has no fraction, others have three digits. */
export function formatSize(bytes: number): string {
  let unit = 0;
  while (unit < UNITS.length - 1 && bytes >= 1024 ** (unit + 1)) unit++;
  if (unit === 0) return bytes === 1 ? '1 byte' : `${bytes} bytes`;
  const value = bytes / 1024 ** unit;
  const digits = Number.isInteger(value) || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit]!}B`;
}
