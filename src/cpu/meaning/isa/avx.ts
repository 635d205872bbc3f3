import { flagFromTruth } from './flag-bits.js';
import { CF, ZF } from '../flags.js';
import type { Form } from '../form.js';
import type { FloatWidth, Machine, Semantics } from '../vocabulary.js';
import { memoryPlace, read } from './operands.js';
import { xmmRegisters } from './sse-state.js';
import { binary, readLanes, readVector, unary, vectorWidth, writeLanes, writeVector } from './sse-operands.js';

/** Instructions that are new with AVX and AVX2. SDM Vol. 1 14.1 and 14.6. */

/** VZEROUPPER, VZEROALL: clear the upper halves of all YMM registers, or all of them. SDM Vol. 2C "VZEROUPPER", "VZEROALL". */
export const zeroRegisters =
  (which: 'upper' | 'all'): Semantics =>
  (m, form) => {
    for (const register of xmmRegisters(form)) {
      if (which === 'all') m.writeXmm(register, m.vectorConstant(0n));
      m.writeYmmHigh(register, m.vectorConstant(0n));
    }
  };

/** Bit `index` of the immediate, as a truth value. */
function bit<V>(m: Machine<V>, index: number): V {
  return m.and(32, m.shr(32, m.immediate(32), m.constant(32, index)), m.constant(32, 1));
}

/** The same value in every lane of the destination. */
function writeEverywhere<V>(m: Machine<V>, form: Form, lane: V): void {
  writeLanes(m, form, vectorWidth(form.dest) === 256 ? [lane, lane] : [lane]);
}

/** VBROADCASTSS, VPBROADCASTB ...: the lowest number of SRC in every lane. SDM Vol. 2C "VBROADCAST", "VPBROADCAST". */
export const broadcast =
  (width: 8 | 16 | 32 | 64): Semantics =>
  (m, form) => {
    const { src } = form;
    const value = src.kind === 'xmm' ? m.lane(width, m.readXmm(src), m.constant(32, 0)) : read(m, src);
    if (width === 64) return writeEverywhere(m, form, m.fromLanes(64, [value, value]));
    const repeated = width === 32 ? value : m.mul(32, value, m.constant(32, width === 8 ? 0x0101_0101 : 0x0001_0001));
    writeEverywhere(m, form, m.fromLanes(32, [repeated, repeated, repeated, repeated]));
  };

/** VBROADCASTF128, VBROADCASTI128: 128 bits of memory in both lanes. */
export const broadcast128: Semantics = (m, form) => writeEverywhere(m, form, readVector(m, form.src));

/** VINSERTF128, VINSERTI128: FIRST with lane imm[0] replaced by SECOND. SDM Vol. 2C "VINSERTF128". */
export const insert128: Semantics = (m, form) => {
  const value = readVector(m, form.second);
  const [low, high] = readLanes(m, form.first);
  const upper = bit(m, 0);
  writeLanes(m, form, [m.select(128, upper, low!, value), m.select(128, upper, value, high!)]);
};

/** VEXTRACTF128, VEXTRACTI128: lane imm[0] of SRC. SDM Vol. 2C "VEXTRACTF128". */
export const extract128: Semantics = (m, form) => {
  const target = form.dest.kind === 'memory' ? memoryPlace(m, form.dest, 'write') : undefined;
  const [low, high] = readLanes(m, form.src);
  const lane = m.select(128, bit(m, 0), high!, low!);
  if (target) target.store(128, lane);
  else writeVector(m, form, lane);
};

/** VPERM2F128, VPERM2I128: each lane is one of the four of FIRST and SECOND, or zero. SDM Vol. 2C "VPERM2F128". */
export const permute128: Semantics = (m, form) => {
  const [y0, y1] = readLanes(m, form.second);
  const [x0, x1] = readLanes(m, form.first);
  const lanes = [0, 4].map((first) => {
    const ofFirst = m.select(128, bit(m, first), x1!, x0!);
    const ofSecond = m.select(128, bit(m, first), y1!, y0!);
    const chosen = m.select(128, bit(m, first + 1), ofSecond, ofFirst);
    return m.select(128, bit(m, first + 3), m.vectorConstant(0n), chosen);
  });
  writeLanes(m, form, lanes);
};

/** VPERMILPS, VPERMILPD by the immediate: numbers of the same lane of SRC. SDM Vol. 2C "VPERMILPS", "VPERMILPD". */
export const permuteInLane = (width: FloatWidth): Semantics =>
  unary((m, x, _form, lane) => {
    const count = 128 / width;
    const indexes = Array.from({ length: count }, (_, i) => {
      const first = width === 32 ? 2 * i : 2 * lane + i;
      return m.shr(32, m.immediate(32), m.constant(32, first));
    });
    return m.permute(
      width,
      indexes.map(() => x),
      indexes,
    );
  });

