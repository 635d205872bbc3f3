import { CF, ZF } from '../flags.js';
import type { FloatWidth, Machine, Semantics } from '../vocabulary.js';
import { flagFromTruth } from './flag-bits.js';
import { read } from './operands.js';
import {
  binary,
  readLanes,
  readVector,
  scalarWidth,
  unary,
  writeScalar,
  vectorWidth,
  writeLanes,
  writeVector,
  xmm,
  zeroExtendToVector,
} from './sse-operands.js';

/** Instructions of SSE4.1 that select, insert, extend and test. SDM Vol. 1 5.10. */

/** BLENDPS, BLENDPD, PBLENDW: SECOND in the lanes whose bit of the immediate is set, else FIRST. SDM Vol. 2A "BLENDPS". */
export const blendByImmediate = (laneWidth: 16 | 32 | 64): Semantics =>
  binary((m, x, y, _form, lane) => {
    // The upper lane has the next bits, but those of words again.
    const first = laneWidth === 16 ? 0 : lane * (128 / laneWidth);
    return m.blend(m.laneMask(laneWidth, m.shr(32, m.immediate(32), m.constant(32, first))), y, x);
  });

/**
 * BLENDVPS, BLENDVPD, PBLENDVB: SECOND in the lanes where the top bit of the last operand is set, else FIRST. SDM Vol. 2A
 * "BLENDVPS", Vol. 2B "PBLENDVB".
 */
export const blendBySign = (laneWidth: 8 | 32 | 64): Semantics =>
  binary((m, x, y, { fourth }, lane) => m.blend(signs(m, laneWidth, readLanes(m, fourth)[lane]!), y, x));

/** All ones in the lanes that are negative. */
function signs<V>(m: Machine<V>, laneWidth: 8 | 32 | 64, x: V): V {
  if (laneWidth === 8) return m.vector('i8x16.gt_s', m.vectorConstant(0n), x);
  return m.vectorShift('sar', laneWidth, x, m.constant(64, laneWidth - 1));
}

/**
 * PTEST: ZF if no bit is set in DEST and SRC, CF if none is set in SRC that is clear in DEST. SDM Vol. 2B "PTEST".
 */
export const ptest: Semantics = (m, { dest, src }) => {
  const y = readLanes(m, src);
  const x = readLanes(m, dest);
  const none = (operation: 'and' | 'andnot'): (typeof x)[number] =>
    m.vectorIsZero(x.map((lane, i) => m.vector(operation, lane, y[i]!)).reduce((a, b) => m.vector('or', a, b)));
  const zero = flagFromTruth(m, none('and'), ZF);
  const carry = flagFromTruth(m, none('andnot'), CF);
  m.setFlags({ kind: 'bits', bits: m.or(32, zero, carry) });
};

/** PMOVSXBW, PMOVZXDQ ...: the low lanes of SRC, extended to wider ones. SDM Vol. 2B "PMOVSX", "PMOVZX". */
export const extend = (sign: 'signed' | 'unsigned', from: 8 | 16 | 32, to: 16 | 32 | 64): Semantics => {
  const orders = [0, 1].map((lane) => extensionOrder(sign, from, to, lane));
  return (m, form) => {
    const x = readVector(m, form.src);
    const lanes = orders.slice(0, vectorWidth(form.dest) / 128).map((order) => {
      const wide = m.shuffle(x, m.vectorConstant(0n), order);
      return sign === 'signed' ? m.vectorShift('sar', to, wide, m.constant(64, to - from)) : wide;
    });
    writeLanes(m, form, lanes);
  };
};

/** Bytes for the lane: signed numbers stand at the top of wide ones, to be shifted down; others below bytes of a zero vector. */
function extensionOrder(sign: 'signed' | 'unsigned', from: number, to: number, lane: number): number[] {
  const [fromBytes, toBytes] = [from / 8, to / 8];
  const padding = sign === 'signed' ? toBytes - fromBytes : 0;
  const first = (lane * 128) / to;
  return Array.from({ length: 16 }, (_, i) => {
    const byte = (i % toBytes) - padding;
    return byte >= 0 && byte < fromBytes ? (first + Math.floor(i / toBytes)) * fromBytes + byte : 16;
  });
}

/**
 * INSERTPS: FIRST with lane imm[5:4] replaced by lane imm[7:6] of SECOND, or the single in memory; then zeros in the lanes of
 * imm[3:0]. SDM Vol. 2A "INSERTPS".
 */
export const insertps: Semantics = (m, form) => {
  const { first, second } = form;
  const control = m.immediate(32);
  const field = (bit: number): ReturnType<typeof m.immediate> => m.shr(32, control, m.constant(32, bit));
  const single = second.kind === 'xmm' ? m.lane(32, m.readXmm(xmm(second)), field(6)) : read(m, second);
  const inserted = m.withLane(32, readVector(m, first), field(4), single);
  writeVector(m, form, m.vector('andnot', m.laneMask(32, control), inserted));
};

/**
 * PHMINPOSUW: the smallest unsigned word of SRC, above it its number; of several, the first one's. SDM Vol. 2B "PHMINPOSUW".
 */
