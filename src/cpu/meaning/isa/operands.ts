import type { Width } from '../../../bits.js';
import type { MemoryOperand, MmxOperand, OperandForm } from '../form.js';
import type { Access, Machine, Place } from '../vocabulary.js';
import { SIGNIFICAND, SIGN_EXPONENT } from './x87-state.js';

/** An operand that can be read or written: a register, or translated memory. */
export interface OperandPlace<V> {
  read(): V;
  write(value: V): void;
}

/**
 * The place of a general-purpose or memory operand. For memory, all faults are raised here; with access `write` it can
 * then be both read and written.
 */
export function place<V>(m: Machine<V>, operand: OperandForm, access: Access): OperandPlace<V> {
  switch (operand.kind) {
    case 'gpr':
      return { read: () => m.readGpr(operand), write: (value) => m.writeGpr(operand, value) };
    case 'mmx':
      return mmxPlace(m, operand);
    case 'xmm':
      return xmmPlace(m, operand.width, operand);
    case 'memory': {
      const where = memoryPlace(m, operand, access);
      const width = widthOf(operand);
      return { read: () => where.load(width), write: (value) => where.store(width, value) };
    }
    default:
      throw new Error(`an operand of kind ${operand.kind} has no place`);
  }
}

/** MM0 to MM7 are the significands of the x87 registers; a write sets the sign and the exponent. SDM Vol. 1 9.2.1, 9.5.1. */
function mmxPlace<V>(m: Machine<V>, operand: MmxOperand): OperandPlace<V> {
  const register = m.host.x87.registerNumber(operand);
  return {
    read: () => m.x87Register(register, 64, SIGNIFICAND),
    write(value) {
      m.setX87Register(register, 64, SIGNIFICAND, value);
      m.setX87Register(register, 16, SIGN_EXPONENT, m.constant(16, 0xffff));
    },
  };
}

function xmmPlace<V>(
  m: Machine<V>,
  width: 32 | 64 | 128 | 256,
  operand: OperandForm & { kind: 'xmm' },
): OperandPlace<V> {
  if (width === 256) throw new Error('a vector of 256 bits has two lanes: see sse-operands.ts');
  if (width === 128) return { read: () => m.readXmm(operand), write: (value) => m.writeXmm(operand, value) };
  return {
    read: () => m.readXmmLow(operand, width),
    write: (value) => m.writeXmmLow(operand, width, value),
  };
}

/** Translates a memory operand, after the alignment check that the form may require. */
export function memoryPlace<V>(m: Machine<V>, operand: MemoryOperand, access: Access): Place<V> {
  const linear = m.linearAddress(operand);
  if (operand.aligned) m.requireAligned(linear, operand.width / 8);
  return m.translate(linear, operand.width / 8, access);
}

/** The value of any operand; an immediate is extended to `width`, or else has its own width. */
export function read<V>(m: Machine<V>, operand: OperandForm, width?: Width): V {
  if (operand.kind === 'immediate') return m.immediate(width ?? operand.width);
  return place(m, operand, 'read').read();
}

/** Width in bits of an operand that has its own width. */
export function widthOf(operand: OperandForm): Width | 128 {
  if (operand.kind === 'mmx') return 64;
  if (
    operand.kind === 'relative' ||
    operand.kind === 'segment' ||
    operand.kind === 'stack' ||
    (operand.kind === 'memory' && operand.width === 0)
  )
    throw new Error(`an operand of kind ${operand.kind} has no width`);
  return operand.width as Width | 128;
}

/** The width of a general-purpose operand: 8 to 64 bits. */
export function gprWidth(operand: OperandForm): Width {
  const width = widthOf(operand);
  if (width === 128) throw new Error('a general-purpose operand is at most 64 bits wide');
  return width;
}
