import { RDI } from '../../state/layout.js';
import type { Form, OperandForm } from '../form.js';
import type { Machine, PackedConversion, Semantics, VectorOperation } from '../vocabulary.js';
import { place, read } from './operands.js';
import { everyOther } from './sse-horizontal.js';
import { binary, readVector, writeVector, xmm } from './sse-operands.js';
import { FTW, requireNoPending, setTop } from './x87-state.js';
import { linearAt } from './stack.js';

/**
 * MMX registers: SDM Vol. 1 5.4 and chapter 9, and the instructions of SSE to SSSE3 on them. A register is a vector whose upper half
 * is zero, so the meanings of instructions on XMM registers serve most of these, too.
 */

/** FTW with no register empty. */
const ALL_USED = 0xff;

/**
 * An instruction that uses MMX registers: #MF if an x87 exception is pending; then TOP is 0, and no register is empty. SDM Vol. 1
 * 9.5.1 "MMX Instructions and the x87 FPU Tag Word".
 */
export function mmx(meaning: Semantics): Semantics {
  return (m, form) => {
    requireNoPending(m);
    meaning(m, form);
    setTop(m, m.constant(32, 0));
    m.setX87(16, FTW, m.constant(16, ALL_USED));
  };
}

/** MOVD, MOVQ: a register of 32 bits is extended with zeros, or gets the lower half. SDM Vol. 2B "MOVD/MOVQ". */
export const move = mmx((m, { dest, src, width }) => {
  const isShort = width !== 64;
  if (dest.kind === 'mmx') {
    const value = read(m, src);
    return place(m, dest, 'write').write(isShort ? m.zeroExtend(32, 64, value) : value);
  }
  const target = place(m, dest, 'write');
  const value = read(m, src);
  target.write(isShort ? m.truncate(64, 32, value) : value);
});

/** MOVQ between MMX registers and memory, MOVNTQ: in the order of `move`, which has the same signatures. SDM Vol. 2B "MOVQ". */
export const moveQuadword = mmx((m, { dest, src }) => {
  if (dest.kind === 'mmx') {
    const value = read(m, src);
    return place(m, dest, 'write').write(value);
  }
  const target = place(m, dest, 'write');
  target.write(read(m, src));
});

/** MOVDQ2Q: the lower half of an XMM register. SDM Vol. 2B "MOVDQ2Q". */
export const movdq2q = mmx((m, { dest, src }) => {
  place(m, dest, 'write').write(m.readXmmLow(xmm(src), 64));
});

/** MOVQ2DQ: with zeros above. SDM Vol. 2B "MOVQ2DQ". */
export const movq2dq = mmx((m, form) => writeVector(m, form, readVector(m, form.src)));

/** FIRST below SECOND in one vector. */
function joined<V>(m: Machine<V>, { first, second }: Form): V {
  const upper = read(m, second);
  return m.fromLanes(64, [read(m, first), upper]);
}

/** PACKSSWB, PACKSSDW, PACKUSWB: the lanes of FIRST below those of SECOND, narrowed with saturation. SDM Vol. 2B "PACKSSWB". */
export const pack = (operation: VectorOperation): Semantics =>
  mmx((m, form) => {
    const lanes = joined(m, form);
    writeVector(m, form, m.vector(operation, lanes, lanes));
  });

/** PUNPCKHBW, PUNPCKHWD, PUNPCKHDQ: the upper halves of FIRST and SECOND interleaved. SDM Vol. 2B "PUNPCKHBW". */
export const unpackHigh = (laneBytes: 1 | 2 | 4): Semantics => {
  const order = Array.from({ length: 16 }, (_, i) => {
    const pair = Math.floor(i / (2 * laneBytes)) % (4 / laneBytes);
    const isSecond = i % (2 * laneBytes) >= laneBytes;
    return 4 + pair * laneBytes + (i % laneBytes) + (isSecond ? 8 : 0);
  });
  return mmx((m, form) => {
    const lanes = joined(m, form);
    writeVector(m, form, m.shuffle(lanes, lanes, order));
  });
};

/** PHADDW, PHSUBD ...: neighbours of FIRST and then of SECOND. SDM Vol. 2B "PHADDW/PHADDD". */
export const horizontal = (operation: VectorOperation, laneBytes: 2 | 4): Semantics => {
  const [even, odd] = [everyOther(laneBytes, 0), everyOther(laneBytes, 1)];
  return mmx((m, form) => {
    const lanes = joined(m, form);
    writeVector(m, form, m.vector(operation, m.shuffle(lanes, lanes, even), m.shuffle(lanes, lanes, odd)));
  });
};

