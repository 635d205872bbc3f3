import type { Form } from '../form.js';
import type { FloatOperation, FloatWidth, Machine, Semantics } from '../vocabulary.js';
import { read } from './operands.js';
import { binary, scalarBinary, scalarWidth, unary, writeScalar, zeroExtendToVector } from './sse-operands.js';

/** ADDPS, SUBPD, MULPS, DIVPD, MINPS, MAXPD ...: DEST := FIRST op SECOND in each lane. SDM Vol. 2A "ADDPS" and so on. */
export const packedFloat = (operation: FloatOperation, width: FloatWidth): Semantics =>
  binary((m, x, y) => m.floatPacked(operation, width, x, y), 'float');

/** ADDSS, SUBSD, MULSS, DIVSD, MINSS, MAXSD ...: the same in the lowest lane; the rest of DEST stays. */
export const scalarFloat = (operation: FloatOperation): Semantics =>
  scalarBinary((m, width, x, y) => m.float(operation, width, x, y));

/** SQRTPS, SQRTPD. SDM Vol. 2B "SQRTPS". */
export const packedSquareRoot = (width: FloatWidth): Semantics => unary((m, x) => m.floatSqrtPacked(width, x), 'float');

/** SQRTSS, SQRTSD: DEST[width-1:0] := √SECOND; the rest of DEST stays. SDM Vol. 2B "SQRTSS". */
export const scalarSquareRoot: Semantics = (m, form) => {
  const width = scalarWidth(form.second);
  writeScalar(m, form, width, m.floatSqrt(width, read(m, form.second)));
};

/** RCPPS, RSQRTPS: approximately 1/SRC and 1/√SRC in each lane. SDM Vol. 2B "RCPPS", "RSQRTPS". */
export const packedEstimate = (operation: 'rcp' | 'rsqrt'): Semantics => unary((m, x) => m.floatEstimate(operation, x));

/** RCPSS, RSQRTSS: the same in the lowest lane; the rest of DEST stays. SDM Vol. 2B "RCPSS", "RSQRTSS". */
export const scalarEstimate =
  (operation: 'rcp' | 'rsqrt'): Semantics =>
  (m, form) => {
    const estimate = m.floatEstimate(operation, zeroExtendToVector(m, 32, read(m, form.second)));
    writeScalar(m, form, 32, m.lane(32, estimate, m.constant(32, 0)));
  };

/**
 * CMPPS, CMPPD: in each lane, all ones if the predicate in the immediate holds for FIRST and SECOND, else zero. It has three bits,
 * and five with VEX. SDM Vol. 2A "CMPPS" and table 3-1.
 */
export const packedCompare = (width: FloatWidth): Semantics =>
  binary((m, x, y, form) => m.floatPredicatePacked(width, x, y, predicate(m, form)), 'float');

/** CMPSS, CMPSD: the same in the lowest lane; the rest of DEST stays. SDM Vol. 2A "CMPSS". */
export const scalarCompare: Semantics = scalarBinary((m, width, x, y, form) =>
  m.floatPredicate(width, x, y, predicate(m, form)),
);

function predicate<V>(m: Machine<V>, { row }: Form): V {
  return m.and(8, m.immediate(8), m.constant(8, row.pattern.vex ? 31 : 7));
}

/** COMISS and COMISD, UCOMISS and UCOMISD (`quiet`): ZF PF CF from the comparison, OF AF SF cleared. SDM Vol. 2A "COMISS". */
export const compareToFlags =
  (quiet: boolean): Semantics =>
  (m, { dest, src }) => {
    const y = read(m, src);
    m.setFlags({ kind: 'bits', bits: m.floatCompare(scalarWidth(src), read(m, dest), y, quiet) });
  };
