import { hex } from '../../bits.js';
import { CommandError } from './command-error.js';

/** How numbers are shown: `/8xb` is eight bytes in hexadecimal. */
export interface Format {
  readonly count: number;
  readonly letter: FormatLetter;
  readonly unitBytes: number;
}

const LETTERS = ['x', 'd', 'u', 'c', 't', 'a', 's', 'i'] as const;
type FormatLetter = (typeof LETTERS)[number];

const UNITS: Readonly<Record<string, number>> = { b: 1, h: 2, w: 4, g: 8 };

/** The format of `x` before one was given. */
export const USUAL_FORMAT: Format = { count: 1, letter: 'x', unitBytes: 4 };

const MOST_UNITS = 4096;
/** Bytes of a watchpoint that are shown as a number. */
const NUMBER_BYTES = 8;
const SHOWN_BYTES = 16;

/** Parses what follows the slash: a number, a letter of LETTERS, and a unit. Throws CommandError. */
export function parseFormat(text: string, usual: Format): Format {
  const parts = /^(\d*)([a-z]{0,2})$/.exec(text);
  if (!parts) throw new CommandError(`'/${text}' is not a format: /COUNT, a letter of xductasi, and b, h, w or g`);
  const count = parts[1] === '' ? usual.count : Number(parts[1]);
  if (count < 1 || count > MOST_UNITS) throw new CommandError(`the count ${parts[1]} is not 1 to ${MOST_UNITS}`);
  let { letter, unitBytes } = usual;
  for (const one of parts[2]!) {
    const known = LETTERS.find((other) => other === one);
    if (known) letter = known;
    else if (Object.hasOwn(UNITS, one)) unitBytes = UNITS[one]!;
    else throw new CommandError(`'${one}' is no format: x d u c t a s i, and b h w g for the size`);
  }
  if (letter === 'c' && !/[bhwg]/.test(parts[2]!)) unitBytes = 1;
  if (letter === 'a') unitBytes = 8;
  return { count, letter, unitBytes };
}

/** A number of `lengthBytes` bytes in a format. */
export function numberText(value: bigint, letter: FormatLetter, lengthBytes: number): string {
  const bits = 8 * lengthBytes;
  if (letter === 'd') return String(BigInt.asIntN(bits, value));
  if (letter === 'u') return String(value);
  if (letter === 't') return `0b${value.toString(2).padStart(bits, '0')}`;
  if (letter === 'c') return `${BigInt.asIntN(bits, value)} '${characterText(Number(value & 0xffn))}'`;
  return hex(value, 2 * lengthBytes);
}

/** `0x2a (42)`; negative numbers as well: `0xffffffffffffffff (-1)`. */
export function plainNumberText(value: bigint): string {
  return `${hex(value)} (${BigInt.asIntN(64, value)})`;
}

/** The number that bytes are, the least significant first. */
export function numberOfBytes(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** A string up to its terminating 0, in quotes. */
export function stringText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  const shown = end < 0 ? bytes : bytes.subarray(0, end);
  return `"${Array.from(shown, characterText).join('')}"${end < 0 ? '...' : ''}`;
}

/** The value of a watchpoint before and now; the value alone if it has not changed. */
export function changedText(before: Uint8Array, now: Uint8Array): string[] {
  const from = bytesText(before);
  const to = bytesText(now);
  return [from === to ? `  value ${to}` : `  value ${from} -> ${to}`];
}

/** Bytes as a number, if there are few, else in hexadecimal. */
export function bytesText(bytes: Uint8Array): string {
  if (bytes.length <= NUMBER_BYTES) return plainNumberText(numberOfBytes(bytes));
  const digits = Array.from(bytes.subarray(0, SHOWN_BYTES), (byte) => byte.toString(16).padStart(2, '0'));
  return digits.join(' ') + (bytes.length > SHOWN_BYTES ? ' ...' : '');
}

function characterText(code: number): string {
  if (code === 10) return '\\n';
  if (code === 9) return '\\t';
  if (code === 0x22 || code === 0x5c) return `\\${String.fromCharCode(code)}`;
  return code >= 32 && code < 127 ? String.fromCharCode(code) : `\\${code.toString(8).padStart(3, '0')}`;
}
