/**
 * Names of the host are bytes, not text: on Linux anything but `/` and NUL, in no particular encoding. `ByteText` holds such bytes
 * as a string with one character for each byte, so that names are keys of maps and compare as bytes do.
 */

import { visibleLine } from './console/visible-text.js';

declare const IS_BYTES: unique symbol;

/** Bytes, a character of 0 to 255 each. Not for people: see `shown`. */
export type ByteText = string & { readonly [IS_BYTES]: true };

/** Bytes as a name. */
export function byteText(bytes: Uint8Array): ByteText {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1') as ByteText;
}

/** The bytes of a text in UTF-8. */
export function byteTextOf(text: string): ByteText {
  return byteText(Buffer.from(text));
}

/** The bytes, for the host. */
export function bytesOfText(text: ByteText): Buffer {
  return Buffer.from(text, 'latin1');
}

/** A path: names with `/` between them. */
export function joined(directory: ByteText, name: ByteText): ByteText {
  return (directory.endsWith('/') ? directory + name : `${directory}/${name}`) as ByteText;
}

/** The text of bytes that are UTF-8; undefined for others. */
export function decoded(text: ByteText): string | undefined {
  const bytes = bytesOfText(text);
  const found = bytes.toString();
  return Buffer.from(found).equals(bytes) ? found : undefined;
}

/**
 * A name as a person can read and type it: no two names are shown alike. What is not UTF-8 is `\xNN` for each byte, what acts
 * on a terminal is escaped, and a backslash is doubled.
 */
export function shown(text: ByteText): string {
  if (/^[ -[\]-~]*$/.test(text)) return text;
  const bytes = bytesOfText(text);
  let result = '';
  for (let at = 0; at < bytes.length;) {
    const end = endOfCharacters(bytes, at);
    result += visibleLine(bytes.toString('utf8', at, end).replaceAll('\\', '\\\\'));
    if (end < bytes.length) result += `\\x${bytes[end]!.toString(16).padStart(2, '0')}`;
    at = end + 1;
  }
  return result;
}

/** The end of the longest run of UTF-8 from `at`. RFC 3629 section 4. */
function endOfCharacters(bytes: Uint8Array, at: number): number {
  const isTail = (byte: number | undefined): boolean => byte !== undefined && byte >> 6 === 0b10;
  let end = at;
  for (;;) {
    const [first, second] = [bytes[end], bytes[end + 1]];
    if (first === undefined) return end;
    const tails = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
    if (tails < 0) return end;
    for (let i = 1; i <= tails; i++) if (!isTail(bytes[end + i])) return end;
    const isOverlong = (first === 0xe0 && second! < 0xa0) || (first === 0xf0 && second! < 0x90);
    const isOutside = (first === 0xed && second! >= 0xa0) || (first === 0xf4 && second! >= 0x90);
    if (isOverlong || isOutside) return end;
    end += tails + 1;
  }
}
