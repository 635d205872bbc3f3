import type { Semantics } from '../vocabulary.js';
import { RDI } from '../../state/layout.js';
import { mov } from './data-transfer.js';
import { place, read } from './operands.js';
import {
  binary,
  readLanes,
  readVector,
  scalarWidth,
  writeScalar,
  writeVector,
  xmm,
  zeroExtendToVector,
} from './sse-operands.js';
import { linearAt } from './stack.js';

/**
 * MOVSS, MOVSD: between registers and to memory, moves only the low number; from memory, fills the rest with zeros. SDM
 * Vol. 2B "MOVSS", "MOVSD".
 */
export const moveScalar: Semantics = (m, form) => {
  if (form.src.kind === 'memory') moveZeroExtended(m, form);
  else if (form.row.pattern.vex && form.dest.kind === 'xmm')
    writeScalar(m, form, scalarWidth(form.second), read(m, form.second));
  else mov(m, form);
};

/**
 * MOVD, MOVQ: into an XMM register with zeros above; from an XMM register, the low bits. SDM Vol. 2B "MOVD/MOVQ—Move
 * Doubleword/Move Quadword", "MOVQ—Move Quadword".
 */
export const moveZeroExtended: Semantics = (m, form) => {
  const { dest, src } = form;
  if (dest.kind === 'xmm') writeVector(m, form, zeroExtendToVector(m, scalarWidth(src), read(m, src)));
  else place(m, dest, 'write').write(m.readXmmLow(xmm(src), scalarWidth(dest)));
};

/** MOVLPS, MOVLPD from memory: the low half of the register; the high half stays. SDM Vol. 2B "MOVLPS", "MOVLPD". */
export const loadLow: Semantics = (m, form) => {
  writeScalar(m, form, 64, read(m, form.second));
};

/** MOVLPS, MOVLPD to memory. */
export const storeLow: Semantics = (m, { dest, src }) => {
  place(m, dest, 'write').write(m.readXmmLow(xmm(src), 64));
};

/** MOVHPS, MOVHPD from memory: the high half of the register; the low half stays. SDM Vol. 2B "MOVHPS", "MOVHPD". */
export const loadHigh: Semantics = (m, form) => {
  const half = read(m, form.second);
  writeVector(m, form, m.withLane(64, readVector(m, form.first), m.constant(32, 1), half));
};

/** MOVHPS, MOVHPD to memory. */
export const storeHigh: Semantics = (m, { dest, src }) => {
  place(m, dest, 'write').write(m.lane(64, m.readXmm(xmm(src)), m.constant(32, 1)));
};

const HIGH_TO_LOW = [24, 25, 26, 27, 28, 29, 30, 31, 8, 9, 10, 11, 12, 13, 14, 15];

/** MOVHLPS: DEST[63:0] := SRC[127:64]; the high half stays. SDM Vol. 2B "MOVHLPS". */
export const movhlps: Semantics = binary((m, x, y) => m.shuffle(x, y, HIGH_TO_LOW));

/** MOVMSKPS, MOVMSKPD, PMOVMSKB: the sign bits of the lanes, zeros above. SDM Vol. 2B "MOVMSKPS", "PMOVMSKB". */
export const moveMask =
  (laneWidth: 8 | 32 | 64): Semantics =>
  (m, { dest, src }) => {
    const [low, high] = readLanes(m, src).map((lane) => m.signMask(laneWidth, lane));
    const mask = high === undefined ? low! : m.or(32, low!, m.shl(32, high, m.constant(32, 128 / laneWidth)));
    place(m, dest, 'write').write(mask);
  };

/**
 * MASKMOVDQU: stores the bytes of the first operand whose mask bit, the top bit of the byte in the second operand, is
 * set, at DS:RDI; the segment can be overridden. All sixteen bytes must be writable, whatever the mask. SDM Vol. 2B
 * "MASKMOVDQU".
 */
export const maskmovdqu: Semantics = (m, { dest, src, addressWidth }) => {
  const offset = m.zeroExtend(addressWidth, 64, m.gpr(RDI, addressWidth));
  const target = m.translate(linearAt(m, m.sourceSegmentBase(), offset), 16, 'write');
  const selected = m.vector('i8x16.gt_s', m.vectorConstant(0n), m.readXmm(xmm(src)));
  const kept = m.vector('andnot', selected, target.load(128));
  target.store(128, m.vector('or', kept, m.vector('and', selected, m.readXmm(xmm(dest)))));
};
