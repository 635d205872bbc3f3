/**
 * Payloads of packets are byte strings: each character stands for one byte. This keeps the text of the protocol readable
 * and binary data exact.
 */

/** Numbers up to this one are exact. */
const DIGITS_MAX = 16;
const CHUNK_BYTES = 8192;

const DIGITS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

export function byteString(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES)
    text += String.fromCharCode(...bytes.subarray(at, at + CHUNK_BYTES));
  return text;
}

/** The bytes of a byte string. */
export function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** Text in UTF-8, as a byte string. */
export function utf8(text: string): string {
  return byteString(new TextEncoder().encode(text));
}

/** Two digits for each byte. */
export function hexOfBytes(bytes: Uint8Array): string {
  let digits = '';
  for (const byte of bytes) digits += DIGITS[byte];
  return digits;
}

/** Text in UTF-8, two digits for each byte. */
export function hexOfText(text: string): string {
  return hexOfBytes(new TextEncoder().encode(text));
}

/** Undefined unless the text is pairs of hexadecimal digits. */
export function bytesOfHex(digits: string): Uint8Array | undefined {
  if (digits.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(digits)) return undefined;
  return Uint8Array.from({ length: digits.length / 2 }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

/** Text in UTF-8 from pairs of hexadecimal digits. */
export function textOfHex(digits: string): string | undefined {
  const bytes = bytesOfHex(digits);
  return bytes && new TextDecoder().decode(bytes);
}

/** A hexadecimal number of at most 64 bits, such as an address. */
export function parseWord(digits: string | undefined): bigint | undefined {
  if (digits === undefined || !/^[0-9a-f]+$/i.test(digits)) return undefined;
  const significant = digits.replace(/^0+(?=.)/, '');
  return significant.length > DIGITS_MAX ? undefined : BigInt(`0x${significant}`);
}

/** A hexadecimal number that is counted with, such as a length. */
export function parseCount(digits: string | undefined): number | undefined {
  const word = parseWord(digits);
  return word !== undefined && word <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(word) : undefined;
}

/** A value in `lengthBytes` bytes, the lowest first, as targets send registers. */
export function littleEndian(value: bigint, lengthBytes: number): Uint8Array {
  return Uint8Array.from({ length: lengthBytes }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

export function valueOf(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

/** The text before a separator and the text after it; without one, all of it and undefined. */
export function cut(text: string, separator: string): [before: string, after: string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}
