import type { Form, OperandForm, XmmOperand } from '../form.js';
import type { Machine, Semantics } from '../vocabulary.js';
import { place, read, widthOf } from './operands.js';

/**
 * Operands of vector instructions. A meaning says what happens in one lane of 128 bits, or to the lowest number; the functions
 * here apply it as the encoding demands. In the legacy form DEST is the first source as well, and what is not written stays.
 */

/** The operand as an XMM register, which it is in every form of the row. */
export function xmm(operand: OperandForm): XmmOperand {
  if (operand.kind !== 'xmm') throw new Error(`an operand of kind ${operand.kind} is not an XMM register`);
  return operand;
}

/** Bits of a scalar operand: 32 or 64. */
export function scalarWidth(operand: OperandForm): 32 | 64 {
  const width = widthOf(operand);
  if (width !== 32 && width !== 64) throw new Error(`a scalar of ${width} bits is not 32 or 64 bits wide`);
  return width;
}

/** The vector with `value` in its lowest lane and zeros above. */
export function zeroExtendToVector<V>(m: Machine<V>, width: 32 | 64, value: V): V {
  const low = width === 64 ? value : m.zeroExtend(32, 64, value);
  return m.fromLanes(64, [low, m.constant(64, 0)]);
}

/**
 * A source operand of a packed instruction: the whole register, or 16 or fewer bytes of memory, depending on the operand's
 * width, with zeros above.
 */
export function readVector<V>(m: Machine<V>, operand: OperandForm): V {
  if (operand.kind === 'xmm') return m.readXmm(operand);
  const width = widthOf(operand);
  if (width === 128) return read(m, operand);
  const value = read(m, operand);
  return zeroExtendToVector(m, 64, width === 64 ? value : m.zeroExtend(width, 64, value));
}

/** DEST := `operation`(SRC), lane by lane. */
export const unary =
  (operation: <V>(m: Machine<V>, x: V, form: Form, lane: number) => V): Semantics =>
  (m, form) => {
    writeVector(m, form, operation(m, readVector(m, form.src), form, 0));
  };

/** DEST := `operation`(FIRST, SECOND), lane by lane. */
export const binary =
  (operation: <V>(m: Machine<V>, x: V, y: V, form: Form, lane: number) => V): Semantics =>
  (m, form) => {
    const y = readVector(m, form.second);
    writeVector(m, form, operation(m, readVector(m, form.first), y, form, 0));
  };

/** The lowest number of DEST := `operation`(that of FIRST, SECOND); above it, DEST is FIRST. */
export const scalarBinary =
  (operation: <V>(m: Machine<V>, width: 32 | 64, x: V, y: V) => V): Semantics =>
  (m, form) => {
    const width = scalarWidth(form.second);
    const y = read(m, form.second);
    writeScalar(m, form, width, operation(m, width, m.readXmmLow(xmm(form.first), width), y));
  };

/** Writes the destination of a packed instruction; an MMX register is the lower half. */
export function writeVector<V>(m: Machine<V>, { dest }: Form, value: V): void {
  if (dest.kind === 'mmx') return place(m, dest, 'write').write(m.lane(64, value, m.constant(32, 0)));
  m.writeXmm(xmm(dest), value);
}

/** Writes the lowest number of the destination. */
export function writeScalar<V>(m: Machine<V>, { dest }: Form, width: 32 | 64, value: V): void {
  m.writeXmmLow(xmm(dest), width, value);
}
