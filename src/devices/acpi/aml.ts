/** ACPI Machine Language, as much of it as the DSDT needs: ACPI Specification 6.4, 20. Each function returns the bytes of a term. */
import { concatenated } from '../../bits.js';

const ZERO = 0x00;
const NAME = 0x08;
const BYTE = 0x0a;
const WORD = 0x0b;
const DWORD = 0x0c;
const SCOPE = 0x10;
const BUFFER = 0x11;
const PACKAGE = 0x12;
const EXTENDED = 0x5b;
const DEVICE = 0x82;

const SHORTEST_LONG = 63;

/** An integer constant below 2^32. */
export function integer(value: number): Uint8Array {
  if (value === 0) return Uint8Array.of(ZERO);
  if (value < 2 ** 8) return Uint8Array.of(BYTE, value);
  if (value < 2 ** 16) return Uint8Array.of(WORD, value & 0xff, value >> 8);
  return Uint8Array.of(DWORD, ...littleEndian(value, 4));
}

export function littleEndian(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, byte) => Math.floor(value / 2 ** (8 * byte)) & 0xff);
}

/** A name of up to four characters; a backslash in front makes it one of the root. */
function nameString(name: string): Uint8Array {
  const isRooted = name.startsWith('\\');
  const segment = (isRooted ? name.slice(1) : name).padEnd(4, '_');
  return new TextEncoder().encode(isRooted ? `\\${segment}` : segment);
}

export function named(name: string, value: Uint8Array): Uint8Array {
  return concatenated([Uint8Array.of(NAME), nameString(name), value]);
}

export function scope(name: string, terms: readonly Uint8Array[]): Uint8Array {
  return concatenated([Uint8Array.of(SCOPE), withLength([nameString(name), ...terms])]);
}

export function device(name: string, terms: readonly Uint8Array[]): Uint8Array {
  return concatenated([Uint8Array.of(EXTENDED, DEVICE), withLength([nameString(name), ...terms])]);
}

export function packageOf(elements: readonly Uint8Array[]): Uint8Array {
  return concatenated([Uint8Array.of(PACKAGE), withLength([Uint8Array.of(elements.length), ...elements])]);
}

export function buffer(bytes: Uint8Array): Uint8Array {
  return concatenated([Uint8Array.of(BUFFER), withLength([integer(bytes.length), bytes])]);
}

/** An identifier of Plug and Play, such as PNP0A03: three letters and four digits. */
export function plugAndPlay(identifier: string): Uint8Array {
  const [first, second, third] = [...identifier].map((letter) => letter.charCodeAt(0) - 0x40);
  const letters = (first! << 10) | (second! << 5) | third!;
  const digits = Number.parseInt(identifier.slice(3), 16);
  return Uint8Array.of(DWORD, letters >> 8, letters & 0xff, digits >> 8, digits & 0xff);
}

/** Puts a package length in front, which counts itself: 20.2.4. */
function withLength(parts: readonly Uint8Array[]): Uint8Array {
  const content = concatenated(parts);
  if (content.length < SHORTEST_LONG) return concatenated([Uint8Array.of(content.length + 1), content]);
  const followers = content.length + 2 < 2 ** 12 ? 1 : 2;
  const length = content.length + 1 + followers;
  const bytes = [(followers << 6) | (length & 0xf), ...littleEndian(length >> 4, followers)];
  return concatenated([Uint8Array.from(bytes), content]);
}
