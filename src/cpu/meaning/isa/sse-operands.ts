import type { OperandForm, XmmOperand } from '../form.js';
import type { Machine } from '../vocabulary.js';
import { read, widthOf } from './operands.js';

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
 * A source operand of a packed instruction: the whole register, or 16 or 8 bytes of memory, depending on the operand's
 * width, with zeros above.
 */
export function readVector<V>(m: Machine<V>, operand: OperandForm): V {
  if (operand.kind === 'xmm') return m.readXmm(operand);
  if (widthOf(operand) === 128) return read(m, operand);
  return zeroExtendToVector(m, scalarWidth(operand), read(m, operand));
}
