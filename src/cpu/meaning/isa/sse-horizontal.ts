import type { FloatWidth, Machine, Semantics, VectorOperation } from '../vocabulary.js';
import { binary, unary } from './sse-operands.js';

/** Instructions of SSE3 and SSSE3 that combine neighbouring lanes, and their relatives. SDM Vol. 1 5.7 and 5.8. */

/** Byte numbers of every other lane of x, then of y (16 to 31), from lane `first` on. */
export function everyOther(laneBytes: number, first: 0 | 1): number[] {
  return Array.from(
    { length: 16 },
    (_, i) => 2 * laneBytes * Math.floor(i / laneBytes) + first * laneBytes + (i % laneBytes),
  );
}

/** PHADDW, PHSUBD ...: each lane of DEST := one of a pair of neighbours op the other, of FIRST and then of SECOND. */
export const horizontal = (operation: VectorOperation, laneBytes: 2 | 4): Semantics => {
  const [even, odd] = [everyOther(laneBytes, 0), everyOther(laneBytes, 1)];
  return binary((m, x, y) => m.vector(operation, m.shuffle(x, y, even), m.shuffle(x, y, odd)));
};

/** HADDPS, HSUBPD ...: the same with floating point. SDM Vol. 2A "HADDPD", "HADDPS", "HSUBPD", "HSUBPS". */
export const horizontalFloat = (operation: 'add' | 'sub', width: FloatWidth): Semantics => {
  const [even, odd] = [everyOther(width / 8, 0), everyOther(width / 8, 1)];
  return binary((m, x, y) => m.floatPacked(operation, width, m.shuffle(x, y, even), m.shuffle(x, y, odd)), 'float');
};

/** ADDSUBPS, ADDSUBPD: sums in the odd lanes, differences in the even ones. SDM Vol. 2A "ADDSUBPD". */
export const addSub = (width: FloatWidth): Semantics => {
  const ones = (1n << BigInt(width)) - 1n;
  const oddLanes = width === 64 ? ones << 64n : (ones << 32n) | (ones << 96n);
  return binary(
    (m, x, y) =>
      m.together(() => {
        // The other lanes hold zeros, which raise nothing.
        const odd = m.vectorConstant(oddLanes);
        const even = (v: typeof x): typeof x => m.vector('andnot', odd, v);
        const sum = m.floatPacked('add', width, m.vector('and', odd, x), m.vector('and', odd, y));
        return m.blend(odd, sum, m.floatPacked('sub', width, even(x), even(y)));
      }),
    'float',
  );
};

/** Byte numbers where each lane of a pair is the one with number `which` (0 or 1) of the pair. */
function duplicated(laneBytes: number, which: 0 | 1): number[] {
  return Array.from({ length: 16 }, (_, i) => i - (i % (2 * laneBytes)) + which * laneBytes + (i % laneBytes));
}

/** MOVSLDUP, MOVDDUP (even lanes), MOVSHDUP (odd lanes): each twice. SDM Vol. 2B "MOVDDUP", "MOVSHDUP", "MOVSLDUP". */
export const duplicate = (laneBytes: 4 | 8, which: 0 | 1): Semantics => {
  const order = duplicated(laneBytes, which);
  return unary((m, x) => m.shuffle(x, x, order));
};

/** PABSB, PABSW, PABSD: the magnitude of each lane. SDM Vol. 2B "PABSB/PABSW/PABSD/PABSQ". */
export const absolute = (shape: 'i8x16' | 'i16x8' | 'i32x4'): Semantics =>
  unary((m, x) => negatedWhere(m, shape, m.vector(`${shape}.gt_s`, m.vectorConstant(0n), x), x));

/** PSIGNB, PSIGNW, PSIGND: FIRST, negated where SECOND is negative, 0 where it is 0. SDM Vol. 2B "PSIGNB/PSIGNW/PSIGND". */
export const applySign = (shape: 'i8x16' | 'i16x8' | 'i32x4'): Semantics =>
  binary((m, x, y) => {
    const zero = m.vectorConstant(0n);
    const signed = negatedWhere(m, shape, m.vector(`${shape}.gt_s`, zero, y), x);
    return m.vector('andnot', m.vector(`${shape}.eq`, zero, y), signed);
  });

/** x, negated in the lanes where `mask` is all ones. */
function negatedWhere<V>(m: Machine<V>, shape: 'i8x16' | 'i16x8' | 'i32x4', mask: V, x: V): V {
  return m.vector(`${shape}.sub`, m.vector('xor', x, mask), mask);
}

/**
 * PMADDUBSW: products of the unsigned bytes of FIRST and the signed bytes of SECOND, added in pairs with saturation. SDM Vol. 2B
 * "PMADDUBSW".
 */
export const multiplyAddBytes: Semantics = binary((m, x, y) => {
  const eight = m.constant(64, 8);
  const product = (a: typeof x, b: typeof x): typeof x => m.vector('i16x8.mul', a, b);
  const even = product(
    m.vectorShift('shr', 16, m.vectorShift('shl', 16, x, eight), eight),
    m.vectorShift('sar', 16, m.vectorShift('shl', 16, y, eight), eight),
  );
  const odd = product(m.vectorShift('shr', 16, x, eight), m.vectorShift('sar', 16, y, eight));
  return m.vector('i16x8.add_sat_s', even, odd);
});

/** PALIGNR: 16 bytes of FIRST:SECOND from the byte on that the immediate names. SDM Vol. 2B "PALIGNR". */
export const alignRight: Semantics = binary((m, x, y) => {
  const count = m.immediate(8);
  const sixteen = m.constant(8, 16);
  // Counts that wrap around shift everything out.
  const upper = m.vectorShiftBytes('shl', x, m.sub(8, sixteen, count));
  const beyond = m.vectorShiftBytes('shr', x, m.sub(8, count, sixteen));
  return m.vector('or', m.vectorShiftBytes('shr', y, count), m.vector('or', upper, beyond));
});