export const minimumPosition: Semantics = unary((m, x) => {
  const numbered = Array.from({ length: 8 }, (_, i) => {
    const word = m.zeroExtend(16, 32, m.lane(16, x, m.constant(32, i)));
    return m.or(32, m.shl(32, word, m.constant(32, 3)), m.constant(32, i));
  });
  const least = numbered.reduce((a, b) => m.select(32, m.lessUnsigned(32, b, a), b, a));
  const position = m.shl(32, m.and(32, least, m.constant(32, 7)), m.constant(32, 16));
  return zeroExtendToVector(m, 32, m.or(32, m.shr(32, least, m.constant(32, 3)), position));
});

const ZERO_EXTENDED_BYTES = Array.from({ length: 16 }, (_, i) => (i % 2 === 0 ? i / 2 : 16));

/**
 * MPSADBW: sums of the distances between four bytes of SECOND, from 4 imm[1:0] on, and four of FIRST from 4 imm[2] + i on, for i
 * from 0 to 7. The upper lane of 256 bits has imm[5:3]. SDM Vol. 2B "MPSADBW".
 */
export const mpsadbw: Semantics = binary((m, x, y, _form, lane) => {
  const control = m.shr(32, m.immediate(32), m.constant(32, 3 * lane));
  const bits = (mask: number): typeof x => m.and(32, control, m.constant(32, mask));
  const start = m.truncate(32, 8, bits(4));
  const block = m.lane(32, y, bits(3));
  const zero = m.vectorConstant(0n);
  const distances = [0, 1, 2, 3].map((k) => {
    const window = m.vectorShiftBytes('shr', m.vectorShiftBytes('shr', x, start), m.constant(8, k));
    const byte = m.and(32, m.shr(32, block, m.constant(32, 8 * k)), m.constant(32, 0xff));
    const single = m.mul(32, byte, m.constant(32, 0x0101_0101));
    const other = m.fromLanes(32, [single, single, single, single]);
    const less = m.vector('i8x16.sub_sat_u', window, other);
    const distance = m.vector('or', less, m.vector('i8x16.sub_sat_u', other, window));
    return m.shuffle(distance, zero, ZERO_EXTENDED_BYTES);
  });
  return distances.reduce((a, b) => m.vector('i16x8.add', a, b));
});

/** ROUNDSS, ROUNDSD: the lowest number of SECOND, rounded; the rest of DEST is FIRST. SDM Vol. 2B "ROUNDSS". */
export const roundScalar: Semantics = (m, form) => {
  const width = scalarWidth(form.second);
  writeScalar(m, form, width, m.floatRound(width, read(m, form.second), m.immediate(8)));
};

/** ROUNDPS, ROUNDPD. SDM Vol. 2B "ROUNDPD". */
export const roundPacked = (width: FloatWidth): Semantics =>
  unary((m, x) => m.floatRoundPacked(width, x, m.immediate(8)), 'float');

/**
 * DPPS, DPPD: the sum of the products of the lanes that imm[7:4] names, in the lanes that imm[3:0] names. Each step raises its own
 * exceptions. SDM Vol. 2A "DPPS", "DPPD".
 */
export const dotProduct =
  (width: FloatWidth): Semantics =>
  (m, form) => {
    const y = readLanes(m, form.second);
    const x = readLanes(m, form.first);
    const control = m.immediate(32);
    // Lanes that are left out are 0.0, without exceptions.
    const factors = m.laneMask(width, m.shr(32, control, m.constant(32, 4)));
    const chosen = (v: (typeof x)[number]): (typeof x)[number] => m.vector('and', factors, v);
    const step = (operation: (lane: number) => (typeof x)[number]): typeof x =>
      m.together(() => x.map((_, lane) => operation(lane)));
    const products = step((lane) => m.floatPacked('mul', width, chosen(x[lane]!), chosen(y[lane]!)));
    const pairs = width === 64 ? products : step((lane) => sumsOfPairs(m, products[lane]!));
    const part = (lane: number, i: number): (typeof x)[number] => m.lane(width, pairs[lane]!, m.constant(32, i));
    const totals = step((lane) => m.float('add', width, part(lane, 0), part(lane, 1)));
    const mask = m.laneMask(width, control);
    const everywhere = (total: (typeof x)[number]): (typeof x)[number] =>
      m.fromLanes(
        width,
        Array.from({ length: 128 / width }, () => total),
      );
    writeLanes(
      m,
      form,
      totals.map((total) => m.vector('and', mask, everywhere(total))),
    );
  };

const EVEN_SINGLES = [0, 1, 2, 3, 8, 9, 10, 11, 16, 16, 16, 16, 16, 16, 16, 16];
const ODD_SINGLES = [4, 5, 6, 7, 12, 13, 14, 15, 16, 16, 16, 16, 16, 16, 16, 16];

/** The sums of lanes 0 and 1, and of lanes 2 and 3, in the low half. */
function sumsOfPairs<V>(m: Machine<V>, x: V): V {
  const zero = m.vectorConstant(0n);
  return m.floatPacked('add', 32, m.shuffle(x, zero, EVEN_SINGLES), m.shuffle(x, zero, ODD_SINGLES));
}
