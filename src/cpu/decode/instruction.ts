import type { Form } from '../meaning/form.js';

/** A decoded instruction: its form, and the values that are not part of the form. */
export interface Instruction {
  readonly form: Form;
  /** Length in bytes, 1 to 15. */
  readonly length: number;
  /** Register numbers from the encoding; 16 to 19 are AH, CH, DH, BH. 0 if the form has no such field. */
  readonly reg: number;
  readonly rm: number;
  readonly vvvv: number;
  /** The fourth register: in bits 7:4 of an immediate byte, or the vector of indexes in SIB. */
  readonly extra: number;
  /**
   * Base and index registers of the address, -1 for none; if `ripRelative`, the base is the rip of the next
   * instruction.
   */
  readonly base: number;
  readonly index: number;
  /** log2 of the scale: 0 to 3. */
  readonly scale: number;
  readonly ripRelative: boolean;
  /** The sign-extended displacement; for moffs, the absolute address. */
  readonly displacement: bigint;
  /**
   * Number of the segment register of the address (ES 0 to GS 5): the override, else SS for RSP and RBP bases (ESP, EBP, BP), else
   * DS.
   */
  readonly segment: number;
  /**
   * The immediate, sign- or zero-extended to 64 bits according to its operand type; for a relative branch, the signed
   * distance.
   */
  readonly immediate: bigint;
  /** The second immediate: ENTER's nesting depth, or the selector of a far pointer. */
  readonly immediate2: number;
}

/**
 * Why bytes do not decode to an instruction: `UD` if it is invalid or does not exist, `GP` if it is longer than 15
 * bytes, `end` if more bytes are needed.
 */
export type DecodeFailure = 'UD' | 'GP' | 'end';
