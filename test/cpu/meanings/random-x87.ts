/** Random x87 states, in which the special numbers of the extended format and every kind of exception are likely. */
import { X87_IMAGE_BYTES } from '../../oracle/case.js';
import type { Random } from '../../support/random.js';

const FCW = 0;
const FSW = 2;
const FTW = 4;
const STACK = 32;
const STRIDE = 16;
const ALL_MASKED = 0x3f;
const PENDING = 0x8080;
const WRITABLE_STATUS = 0x7f7f;

/** Significands, low and high word, of the limits, and of what is not a number in any class. */
const SIGNIFICANDS: readonly (readonly [number, number])[] = [
  [0, 0], [1, 0], [0, 0x8000_0000], [1, 0x8000_0000], [0xffff_ffff, 0xffff_ffff], [0, 0xc000_0000], [5, 0xc000_0000],
  [0, 0xa000_0000], [7, 0xbfff_ffff], [0xffff_ffff, 0x7fff_ffff], [0, 0x4000_0000], [0xffff_f800, 0xffff_ffff],
  [0xffff_fc00, 0xffff_ffff], [0, 0xffff_ff00], [0, 0xffff_ff80], [0x400, 0x8000_0000], [0, 0x8000_0080],
  [0x8000_0000, 0xffff_ffff], [0xffff_ffff, 0xfffe_ffff],
]; // prettier-ignore

/** Biased exponents: of zeros, denormals, infinities; of the limits of doubles, singles and integers; around one. */
const EXPONENTS: readonly number[] = [
  0, 0, 1, 2, 0x7fff, 0x7fff, 0x7ffe, 0x7ffd, 0x3fff, 0x3ffe, 0x3ffd, 0x4000, 0x3fff + 15, 0x3fff + 31, 0x3fff + 62,
  0x3fff + 63, 0x3fff + 64, 0x3fff + 127, 0x3fff + 128, 0x3fff - 126, 0x3fff - 127, 0x3fff - 149, 0x3fff - 150,
  0x3fff + 1023, 0x3fff + 1024, 0x3fff - 1022, 0x3fff - 1023, 0x3fff - 1074, 0x3fff - 1075, 0x3fff + 59, 0x2000, 0x5fff,
]; // prettier-ignore

/** Ten bytes of an extended number at `at`. `tame`: around one, and normal. */
export function putExtended(random: Random, image: Uint8Array, at: number, tame: boolean): void {
  const view = new DataView(image.buffer, image.byteOffset);
  let [low, high] = [random.next(), random.next() | 0x8000_0000];
  let exponent = 0x3fff - 40 + random.below(80);
  const kind = tame ? 2 + random.below(6) : random.below(8);
  if (kind === 0) [low, high] = random.pick(SIGNIFICANDS);
  if (kind <= 1) exponent = random.pick(EXPONENTS);
  if (kind === 2) {
    // Few digits, so that results are exact, and a small integer where the exponent is 63 less.
    [low, high] = [0, (high & 0xff00_0000) | 0x8000_0000];
    exponent = 0x3fff + random.below(8);
  } else if (kind === 3) [low, high] = [low & 0xffff_f800, high];
  else if (kind === 4) exponent = 0x3fff + 50 + random.below(20);
  else if (kind === 5 && !tame) exponent = random.below(0x8000);
  view.setUint32(at, low, true);
  view.setUint32(at + 4, high, true);
  view.setUint16(at + 8, exponent | (random.chance(2) ? 0x8000 : 0), true);
}

/** FCW: all masked and extended precision, any precision and rounding, or any bits. */
export function randomFcw(random: Random): number {
  const bits = random.next() & 0x1f3f;
  return random.chance(3) ? 0x037f : (random.chance(3) ? bits : bits | ALL_MASKED) | 0x40;
}

/** The image of a state as FXRSTOR makes it, ES and B included. */
export function randomX87(random: Random): Uint8Array {
  const image = new Uint8Array(X87_IMAGE_BYTES);
  const view = new DataView(image.buffer);
  const fcw = randomFcw(random);
  let status = random.next() & WRITABLE_STATUS;
  if (!random.chance(4)) status &= ~0x7f;
  else if (!random.chance(4)) status &= ~ALL_MASKED | (fcw & ALL_MASKED);
  if ((status & ~fcw & ALL_MASKED) !== 0) status |= PENDING;
  view.setUint16(FCW, fcw, true);
  view.setUint16(FSW, status, true);
  view.setUint8(FTW, random.chance(3) ? random.next() : random.chance(8) ? 0 : 0xff);
  const tame = random.chance(2);
  for (let i = 0; i < 8; i++) putExtended(random, image, STACK + STRIDE * i, tame);
  return image;
}
