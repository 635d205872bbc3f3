import type { Width } from '../../bits.js';
import type { CodeSize, Row } from '../decode/row.js';

/**
 * The form of an instruction: everything that its meaning may branch on at compile time. Everything else (register
 * numbers, immediates, displacements, rip, CPL) is a value. Instructions of one form share one handler in the
 * interpreter.
 */
export interface Form {
  readonly row: Row;
  /** A unique small integer; forms are numbered from 0. */
  readonly id: number;
  /** Operand size of the instruction in bits, determined by the mode, REX.W, 66h and the row's default. */
  readonly width: Width;
  /** Address size in bits, determined by the mode and 67h. */
  readonly addressWidth: AddressWidth;
  /** The size of the code segment: 64 in 64-bit mode; 32 or 16 in compatibility, protected, virtual-8086 and real-address mode. */
  readonly mode: CodeSize;
  readonly operands: readonly OperandForm[];
  /** The operands by position, named as in the SDM. */
  readonly dest: OperandForm;
  readonly src: OperandForm;
  readonly third: OperandForm;
  /**
   * The operands of an instruction that computes DEST from two sources: DEST itself and SRC in the legacy form, the second and
   * third operand where VEX.vvvv names one; and the operand after them.
   */
  readonly first: OperandForm;
  readonly second: OperandForm;
  readonly fourth: OperandForm;
  readonly lock: boolean;
  readonly repeat: Repeat;
}

export type AddressWidth = 16 | 32 | 64;

export type Repeat = 'none' | 'rep' | 'repe' | 'repne';

/** Where the encoding holds a register number; a number is a register implied by the row. */
export type RegisterField = 'reg' | 'rm' | 'vvvv' | 'extra' | number;

export interface GprOperand {
  readonly kind: 'gpr';
  readonly field: RegisterField;
  readonly width: Width;
}

export interface XmmOperand {
  readonly kind: 'xmm';
  readonly field: RegisterField;
  /** Bits of the register that the operand uses: 32 and 64 for scalars. */
  readonly width: 32 | 64 | 128 | 256;
}

/** ST(i). */
export interface StackOperand {
  readonly kind: 'stack';
  readonly field: RegisterField;
}

/** MM0 to MM7: 64 bits. */
export interface MmxOperand {
  readonly kind: 'mmx';
  readonly field: RegisterField;
}

export interface MemoryOperand {
  readonly kind: 'memory';
  /** Size of the memory operand in bits, 8 to 256; 0 if the meaning determines it (FXSAVE, LEA). */
  readonly width: Width | 128 | 256 | 0;
  readonly shape: AddressShape;
  /** True for vector operands that must be aligned to their size, else #GP(0). */
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
  /** 64 in 64-bit mode, else 32. */
  readonly width: Width;
}

export type OperandForm =
  | GprOperand
  | XmmOperand
  | StackOperand
  | MmxOperand
  | MemoryOperand
  | ImmediateOperand
  | RelativeOperand
  | SegmentOperand
  | ControlOperand;

/**
 * How an address is computed. `base`: base (or nothing, or rip) + displacement. `index`: the same + index * scale.
 * `general`: either, plus a segment base or cut to 32 bits; outside 64-bit mode, where every segment has a base, all are.
 */
export type AddressShape = 'base' | 'index' | 'general';
