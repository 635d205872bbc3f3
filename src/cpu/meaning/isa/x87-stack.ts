import type { Form, MemoryOperand } from '../form.js';
import type { Access, Machine, Place } from '../vocabulary.js';
import type { Extended, X87Source } from '../x87-vocabulary.js';
import { FSW, FTW, SIGNIFICAND, SIGN_EXPONENT, requireNoPending, setTop, topOf } from './x87-state.js';

/** The x87 register stack. SDM Vol. 1 8.1.2 "x87 FPU Data Registers". */

/** C1 and all condition codes in FSW. */
export const C1 = 0x0200;
export const CONDITION_CODES = 0x4700;

/**
 * Begins an instruction that computes: #MF if an exception is pending, then the faults of the operand in memory, if it has
 * one, whose place is returned.
 */
export function begin<V>(m: Machine<V>, form: Form): undefined;
export function begin<V>(m: Machine<V>, form: Form, bytes: number, access: Access): Place<V>;
export function begin<V>(m: Machine<V>, form: Form, bytes = 0, access: Access = 'read'): Place<V> | undefined {
  requireNoPending(m);
  if (bytes === 0) {
    m.host.x87.noteInstruction();
    return undefined;
  }
  const operand = form.operands.find((each): each is MemoryOperand => each.kind === 'memory')!;
  const place = m.translate(m.linearAddress(operand), bytes, access);
  m.host.x87.noteInstruction(m.effectiveAddress(operand));
  return place;
}

/** The physical register of ST(i), for a number. */
export function stack<V>(m: Machine<V>, i: number): V {
  return m.add(32, topOf(m), m.constant(32, i));
}

/** The physical register of an operand ST(i). */
export function operandRegister<V>(m: Machine<V>, operand: Form['dest']): V {
  if (operand.kind !== 'stack') throw new Error(`an operand of kind ${operand.kind} is not on the x87 stack`);
  return m.add(32, topOf(m), m.host.x87.registerNumber(operand));
}

function tagBit<V>(m: Machine<V>, register: V): V {
  return m.shl(16, m.constant(16, 1), m.truncate(32, 16, m.and(32, register, m.constant(32, 7))));
}

/** Whether a physical register is empty. */
export function isEmpty<V>(m: Machine<V>, register: V): V {
  return m.isZero(16, m.and(16, m.x87(16, FTW), tagBit(m, register)));
}

/** Whether the register to push to is in use. */
export function isFull<V>(m: Machine<V>): V {
  return m.isFalse(isEmpty(m, stack(m, -1)));
}

export function readRegister<V>(m: Machine<V>, register: V): Extended<V> {
  return {
    significand: m.x87Register(register, 64, SIGNIFICAND),
    signExponent: m.x87Register(register, 16, SIGN_EXPONENT),
  };
}

/** A physical register as an operand. */
export function source<V>(m: Machine<V>, register: V): X87Source<V> & { readonly format: 'extended' } {
  return { format: 'extended', isEmpty: isEmpty(m, register), ...readRegister(m, register) };
}

/** Writes a physical register, which is in use then. */
export function writeRegister<V>(m: Machine<V>, register: V, { significand, signExponent }: Extended<V>): void {
  m.setX87Register(register, 64, SIGNIFICAND, significand);
  m.setX87Register(register, 16, SIGN_EXPONENT, signExponent);
  m.setX87(16, FTW, m.or(16, m.x87(16, FTW), tagBit(m, register)));
}

/** Runs `then`; if `faults`, a stack underflow writes the indefinite to a physical register instead. */
export function unlessUnderflow<V>(m: Machine<V>, faults: V, register: V, then: () => void): void {
  m.if(
    faults,
    () => {
      const { value, stores } = m.host.x87.stackFault(false);
      m.if(stores, () => writeRegister(m, register, value));
    },
    then,
  );
}

/** Marks a physical register as empty. */
export function free<V>(m: Machine<V>, register: V): void {
  m.setX87(16, FTW, m.and(16, m.x87(16, FTW), m.not(16, tagBit(m, register))));
}

/** Adds to TOP, modulo 8. */
export function moveTop<V>(m: Machine<V>, by: number): void {
  setTop(m, m.add(32, topOf(m), m.constant(32, by)));
}

/** Empties ST(0) and removes it from the stack, `count` times. */
export function pop<V>(m: Machine<V>, count = 1): void {
  for (let i = 0; i < count; i++) {
    free(m, topOf(m));
    moveTop(m, 1);
  }
}

/** Puts a value on the stack. */
export function push<V>(m: Machine<V>, value: Extended<V>): void {
  moveTop(m, -1);
  writeRegister(m, topOf(m), value);
}

/** Sets the condition codes in `mask` to those of a 16-bit value in their places. */
export function setCodes<V>(m: Machine<V>, codes: V, mask: number): void {
  const kept = m.and(16, m.x87(16, FSW), m.constant(16, ~mask & 0xffff));
  m.setX87(16, FSW, m.or(16, kept, codes));
}

/** Clears C1. */
export function clearC1<V>(m: Machine<V>): void {
  setCodes(m, m.constant(16, 0), C1);
}

/** One of two numbers. */
export function selectExtended<V>(m: Machine<V>, condition: V, x: Extended<V>, y: Extended<V>): Extended<V> {
  return {
    significand: m.select(64, condition, x.significand, y.significand),
    signExponent: m.select(16, condition, x.signExponent, y.signExponent),
  };
}
