import type { MmxOperand, StackOperand } from './form.js';

/** An extended number: the two parts of a register, the significand (64 bits), the sign and exponent (16 bits). */
export interface Extended<V> {
  readonly significand: V;
  readonly signExponent: V;
}

/**
 * An operand of x87 arithmetic, in the format in which memory or a register has it. An empty register (a truth value) is a stack
 * fault.
 */
export type X87Source<V> =
  | ({ readonly format: 'extended'; readonly isEmpty: V } & Extended<V>)
  | { readonly format: X87MemoryFormat; readonly bits: V };

export type X87MemoryFormat = 'single' | 'double' | 'int16' | 'int32' | 'int64';

/** A result, and a truth value: whether it may be stored, or an unmasked exception prevents that. */
export interface X87Result<V, T = Extended<V>> {
  readonly value: T;
  readonly stores: V;
}

export type X87Binary = 'add' | 'subtract' | 'multiply' | 'divide' | 'scale' | 'log' | 'log1' | 'arctangent';
export type X87Unary = 'squareRoot' | 'round' | 'power';
export type X87Function = 'sine' | 'cosine' | 'tangent';
/** The constants of FLD1 to FLDZ. */
export type X87Constant = 'one' | 'log2Of10' | 'log2OfE' | 'pi' | 'log10Of2' | 'logEOf2' | 'zero';

/**
 * x87 arithmetic under FCW: rounding, precision control, NaN operands. Each operation sets C1, the sticky exception flags,
 * and ES and B if one of them is unmasked, in FSW.
 */
export interface X87Operations<V> {
  /** The number i of an operand ST(i) or MMi, 32 bits. */
  registerNumber(operand: StackOperand | MmxOperand): V;
  /** Sets FIP to this instruction and FDP to the address of its operand in memory, if it has one. */
  noteInstruction(address?: V): void;
  binary(operation: X87Binary, x: X87Source<V>, y: X87Source<V>): X87Result<V>;
  unary(operation: X87Unary, x: X87Source<V>): X87Result<V>;
  /**
   * A number of memory, exactly; a denormal is loaded even if that exception is unmasked, as on AMD. It is a stack fault if the
   * register to push to is in use (`isFull`).
   */
  load(x: X87Source<V>, isFull: V): X87Result<V>;
  /** `outOfRange`: x is too large for the function, and nothing is stored. */
  trigonometric(operation: X87Function, x: X87Source<V>): X87Result<V> & { readonly outOfRange: V };
  /** FSINCOS: the sine and, if that is a finite number, the cosine (`pushed`). */
  sineAndCosine(x: X87Source<V>): X87Result<V> & { readonly pushed: Extended<V>; readonly outOfRange: V };
  /** FPREM, FPREM1 (`nearest`); the codes are C0 to C3 in their places in FSW, 16 bits, if there was a quotient. */
  remainder(
    x: X87Source<V>,
    y: X87Source<V>,
    nearest: boolean,
  ): X87Result<V> & { readonly codes: V; readonly isQuotient: V };
  /** FXTRACT. */
  extract(
    x: X87Source<V>,
    isFull: V,
  ): X87Result<V, { readonly exponent: Extended<V>; readonly significand: Extended<V> }>;
  /** ZF PF CF as FCOMI sets them, 32 bits; a QNaN is valid if `quiet`. */
  compare(x: X87Source<V>, y: X87Source<V>, quiet: boolean): X87Result<V, V>;
  toFloat(width: 32 | 64, x: X87Source<V>): X87Result<V, V>;
  toInteger(width: 16 | 32 | 64, x: X87Source<V>, truncated: boolean): X87Result<V, V>;
  /** Packed BCD: 18 digits (of 80 bits, 64 as the significand), and the sign. */
  toDecimal(x: X87Source<V>): X87Result<V>;
  fromDecimal(x: Extended<V>): Extended<V>;
  constant(constant: X87Constant): Extended<V>;
  /** The indefinite, as the response to an empty source, or (`overflow`) to a destination that is in use. */
  stackFault(overflow: boolean): X87Result<V>;
}