const BYTES_OF_SINGLE = 0x0302_0100_0302_0100_0302_0100_0302_0100n;
const FOURS = 0x0404_0404_0404_0404_0404_0404_0404_0404n;
const LOW_TWO_BITS = 0x0000_0003_0000_0003_0000_0003_0000_0003n;
const BYTES_OF_DOUBLE = 0x0706_0504_0302_0100_0706_0504_0302_0100n;
const EIGHTS = 0x0808_0808_0808_0808_0808_0808_0808_0808n;

/** The singles of x that the low two bits of those of `selectors` name. */
function selectSingles<V>(m: Machine<V>, x: V, selectors: V): V {
  const index = m.vector('and', selectors, m.vectorConstant(LOW_TWO_BITS));
  const bytes = m.vector('i32x4.mul', index, m.vectorConstant(FOURS));
  return m.vector('i8x16.select_by', x, m.vector('i32x4.add', bytes, m.vectorConstant(BYTES_OF_SINGLE)));
}

/** All ones in the lanes of x whose bit `index` is set. */
function lanesWithBit<V>(m: Machine<V>, width: 32 | 64, x: V, index: number): V {
  const atTop = m.vectorShift('shl', width, x, m.constant(64, width - 1 - index));
  return m.vectorShift('sar', width, atTop, m.constant(64, width - 1));
}

/** VPERMILPS, VPERMILPD by a vector: the low bits of each single, bit 1 of each double. */
export const permuteInLaneBy = (width: FloatWidth): Semantics =>
  binary((m, x, selectors) => {
    if (width === 32) return selectSingles(m, x, selectors);
    const upper = m.vector('and', lanesWithBit(m, 64, selectors, 1), m.vectorConstant(EIGHTS));
    return m.vector('i8x16.select_by', x, m.vector('i8x16.add', upper, m.vectorConstant(BYTES_OF_DOUBLE)));
  });

/** VPERMD, VPERMPS: the singles of SECOND that those of FIRST name, of both lanes. SDM Vol. 2C "VPERMD/VPERMW". */
export const permuteSingles: Semantics = (m, form) => {
  const [low, high] = readLanes(m, form.second);
  const lanes = readLanes(m, form.first).map((selectors) => {
    const ofHigh = lanesWithBit(m, 32, selectors, 2);
    return m.blend(ofHigh, selectSingles(m, high!, selectors), selectSingles(m, low!, selectors));
  });
  writeLanes(m, form, lanes);
};

/** VPERMQ, VPERMPD: the quadwords of SRC that the immediate names, of both lanes. SDM Vol. 2C "VPERMQ". */
export const permuteDoubles: Semantics = (m, form) => {
  const [low, high] = readLanes(m, form.src);
  const lanes = [0, 1].map((lane) => {
    const places = [4 * lane, 4 * lane + 2];
    const sources = places.map((first) => m.select(128, bit(m, first + 1), high!, low!));
    return m.permute(
      64,
      sources,
      places.map((first) => bit(m, first)),
    );
  });
  writeLanes(m, form, lanes);
};

/** VTESTPS, VTESTPD: as PTEST, of the sign bits. SDM Vol. 2C "VTESTPD/VTESTPS". */
export const testSigns =
  (width: FloatWidth): Semantics =>
  (m, { dest, src }) => {
    const y = readLanes(m, src);
    const x = readLanes(m, dest);
    const none = (operation: 'and' | 'andnot'): (typeof x)[number] => {
      const masks = x.map((lane, i) => m.signMask(width, m.vector(operation, lane, y[i]!)));
      return m.isZero(
        32,
        masks.reduce((a, b) => m.or(32, a, b)),
      );
    };
    const zero = flagFromTruth(m, none('and'), ZF);
    m.setFlags({ kind: 'bits', bits: m.or(32, zero, flagFromTruth(m, none('andnot'), CF)) });
  };

/** VPSLLVD, VPSRAVD ...: shifts each lane of FIRST by that of SECOND. SDM Vol. 2C "VPSLLVW/VPSLLVD/VPSLLVQ" and so on. */
export const shiftVariable = (operation: 'shl' | 'shr' | 'sar', width: 32 | 64): Semantics =>
  binary((m, x, y) => {
    const lanes = Array.from({ length: 128 / width }, (_, i) => {
      const [value, count] = [x, y].map((vector) => m.lane(width, vector, m.constant(32, i)));
      const fits = m.lessUnsigned(width, count!, m.constant(width, width));
      const last = m.constant(width, width - 1);
      if (operation === 'sar') return m.sar(width, value!, m.select(width, fits, count!, last));
      const shifted = m[operation](width, value!, m.and(width, count!, last));
      return m.select(width, fits, shifted, m.constant(width, 0));
    });
    return m.fromLanes(width, lanes);
  });
