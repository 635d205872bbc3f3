import type { Machine, Semantics, VectorOperation } from '../vocabulary.js';
import { read } from './operands.js';
import { xmm } from './sse-operands.js';

/**
 * DEST := DEST op SRC, lane by lane or on all 128 bits: PADDB to PXOR, PACKxxxx, and ANDPS to XORPD, which do not look at
 * the numbers. SDM Vol. 2B "PADDB/PADDW/PADDD/PADDQ" and so on.
 */
export const packed =
  (operation: VectorOperation): Semantics =>
  (m, { dest, src }) => {
    const y = read(m, src);
    m.writeXmm(xmm(dest), m.vector(operation, m.readXmm(xmm(dest)), y));
  };

/**
 * PSLLW, PSRLD, PSRAW ...: each lane of DEST by a count that all share, the immediate or the low 64 bits of SRC; one
 * beyond the lane gives zeros, or copies of the sign. SDM Vol. 2B "PSLLW", "PSRLW", "PSRAW".
 */
export const shift =
  (operation: 'shl' | 'shr' | 'sar', laneWidth: 16 | 32 | 64): Semantics =>
  (m, { dest, src }) => {
    const count = src.kind === 'immediate' ? m.immediate(64) : m.lane(64, read(m, src), m.constant(32, 0));
    m.writeXmm(xmm(dest), m.vectorShift(operation, laneWidth, m.readXmm(xmm(dest)), count));
  };

/** PSLLDQ, PSRLDQ: the whole register by bytes. SDM Vol. 2B "PSLLDQ", "PSRLDQ". */
export const shiftBytes =
  (operation: 'shl' | 'shr'): Semantics =>
  (m, { dest }) => {
    m.writeXmm(xmm(dest), m.vectorShiftBytes(operation, m.readXmm(xmm(dest)), m.immediate(8)));
  };

/**
 * PUNPCKLxx, PUNPCKHxx, UNPCKLPx, UNPCKHPx: the lanes of one half of DEST and SRC, in turn; MOVLHPS is the low half with
 * lanes of 8 bytes. SDM Vol. 2B "PUNPCKHBW", "PUNPCKLBW", "UNPCKHPS", "UNPCKLPS", "MOVLHPS".
 */
export const unpack = (half: 'low' | 'high', laneBytes: 1 | 2 | 4 | 8): Semantics => {
  const order = interleaved(half === 'low' ? 0 : 8, laneBytes);
  return (m, { dest, src }) => {
    const y = read(m, src);
    m.writeXmm(xmm(dest), m.shuffle(m.readXmm(xmm(dest)), y, order));
  };
};

/** Bytes of lanes that start at byte `first` of x (0 to 15) and of y (16 to 31), in turn. */
function interleaved(first: number, laneBytes: number): number[] {
  return Array.from({ length: 16 }, (_, i) => {
    const pair = Math.floor(i / (2 * laneBytes));
    const fromY = i % (2 * laneBytes) >= laneBytes;
    return first + pair * laneBytes + (i % laneBytes) + (fromY ? 16 : 0);
  });
}

/** The selector of lane `lane` in a shuffle's immediate, `bits` bits wide; what stands above it is not cut off. */
function selector<V>(m: Machine<V>, lane: number, bits: number): V {
  return m.shr(32, m.immediate(32), m.constant(32, lane * bits));
}

/** PSHUFD: each doubleword of DEST is the one of SRC that two bits of the immediate name. SDM Vol. 2B "PSHUFD". */
export const pshufd: Semantics = (m, { dest, src }) => {
  const x = read(m, src);
  const lanes = [0, 1, 2, 3].map((lane) => m.lane(32, x, selector(m, lane, 2)));
  m.writeXmm(xmm(dest), m.fromLanes(32, lanes));
};

/** PSHUFLW, PSHUFHW: the words of one half as the immediate names them; the other half as in SRC. SDM Vol. 2B "PSHUFLW". */
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

/** SHUFPS: two singles of DEST below two of SRC, as the immediate names them. SDM Vol. 2B "SHUFPS". */
export const shufps: Semantics = (m, { dest, src }) => {
  const y = read(m, src);
  const x = m.readXmm(xmm(dest));
  const lanes = [x, x, y, y].map((source, lane) => m.lane(32, source, selector(m, lane, 2)));
  m.writeXmm(xmm(dest), m.fromLanes(32, lanes));
};

/** SHUFPD: a double of DEST below one of SRC, as the immediate names them. SDM Vol. 2B "SHUFPD". */
export const shufpd: Semantics = (m, { dest, src }) => {
  const y = read(m, src);
  const x = m.readXmm(xmm(dest));
  const lanes = [x, y].map((source, lane) => m.lane(64, source, selector(m, lane, 1)));
  m.writeXmm(xmm(dest), m.fromLanes(64, lanes));
};

/** PEXTRW: the word that the immediate's low three bits name, zero-extended. SDM Vol. 2B "PEXTRW". */
export const pextrw: Semantics = (m, { dest, src }) => {
  if (dest.kind !== 'gpr') throw new Error(`PEXTRW to an operand of kind ${dest.kind}`);
  const word = m.lane(16, m.readXmm(xmm(src)), m.immediate(32));
  m.writeGpr(dest, m.zeroExtend(16, dest.width, word));
};

/** PINSRW: the low word of SRC becomes the one that the immediate's low three bits name. SDM Vol. 2B "PINSRW". */
export const pinsrw: Semantics = (m, { dest, src }) => {
  const value = read(m, src);
  const word = src.kind === 'gpr' ? m.truncate(src.width, 16, value) : value;
  m.writeXmm(xmm(dest), m.withLane(16, m.readXmm(xmm(dest)), m.immediate(32), word));
};