/** PALIGNR: 8 bytes of FIRST:SECOND from the byte on that the immediate names. SDM Vol. 2B "PALIGNR". */
export const alignRight = mmx((m, form) => {
  const lower = read(m, form.second);
  const lanes = m.fromLanes(64, [lower, read(m, form.first)]);
  writeVector(m, form, m.vectorShiftBytes('shr', lanes, m.immediate(8)));
});

/** Of the bytes of a selector, the bit that clears, and the number of one of eight bytes. */
const SELECTOR = 0x8787_8787_8787_8787n;

/** PSHUFB: bytes of FIRST in the order of SECOND. SDM Vol. 2B "PSHUFB". */
export const shuffleBytes = mmx(
  binary((m, x, y) => m.vector('i8x16.select_by', x, m.vector('and', y, m.vectorConstant(SELECTOR)))),
);

/** The number of one of four words. */
function word<V>(m: Machine<V>): V {
  return m.and(32, m.immediate(32), m.constant(32, 3));
}

/** PEXTRW. SDM Vol. 2B "PEXTRW". */
export const extractWord = mmx((m, { dest, src }) => {
  place(m, dest, 'write').write(m.zeroExtend(16, 32, m.lane(16, readVector(m, src), word(m))));
});

/** PINSRW. SDM Vol. 2B "PINSRW". */
export const insertWord = mmx((m, form) => {
  const { first, second } = form;
  const value = read(m, second);
  const low = second.kind === 'gpr' ? m.truncate(second.width, 16, value) : value;
  writeVector(m, form, m.withLane(16, readVector(m, first), word(m), low));
});

/** MASKMOVQ: as MASKMOVDQU, for eight bytes. SDM Vol. 2B "MASKMOVQ". */
export const maskmovq = mmx(<V>(m: Machine<V>, { dest, src, addressWidth }: Form) => {
  const offset = m.zeroExtend(addressWidth, 64, m.gpr(RDI, addressWidth));
  const target = m.translate(linearAt(m, m.sourceSegmentBase(), offset), 8, 'write');
  const signs = m.vector('i8x16.gt_s', m.vectorConstant(0n), readVector(m, src));
  const selected = m.lane(64, signs, m.constant(32, 0));
  const kept = m.and(64, m.not(64, selected), target.load(64));
  target.store(64, m.or(64, kept, m.and(64, selected, read(m, dest))));
});

/** CVTPS2PI, CVTTPS2PI, CVTPD2PI, CVTTPD2PI: two integers of two numbers. SDM Vol. 2A "CVTPS2PI". */
export const convertToMmx = (conversion: PackedConversion): Semantics =>
  mmx((m, form) => writeVector(m, form, m.convertPacked(conversion, lowerHalf(m, conversion, form.src))));

/** Singles are those of the lower half only. */
function lowerHalf<V>(m: Machine<V>, conversion: PackedConversion, operand: OperandForm): V {
  if (operand.kind !== 'xmm' || !conversion.startsWith('f32')) return readVector(m, operand);
  return m.fromLanes(64, [m.readXmmLow(operand, 64), m.constant(64, 0)]);
}

/** Integers of memory are converted without any use of MMX registers. SDM Vol. 2A "CVTPI2PD". */
function ofMmxOrMemory(meaning: Semantics): Semantics {
  const ofRegister = mmx(meaning);
  return (m, form) => (form.src.kind === 'memory' ? meaning : ofRegister)(m, form);
}

/** CVTPI2PS: two singles in the lower half; the rest of DEST is unchanged. SDM Vol. 2A "CVTPI2PS". */
export const cvtpi2ps = ofMmxOrMemory((m, { dest, src }) => {
  const singles = m.convertPacked('i32x4.f32x4', readVector(m, src));
  m.writeXmmLow(xmm(dest), 64, m.lane(64, singles, m.constant(32, 0)));
});

/** CVTPI2PD: two doubles. SDM Vol. 2A "CVTPI2PD". */
export const cvtpi2pd = ofMmxOrMemory((m, form) =>
  writeVector(m, form, m.convertPacked('i32x2.f64x2', readVector(m, form.src))),
);
