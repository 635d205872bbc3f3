import type { Machine, Semantics, VectorOperation } from '../vocabulary.js';
import { gprWidth, place, read } from './operands.js';
import { binary, readLanes, readVector, unary, writeLanes, writeVector, xmm } from './sse-operands.js';

/**
 * DEST := FIRST op SECOND, lane by lane or on all 128 bits: PADDB to PXOR, PACKxxxx, and ANDPS to XORPD, which treat
 * numbers as plain bits. SDM Vol. 2B "PADDB/PADDW/PADDD/PADDQ" and so on.
 */
export const packed = (operation: VectorOperation): Semantics => binary((m, x, y) => m.vector(operation, x, y));

/**
 * PSLLW, PSRLD, PSRAW ...: shifts each lane of FIRST by a common count, the immediate or the low 64 bits of SECOND; a count
 * beyond the lane width gives zeros, or copies of the sign. SDM Vol. 2B "PSLLW", "PSRLW", "PSRAW".
 */
export const shift =
  (operation: 'shl' | 'shr' | 'sar', laneWidth: 16 | 32 | 64): Semantics =>
  (m, form) => {
    const { first, second } = form;
    const count = second.kind === 'immediate' ? m.immediate(64) : m.lane(64, readVector(m, second), m.constant(32, 0));
    writeLanes(
      m,
      form,
      readLanes(m, first).map((x) => m.vectorShift(operation, laneWidth, x, count)),
    );
  };

/** PSLLDQ, PSRLDQ: shift the whole lane by bytes. SDM Vol. 2B "PSLLDQ", "PSRLDQ". */
export const shiftBytes =
  (operation: 'shl' | 'shr'): Semantics =>
  (m, form) => {
    writeLanes(
      m,
      form,
      readLanes(m, form.first).map((x) => m.vectorShiftBytes(operation, x, m.immediate(8))),
    );
  };

/**
 * PUNPCKLxx, PUNPCKHxx, UNPCKLPx, UNPCKHPx: interleave the lanes of one half of FIRST and SECOND; MOVLHPS is the low half
 * with lanes of 8 bytes. SDM Vol. 2B "PUNPCKHBW", "PUNPCKLBW", "UNPCKHPS", "UNPCKLPS", "MOVLHPS".
 */
export const unpack = (half: 'low' | 'high', laneBytes: 1 | 2 | 4 | 8): Semantics => {
  const order = interleaved(half === 'low' ? 0 : 8, laneBytes);
  return binary((m, x, y) => m.shuffle(x, y, order));
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
export const pshufd: Semantics = unary((m, x) => {
  const indexes = [0, 1, 2, 3].map((lane) => selector(m, lane, 2));
  return m.permute(32, [x, x, x, x], indexes);
});

/**
 * PSHUFLW, PSHUFHW: selects the words of one half by the immediate; the other half is that of SRC. SDM Vol. 2B
 * "PSHUFLW".
 */
export const shuffleWords = (half: 'low' | 'high'): Semantics => {
  const first = half === 'low' ? 0 : 4;
  return unary((m, x) => {
    const indexes = Array.from({ length: 8 }, (_, lane) => {
      if (Math.floor(lane / 4) !== first / 4) return m.constant(32, lane);
      const within = m.and(32, selector(m, lane % 4, 2), m.constant(32, 3));
      return m.add(32, within, m.constant(32, first));
    });
    return m.permute(
      16,
      indexes.map(() => x),
      indexes,
    );
  });
};

/** SHUFPS: two singles of FIRST below two of SECOND, selected by the immediate. SDM Vol. 2B "SHUFPS". */
export const shufps: Semantics = binary((m, x, y) => {
  const indexes = [0, 1, 2, 3].map((lane) => selector(m, lane, 2));
  return m.permute(32, [x, x, y, y], indexes);
});

/** SHUFPD: a double of FIRST below one of SECOND, selected by the immediate. SDM Vol. 2B "SHUFPD". */
export const shufpd: Semantics = binary((m, x, y, _form, lane) => {
  return m.permute(64, [x, y], [selector(m, 2 * lane, 1), selector(m, 2 * lane + 1, 1)]);
});

/**
 * PEXTRB, PEXTRW, PEXTRD, PEXTRQ, EXTRACTPS: the number selected by the immediate, modulo the number of lanes; zero-extended in
 * a register. SDM Vol. 2B "PEXTRW", "PEXTRB/PEXTRD/PEXTRQ".
 */
export const extractLane =
  (laneWidth: 8 | 16 | 32 | 64): Semantics =>
  (m, { dest, src }) => {
    const target = place(m, dest, 'write');
    const lane = m.lane(laneWidth, m.readXmm(xmm(src)), m.immediate(32));
    const width = gprWidth(dest);
    target.write(width > laneWidth ? m.zeroExtend(laneWidth, width, lane) : lane);
  };

/**
 * PINSRB, PINSRW, PINSRD, PINSRQ: FIRST with the number selected by the immediate, modulo the number of lanes, replaced by the
 * low bits of SECOND. SDM Vol. 2B "PINSRW", "PINSRB/PINSRD/PINSRQ".
 */
export const insertLane =
  (laneWidth: 8 | 16 | 32 | 64): Semantics =>
  (m, form) => {
    const { first, second } = form;
    const value = read(m, second);
    const lane = second.kind === 'gpr' && second.width > laneWidth ? m.truncate(second.width, laneWidth, value) : value;
    writeVector(m, form, m.withLane(laneWidth, readVector(m, first), m.immediate(32), lane));
  };
