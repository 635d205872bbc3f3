import type { Machine, Semantics } from '../vocabulary.js';
import { binary, unary } from './sse-operands.js';

/** AES-NI and PCLMULQDQ: SDM Vol. 1 5.12 and 12.13. The names are those of FIPS 197; byte i of a vector is in column i / 4. */

const INDEXES = Array.from({ length: 16 }, (_, i) => i);

/** ShiftRows, InvShiftRows: row r moves by r columns. FIPS 197 5.1.2, 5.3.1. */
const SHIFTED_ROWS = INDEXES.map((i) => (i + 4 * (i % 4)) % 16);
const UNSHIFTED_ROWS = INDEXES.map((i) => (i + 12 * (i % 4)) % 16);

/** Bytes of each column moved up by so many rows. */
function rotated<V>(m: Machine<V>, x: V, by: number): V {
  return m.shuffle(
    x,
    x,
    INDEXES.map((i) => i - (i % 4) + ((i + by) % 4)),
  );
}

const REDUCTION = BigInt('0x' + '1b'.repeat(16));

/** Each byte times x. FIPS 197 4.2.1. */
function timesX<V>(m: Machine<V>, bytes: V): V {
  const carries = m.vector('i8x16.gt_s', m.vectorConstant(0n), bytes);
  const reduction = m.vector('and', carries, m.vectorConstant(REDUCTION));
  return m.vector('xor', m.vector('i8x16.add', bytes, bytes), reduction);
}

/** MixColumns: each byte × 2, the next one × 3, and the other two. FIPS 197 5.1.3. */
function mixColumns<V>(m: Machine<V>, x: V): V {
  const next = rotated(m, x, 1);
  const both = m.vector('xor', x, next);
  // In the two places from the next byte on stand the three bytes that are added as they are.
  return m.vector('xor', timesX(m, both), m.vector('xor', next, rotated(m, both, 2)));
}

/** InvMixColumns: MixColumns of the column plus 4 times the sum of each byte and the one opposite. FIPS 197 5.3.3. */
function unmixColumns<V>(m: Machine<V>, x: V): V {
  const opposite = m.vector('xor', x, rotated(m, x, 2));
  return mixColumns(m, m.vector('xor', x, timesX(m, timesX(m, opposite))));
}

/** AESENC, AESENCLAST (`last`): a round of the cipher on FIRST, with the key SECOND. SDM Vol. 2A "AESENC", "AESENCLAST". */
export const encrypt = (last: boolean): Semantics =>
  binary((m, x, key) => {
    const state = m.substituteBytes(m.shuffle(x, x, SHIFTED_ROWS), false);
    return m.vector('xor', last ? state : mixColumns(m, state), key);
  });

/** AESDEC, AESDECLAST (`last`): a round of the equivalent inverse cipher. SDM Vol. 2A "AESDEC", "AESDECLAST". */
export const decrypt = (last: boolean): Semantics =>
  binary((m, x, key) => {
    const state = m.substituteBytes(m.shuffle(x, x, UNSHIFTED_ROWS), true);
    return m.vector('xor', last ? state : unmixColumns(m, state), key);
  });

/** AESIMC: InvMixColumns of a key. SDM Vol. 2A "AESIMC". */
export const aesimc: Semantics = unary((m, x) => unmixColumns(m, x));

/** Of the doublewords 1 and 3: SubWord, then RotWord of it. FIPS 197 5.2. */
const ASSISTED = [4, 5, 6, 7, 5, 6, 7, 4, 12, 13, 14, 15, 13, 14, 15, 12];

/** AESKEYGENASSIST: parts of a round key; the immediate is the round constant. SDM Vol. 2A "AESKEYGENASSIST". */
export const aeskeygenassist: Semantics = unary((m, x) => {
  const words = m.shuffle(m.substituteBytes(x, false), m.vectorConstant(0n), ASSISTED);
  const constant = m.shl(64, m.immediate(64), m.constant(64, 32));
  return m.vector('xor', words, m.fromLanes(64, [constant, constant]));
});

/**
 * PCLMULQDQ: the product, without carries, of the halves of FIRST and SECOND that bits 0 and 4 of the immediate choose. SDM Vol. 2B
 * "PCLMULQDQ".
 */
export const pclmulqdq: Semantics = binary((m, x, y) => {
  const half = (bit: number): ReturnType<typeof m.constant> => m.shr(32, m.immediate(32), m.constant(32, bit));
  return m.carrylessProduct(m.lane(64, x, half(0)), m.lane(64, y, half(4)));
});
