import type { Machine, Semantics, VectorOperation } from '../vocabulary.js';
import { read } from './operands.js';
import { xmm } from './sse-operands.js';

/**
 * DEST := DEST op SRC, lane by lane or on all 128 bits: PADDB to PXOR, PACKxxxx, and ANDPS to XORPD, which treat
 * numbers as plain bits. SDM Vol. 2B "PADDB/PADDW/PADDD/PADDQ" and so on.
 */
export const packed =
  (operation: VectorOperation): Semantics =>
  (m, { dest, src }) => {
    const y = read(m, src);
    m.writeXmm(xmm(dest), m.vector(operation, m.readXmm(xmm(dest)), y));
  };

/**
 * PSLLW, PSRLD, PSRAW ...: shifts each lane of DEST by a common count, the immediate or the low 64 bits of SRC; a count
 * beyond the lane width gives zeros, or copies of the sign. SDM Vol. 2B "PSLLW", "PSRLW", "PSRAW".
 */
export const shift =
  (operation: 'shl' | 'shr' | 'sar', laneWidth: 16 | 32 | 64): Semantics =>
  (m, { dest, src }) => {
    const count = src.kind === 'immediate' ? m.immediate(64) : m.lane(64, read(m, src), m.constant(32, 0));
    m.writeXmm(xmm(dest), m.vectorShift(operation, laneWidth, m.readXmm(xmm(dest)), count));
  };

/** PSLLDQ, PSRLDQ: shift the whole register by bytes. SDM Vol. 2B "PSLLDQ", "PSRLDQ". */
export const shiftBytes =
  (operation: 'shl' | 'shr'): Semantics =>
  (m, { dest }) => {
    m.writeXmm(xmm(dest), m.vectorShiftBytes(operation, m.readXmm(xmm(dest)), m.immediate(8)));
  };

/**
 * PUNPCKLxx, PUNPCKHxx, UNPCKLPx, UNPCKHPx: interleave the lanes of one half of DEST and SRC; MOVLHPS is the low half
 * with lanes of 8 bytes. SDM Vol. 2B "PUNPCKHBW", "PUNPCKLBW", "UNPCKHPS", "UNPCKLPS", "MOVLHPS".
 */
export const unpack = (half: 'low' | 'high', laneBytes: 1 | 2 | 4 | 8): Semantics => {
  const order = interleaved(half === 'low' ? 0 : 8, laneBytes);
  return (m, { dest, src }) => {
    const y = read(m, src);
    m.writeXmm(xmm(dest), m.shuffle(m.readXmm(xmm(dest)), y, order));
  };
};

/** Byte numbers of interleaved lanes that start at byte `first` of x (0 to 15) and of y (16 to 31). */
function interleaved(first: number, laneBytes: number): number[] {
  return Array.from({ length: 16 }, (_, i) => {
    const pair = Math.floor(i / (2 * laneBytes));
    const fromY = i % (2 * laneBytes) >= laneBytes;
    return first + pair * laneBytes + (i % laneBytes) + (fromY ? 16 : 0);
  });
}

/** The selector of lane `lane` in a shuffle's immediate, `bits` bits wide; higher bits are not masked off. */
function selector<V>(m: Machine<V>, lane: number, bits: number): V {
  return m.shr(32, m.immediate(32), m.constant(32, lane * bits));
}

/** PSHUFD: two bits of the immediate select the doubleword of SRC for each doubleword of DEST. SDM Vol. 2B "PSHUFD". */
export const pshufd: Semantics = (m, { dest, src }) => {
  const x = read(m, src);
  const lanes = [0, 1, 2, 3].map((lane) => m.lane(32, x, selector(m, lane, 2)));
  m.writeXmm(xmm(dest), m.fromLanes(32, lanes));
};

/**
 * PSHUFLW, PSHUFHW: selects the words of one half by the immediate; the other half is that of SRC. SDM Vol. 2B
 * "PSHUFLW".
 */
export const shuffleWords =
  (half: 'low' | 'high'): Semantics =>
  (m, { dest, src }) => {
    const first = half === 'low' ? 0 : 4;
    const x = read(m, src);
    let result = x;
    for (const lane of [0, 1, 2, 3]) {
      const within = m.and(32, selector(m, lane, 2), m.constant(32, 3));
      const word = m.lane(16, x, m.add(32, within, m.constant(32, first)));
      result = m.withLane(16, result, m.constant(32, first + lane), word);
    }
    m.writeXmm(xmm(dest), result);
  };

/** SHUFPS: two singles of DEST below two of SRC, selected by the immediate. SDM Vol. 2B "SHUFPS". */
export const shufps: Semantics = (m, { dest, src }) => {
  const y = read(m, src);
  const x = m.readXmm(xmm(dest));
  const lanes = [x, x, y, y].map((source, lane) => m.lane(32, source, selector(m, lane, 2)));
  m.writeXmm(xmm(dest), m.fromLanes(32, lanes));
};

/** SHUFPD: a double of DEST below one of SRC, selected by the immediate. SDM Vol. 2B "SHUFPD". */
export const shufpd: Semantics = (m, { dest, src }) => {
  const y = read(m, src);
  const x = m.readXmm(xmm(dest));
  const lanes = [x, y].map((source, lane) => m.lane(64, source, selector(m, lane, 1)));
  m.writeXmm(xmm(dest), m.fromLanes(64, lanes));
};

/** PEXTRW: the word selected by the immediate's low three bits, zero-extended. SDM Vol. 2B "PEXTRW". */
export const pextrw: Semantics = (m, { dest, src }) => {
  if (dest.kind !== 'gpr') throw new Error(`PEXTRW to an operand of kind ${dest.kind}`);
  const word = m.lane(16, m.readXmm(xmm(src)), m.immediate(32));
  m.writeGpr(dest, m.zeroExtend(16, dest.width, word));
};

/**
 * PINSRW: replaces the word selected by the immediate's low three bits with the low word of SRC. SDM Vol. 2B "PINSRW".
 */
export const pinsrw: Semantics = (m, { dest, src }) => {
  const value = read(m, src);
  const word = src.kind === 'gpr' ? m.truncate(src.width, 16, value) : value;
  m.writeXmm(xmm(dest), m.withLane(16, m.readXmm(xmm(dest)), m.immediate(32), word));
};
