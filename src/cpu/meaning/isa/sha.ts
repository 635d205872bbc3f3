import type { Machine, Semantics } from '../vocabulary.js';
import { binary, readVector } from './sse-operands.js';

/** SHA extensions: SDM Vol. 1 5.15. The letters are those of FIPS 180-4; the manual's first word is the highest lane. */

/** The lanes, the highest first. */
function words<V>(m: Machine<V>, x: V): [V, V, V, V] {
  return [3, 2, 1, 0].map((lane) => m.lane(32, x, m.constant(32, lane))) as [V, V, V, V];
}

function vectorOf<V>(m: Machine<V>, [a, b, c, d]: readonly [V, V, V, V]): V {
  return m.fromLanes(32, [d, c, b, a]);
}

function sum<V>(m: Machine<V>, ...terms: readonly V[]): V {
  return terms.reduce((total, term) => m.add(32, total, term));
}

function xor<V>(m: Machine<V>, ...terms: readonly V[]): V {
  return terms.reduce((total, term) => m.xor(32, total, term));
}

function rotl<V>(m: Machine<V>, x: V, by: number): V {
  return m.rotateLeft(32, x, m.constant(32, by));
}

/** Ch: bits of y where x has ones, of z elsewhere. FIPS 180-4 4.1. */
function choice<V>(m: Machine<V>, x: V, y: V, z: V): V {
  return m.xor(32, z, m.and(32, x, m.xor(32, y, z)));
}

/** Maj: what at least two of the bits are. */
function majority<V>(m: Machine<V>, x: V, y: V, z: V): V {
  return m.or(32, m.and(32, x, y), m.and(32, z, m.or(32, x, y)));
}

/** Kt of SHA-1 by t / 20. FIPS 180-4 4.2.1. */
const CONSTANTS = [0x5a82_7999, 0x6ed9_eba1, 0x8f1b_bcdc, 0xca62_c1d6];

/** SHA1RNDS4: four rounds; the immediate says which f and K they have. SDM Vol. 2B "SHA1RNDS4". */
export const sha1rnds4: Semantics = binary(<V>(m: Machine<V>, x: V, y: V) => {
  const part = m.and(32, m.immediate(32), m.constant(32, 3));
  const is = (number: number): V => m.equal(32, part, m.constant(32, number));
  const [isChoice, isMajority] = [is(0), is(2)];
  const k = (number: number): V => m.constant(32, CONSTANTS[number]!);
  const constant = m.select(32, isChoice, k(0), m.select(32, isMajority, k(2), m.select(32, is(1), k(1), k(3))));
  let [a, b, c, d] = words(m, x);
  let e = m.constant(32, 0);
  for (const word of words(m, y)) {
    const f = m.select(32, isMajority, majority(m, b, c, d), xor(m, b, c, d));
    const next = sum(m, m.select(32, isChoice, choice(m, b, c, d), f), rotl(m, a, 5), word, e, constant);
    [a, b, c, d, e] = [next, a, rotl(m, b, 30), c, d];
  }
  return vectorOf(m, [a, b, c, d]);
});

/** SHA1NEXTE: E after four rounds, added to the first word. SDM Vol. 2B "SHA1NEXTE". */
export const sha1nexte: Semantics = binary((m, x, y) => {
  const [first] = words(m, x);
  const [word, ...rest] = words(m, y);
  return vectorOf(m, [sum(m, word, rotl(m, first, 30)), ...rest]);
});

/** SHA1MSG1: the words XORed with those two places on. SDM Vol. 2B "SHA1MSG1". */
export const sha1msg1: Semantics = binary((m, x, y) =>
  m.vector('xor', x, m.shuffle(x, y, [24, 25, 26, 27, 28, 29, 30, 31, 0, 1, 2, 3, 4, 5, 6, 7])),
);

/** SHA1MSG2: the last step for four words. SDM Vol. 2B "SHA1MSG2". */
export const sha1msg2: Semantics = binary((m, x, y) => {
  const [x0, x1, x2, x3] = words(m, x);
  const [, w13, w14, w15] = words(m, y);
  const w16 = rotl(m, xor(m, x0, w13), 1);
  return vectorOf(m, [w16, rotl(m, xor(m, x1, w14), 1), rotl(m, xor(m, x2, w15), 1), rotl(m, xor(m, x3, w16), 1)]);
});

/** Σ of SHA-256: rotations to the right, XORed. FIPS 180-4 4.1.2. */
function rotations<V>(m: Machine<V>, x: V, ...counts: readonly number[]): V {
  return xor(m, ...counts.map((count) => rotl(m, x, 32 - count)));
}

/** SHA256RNDS2: two rounds; the last operand has the words, with K added. SDM Vol. 2B "SHA256RNDS2". */
export const sha256rnds2: Semantics = binary((m, x, y, { fourth }) => {
  let [c, d, g, h] = words(m, x);
  let [a, b, e, f] = words(m, y);
  const [, , second, first] = words(m, readVector(m, fourth));
  for (const word of [first, second]) {
    const t1 = sum(m, h, rotations(m, e, 6, 11, 25), choice(m, e, f, g), word);
    const t2 = sum(m, rotations(m, a, 2, 13, 22), majority(m, a, b, c));
    [a, b, c, d, e, f, g, h] = [sum(m, t1, t2), a, b, c, sum(m, d, t1), e, f, g];
  }
  return vectorOf(m, [a, b, e, f]);
});

/** σ of SHA-256 in every lane: two rotations and a shift to the right. FIPS 180-4 4.1.2. */
function sigma<V>(m: Machine<V>, x: V, first: number, second: number, shift: number): V {
  const shifted = (operation: 'shl' | 'shr', by: number): V => m.vectorShift(operation, 32, x, m.constant(64, by));
  const terms = [first, second].flatMap((by) => [shifted('shr', by), shifted('shl', 32 - by)]);
  return terms.reduce((total, term) => m.vector('xor', total, term), shifted('shr', shift));
}

/** SHA256MSG1: the words plus σ0 of the next ones. SDM Vol. 2B "SHA256MSG1". */
export const sha256msg1: Semantics = binary((m, x, y) => {
  const next = m.shuffle(x, y, [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]);
  return m.vector('i32x4.add', x, sigma(m, next, 7, 18, 3));
});

/** The lower half twice; the upper half of a second vector, below. */
const LOWER_HALVES = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const UPPER_HALF = [24, 25, 26, 27, 28, 29, 30, 31, 0, 0, 0, 0, 0, 0, 0, 0];

/** SHA256MSG2: plus σ1 of the words two places before, of which two are results of this. SDM Vol. 2B "SHA256MSG2". */
export const sha256msg2: Semantics = binary((m, x, y) => {
  const lower = m.vector('i32x4.add', x, sigma(m, m.shuffle(x, y, UPPER_HALF), 17, 19, 10));
  const upper = m.vector('i32x4.add', x, sigma(m, m.shuffle(lower, lower, LOWER_HALVES), 17, 19, 10));
  return m.shuffle(lower, upper, [0, 1, 2, 3, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29, 30, 31]);
});
