import type { PackedConversion, Semantics } from '../vocabulary.js';
import { place, read } from './operands.js';
import { scalarWidth, unary, writeScalar } from './sse-operands.js';

/**
 * CVTDQ2PS, CVTDQ2PD, CVTPS2DQ, CVTPD2DQ, CVTTPS2DQ, CVTTPD2DQ, CVTPS2PD, CVTPD2PS: converts as many lanes as fit; the
 * rest of DEST is zero. SDM Vol. 2A "CVTDQ2PD" and so on.
 */
export const convertPacked = (conversion: PackedConversion): Semantics =>
  unary((m, x) => m.convertPacked(conversion, x));

/**
 * CVTSS2SD, CVTSD2SS: converts the lowest number; the rest of DEST is unchanged. SDM Vol. 2A "CVTSS2SD", "CVTSD2SS".
 */
export const convertScalar: Semantics = (m, form) => {
  const to = scalarWidth(form.dest);
  writeScalar(m, form, to, m.floatToFloat(scalarWidth(form.second), to, read(m, form.second)));
};

/**
 * CVTSI2SS, CVTSI2SD: converts a signed integer to the lowest number; the rest of DEST is unchanged. SDM Vol. 2A
 * "CVTSI2SS", "CVTSI2SD".
 */
export const convertFromInteger: Semantics = (m, form) => {
  const to = scalarWidth(form.dest);
  writeScalar(m, form, to, m.intToFloat(scalarWidth(form.second), to, read(m, form.second)));
};

/** CVTSS2SI, CVTSD2SI (rounded), CVTTSS2SI, CVTTSD2SI (truncated). SDM Vol. 2A "CVTSS2SI", "CVTTSS2SI". */
export const convertToInteger =
  (rounding: 'rounded' | 'truncated'): Semantics =>
  (m, { dest, src }) => {
    const integer = m.floatToInt(scalarWidth(src), scalarWidth(dest), read(m, src), rounding === 'truncated');
    place(m, dest, 'write').write(integer);
  };
