import type { Width } from '../../bits.js';
import type { Row } from '../decode/row.js';

/**
 * The form of an instruction: all that its meaning may branch on. Everything else (register numbers, immediates,
 * displacements, rip, CPL) is a value. Instructions of one form share one handler in the interpreter.
 */
export interface Form {
  readonly row: Row;
  /** Unique among all forms; a small integer, dense from 0 as forms are met. */
  readonly id: number;
  /** Operand size of the instruction in bits: REX.W, 66h and the row's default decide. */
  readonly width: Width;
  readonly addressWidth: 32 | 64;
  readonly operands: readonly OperandForm[];
  /** The operands by position, as SDM names them. */
  readonly dest: OperandForm;
  readonly src: OperandForm;
  readonly third: OperandForm;
  readonly lock: boolean;
  readonly repeat: Repeat;
}

export type Repeat = 'none' | 'rep' | 'repe' | 'repne';

/** Where a register number stands in the encoding; a plain number is a register that the row implies. */
export type RegisterField = 'reg' | 'rm' | 'vvvv' | number;

export interface GprOperand {
  readonly kind: 'gpr';
  readonly field: RegisterField;
  readonly width: Width;
}

export interface XmmOperand {
  readonly kind: 'xmm';
  readonly field: RegisterField;
  /** Bits of the register that the operand means: 32 and 64 for scalars. */
  readonly width: 32 | 64 | 128;
}

export interface MemoryOperand {
  readonly kind: 'memory';
  /** Bits at the address, 8 to 128; 0 where the meaning decides (FXSAVE, LEA). */
  readonly width: Width | 128 | 0;
  readonly shape: AddressShape;
  /** 16-byte operands of SSE that must be aligned, else #GP(0). */
  readonly aligned: boolean;
}

export interface ImmediateOperand {
  readonly kind: 'immediate';
  readonly width: Width;
}

/** The target of a direct branch. */
export interface RelativeOperand {
  readonly kind: 'relative';
}

export interface SegmentOperand {
  readonly kind: 'segment';
}

/** A control or debug register, by its number in ModRM.reg. */
export interface ControlOperand {
  readonly kind: 'control' | 'debug';
  readonly width: 64;
}

export type OperandForm =
  GprOperand | XmmOperand | MemoryOperand | ImmediateOperand | RelativeOperand | SegmentOperand | ControlOperand;

/**
 * How an address is made. `base`: base (or nothing, or rip) + displacement. `index`: the same + index * scale.
 * `general`: either, with a segment base, or cut to 32 bits.
 */
export type AddressShape = 'base' | 'index' | 'general';
