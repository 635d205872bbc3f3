import type { PackedConversion, Semantics } from '../vocabulary.js';
import { place, read } from './operands.js';
import { readVector, scalarWidth, xmm } from './sse-operands.js';

/**
 * CVTDQ2PS, CVTDQ2PD, CVTPS2DQ, CVTPD2DQ, CVTTPS2DQ, CVTTPD2DQ, CVTPS2PD, CVTPD2PS: converts as many lanes as fit; the
 * rest of DEST is zero. SDM Vol. 2A "CVTDQ2PD" and so on.
 */
export const convertPacked =
  (conversion: PackedConversion): Semantics =>
  (m, { dest, src }) => {
    m.writeXmm(xmm(dest), m.convertPacked(conversion, readVector(m, src)));
  };

/**
 * CVTSS2SD, CVTSD2SS: converts the lowest number; the rest of DEST is unchanged. SDM Vol. 2A "CVTSS2SD", "CVTSD2SS".
 */
export const convertScalar: Semantics = (m, { dest, src }) => {
  const to = scalarWidth(dest);
  m.writeXmmLow(xmm(dest), to, m.floatToFloat(scalarWidth(src), to, read(m, src)));
};

/**
 * CVTSI2SS, CVTSI2SD: converts a signed integer to the lowest number; the rest of DEST is unchanged. SDM Vol. 2A
 * "CVTSI2SS", "CVTSI2SD".
 */
export const convertFromInteger: Semantics = (m, { dest, src }) => {
  const to = scalarWidth(dest);
  m.writeXmmLow(xmm(dest), to, m.intToFloat(scalarWidth(src), to, read(m, src)));
};

/** CVTSS2SI, CVTSD2SI (rounded), CVTTSS2SI, CVTTSD2SI (truncated). SDM Vol. 2A "CVTSS2SI", "CVTTSS2SI". */
export const convertToInteger =
  (rounding: 'rounded' | 'truncated'): Semantics =>
  (m, { dest, src }) => {
    const integer = m.floatToInt(scalarWidth(src), scalarWidth(dest), read(m, src), rounding === 'truncated');
    place(m, dest, 'write').write(integer);
  };
