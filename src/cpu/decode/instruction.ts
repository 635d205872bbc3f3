import type { Form } from '../meaning/form.js';

/** A decoded instruction: its form, and the values that the form leaves open. */
export interface Instruction {
  readonly form: Form;
  /** Bytes, 1 to 15. */
  readonly length: number;
  /** Register numbers from the encoding; 16 to 19 are AH, CH, DH, BH. 0 where the form has no such field. */
  readonly reg: number;
  readonly rm: number;
  readonly vvvv: number;
  /** Base and index registers of the address, -1 for none; `ripRelative` where rip of the next instruction is the base. */
  readonly base: number;
  readonly index: number;
  /** log2 of the scale: 0 to 3. */
  readonly scale: number;
  readonly ripRelative: boolean;
  /** Sign-extended; for moffs the absolute address. */
  readonly displacement: bigint;
  /** Segment register that the address is in, by number (ES 0 to GS 5): the override, else SS for RSP and RBP bases, else DS. */
  readonly segment: number;
  /** The immediate, sign- or zero-extended to 64 bits as its operand type says; of a relative branch, the signed distance. */
  readonly immediate: bigint;
  /** A second immediate: ENTER's nesting depth; the selector of a far pointer does not exist in 64-bit mode. */
  readonly immediate2: number;
}

/**
 * Bytes that are no instruction here: `#UD` for an invalid or absent one, `#GP` where it is over 15 bytes long, `end` where
 * the bytes given were too few to tell.
 */
export type DecodeFailure = 'UD' | 'GP' | 'end';
