import type { FloatOperation, FloatWidth, Semantics } from '../vocabulary.js';
import { place, read } from './operands.js';
import { scalarWidth, xmm, zeroExtendToVector } from './sse-operands.js';

/** ADDPS, SUBPD, MULPS, DIVPD, MINPS, MAXPD ...: DEST := DEST op SRC in each lane. SDM Vol. 2A "ADDPS" and so on. */
export const packedFloat =
  (operation: FloatOperation, width: FloatWidth): Semantics =>
  (m, { dest, src }) => {
    const y = read(m, src);
    m.writeXmm(xmm(dest), m.floatPacked(operation, width, m.readXmm(xmm(dest)), y));
  };

/** ADDSS, SUBSD, MULSS, DIVSD, MINSS, MAXSD ...: the same in the lowest lane; the rest of DEST stays. */
export const scalarFloat =
  (operation: FloatOperation): Semantics =>
  (m, { dest, src }) => {
    const width = scalarWidth(src);
    const y = read(m, src);
    const target = place(m, dest, 'write');
    target.write(m.float(operation, width, target.read(), y));
  };

/** SQRTPS, SQRTPD. SDM Vol. 2B "SQRTPS". */
export const packedSquareRoot =
  (width: FloatWidth): Semantics =>
  (m, { dest, src }) => {
    m.writeXmm(xmm(dest), m.floatSqrtPacked(width, read(m, src)));
  };

/** SQRTSS, SQRTSD: DEST[width-1:0] := √SRC; the rest of DEST stays. SDM Vol. 2B "SQRTSS". */
export const scalarSquareRoot: Semantics = (m, { dest, src }) => {
  const width = scalarWidth(src);
  m.writeXmmLow(xmm(dest), width, m.floatSqrt(width, read(m, src)));
};

/** RCPPS, RSQRTPS: approximately 1/SRC and 1/√SRC in each lane. SDM Vol. 2B "RCPPS", "RSQRTPS". */
export const packedEstimate =
  (operation: 'rcp' | 'rsqrt'): Semantics =>
  (m, { dest, src }) => {
    m.writeXmm(xmm(dest), m.floatEstimate(operation, read(m, src)));
  };

/** RCPSS, RSQRTSS: the same in the lowest lane; the rest of DEST stays. SDM Vol. 2B "RCPSS", "RSQRTSS". */
export const scalarEstimate =
  (operation: 'rcp' | 'rsqrt'): Semantics =>
  (m, { dest, src }) => {
    const estimate = m.floatEstimate(operation, zeroExtendToVector(m, 32, read(m, src)));
    m.writeXmmLow(xmm(dest), 32, m.lane(32, estimate, m.constant(32, 0)));
  };

/**
 * CMPPS, CMPPD: in each lane, all ones if the predicate in the immediate's low three bits holds for DEST and SRC, else
 * zero. SDM Vol. 2A "CMPPS" and table 3-1.
 */
export const packedCompare =
  (width: FloatWidth): Semantics =>
  (m, { dest, src }) => {
    const y = read(m, src);
    m.writeXmm(xmm(dest), m.floatPredicatePacked(width, m.readXmm(xmm(dest)), y, m.immediate(8)));
  };

/** CMPSS, CMPSD: the same in the lowest lane; the rest of DEST stays. SDM Vol. 2A "CMPSS". */
export const scalarCompare: Semantics = (m, { dest, src }) => {
  const width = scalarWidth(src);
  const y = read(m, src);
  const target = place(m, dest, 'write');
  target.write(m.floatPredicate(width, target.read(), y, m.immediate(8)));
};

/** COMISS and COMISD, UCOMISS and UCOMISD (`quiet`): ZF PF CF from the comparison, OF AF SF cleared. SDM Vol. 2A "COMISS". */
export const compareToFlags =
  (quiet: boolean): Semantics =>
  (m, { dest, src }) => {
    const y = read(m, src);
    m.setFlags({ kind: 'bits', bits: m.floatCompare(scalarWidth(src), read(m, dest), y, quiet) });
  };
