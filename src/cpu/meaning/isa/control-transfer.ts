import { Vector } from '../../state/exceptions.js';
import { OVERFLOW } from '../flags.js';
import type { Machine, Semantics } from '../vocabulary.js';
import { RCX, RSP } from '../../state/layout.js';
import { read } from './operands.js';
import { movedUp, slotToPush, topOfStack } from './stack.js';
import { resize } from './flag-bits.js';

/** SDM Vol. 1 5.1.7 "Control Transfer Instructions": near transfers and interrupts. Far ones are in far-transfer.ts. */

/** JMP rel. SDM Vol. 2A "JMP—Jump". */
export const jmpDirect: Semantics = (m) => m.jumpDirect();

/** JMP r/m64; r/m16 or r/m32 outside 64-bit mode, zero-extended. SDM Vol. 2A "JMP—Jump". */
export const jmpIndirect: Semantics = (m, { dest, width }) => {
  const target = resize(m, width, 64, read(m, dest));
  m.requireCanonical(target);
  m.jumpIndirect(target);
};

/** Jcc. SDM Vol. 2A "Jcc—Jump if Condition Is Met". */
export const jcc =
  (condition: number): Semantics =>
  (m) =>
    m.branch(m.condition(condition));

/** JRCXZ, JECXZ: jumps if the count register, of the address size, is 0. SDM Vol. 2A "Jcc". */
export const jrcxz: Semantics = (m, { addressWidth }) => {
  m.branch(m.isZero(addressWidth, m.gpr(RCX, addressWidth)));
};

/**
 * Decrements the count register, of the address size, and jumps while it is not 0 and `condition` holds. SDM Vol. 2A
 * "LOOP/LOOPcc".
 */
function loopWhile(condition: <V>(m: Machine<V>, countLeft: V) => V): Semantics {
  return (m, { addressWidth }) => {
    const count = m.sub(addressWidth, m.gpr(RCX, addressWidth), m.constant(addressWidth, 1));
    const goesOn = condition(m, m.isFalse(m.isZero(addressWidth, count)));
    m.if(goesOn, () => m.requireDirectTarget());
    m.setGpr(RCX, addressWidth, count);
    m.branch(goesOn);
  };
}

export const loop = loopWhile((_m, countLeft) => countLeft);
export const loope = loopWhile((m, countLeft) => m.and(8, countLeft, m.condition(4)));
export const loopne = loopWhile((m, countLeft) => m.and(8, countLeft, m.condition(5)));

/** CALL rel: pushes the address of the next instruction and goes to the target. SDM Vol. 2A "CALL—Call Procedure". */
export const callDirect: Semantics = (m, { width }) => {
  m.requireDirectTarget();
  slotToPush(m, width).push(resize(m, 64, width, m.nextRip()));
  m.jumpDirect();
};

/** CALL r/m64, and r/m16 or r/m32 outside 64-bit mode: the target is read and checked to be canonical before anything is pushed. */
export const callIndirect: Semantics = (m, { dest, width }) => {
  const target = resize(m, width, 64, read(m, dest));
  m.requireCanonical(target);
  slotToPush(m, width).push(resize(m, 64, width, m.nextRip()));
  m.jumpIndirect(target);
};

/** RET, RET imm16: pops the return address, then releases `immediate` more bytes. SDM Vol. 2B "RET". */
export const ret: Semantics = (m, { operands, width }) => {
  const target = resize(m, width, 64, topOfStack(m, width));
  m.requireCanonical(target);
  const popped = movedUp(m, m.gpr(RSP, 64), m.constant(64, width / 8));
  m.setGpr(RSP, 64, operands.length === 0 ? popped : movedUp(m, popped, m.zeroExtend(16, 64, m.immediate(16))));
  m.jumpIndirect(target);
};

/**
 * Interrupts of software. A bare machine calls the gate, with the checks of its privilege level; elsewhere it is a trap,
 * which BD0's kernel handles.
 */
function interrupt<V>(m: Machine<V>, vector: number): void {
  if (m.host.system) m.host.system.interrupt(m.constant(8, vector), m.nextRip());
  else m.trap(vector);
}

/** INT3: #BP, a trap. SDM Vol. 2A "INT n/INTO/INT3/INT1". */
export const int3: Semantics = (m) => interrupt(m, Vector.BP);
/** INT1: #DB, a trap. */
export const int1: Semantics = (m) => m.trap(Vector.DB);

/** INTO: #OF, a trap, if OF is set. SDM Vol. 2A "INT n/INTO/INT3/INT1". */
export const into: Semantics = (m) => m.if(m.condition(OVERFLOW), () => interrupt(m, Vector.OF));

/** Error code bit: the index refers to a gate of the IDT. SDM Vol. 3A 6.13 "Error Code". */
const ERROR_CODE_IDT = 2;

/** INT n: calls a gate. Without a descriptor table, only those of #BP and #OF may be called, which trap; the others raise #GP(n * 8 + 2). */
export const int: Semantics = (m) => {
  const vector = m.immediate(8);
  const { system } = m.host;
  if (system) {
    system.requireFlagPrivilege();
    return system.interrupt(vector, m.nextRip());
  }
  const isBreakpoint = m.equal(8, vector, m.constant(8, Vector.BP));
  const isOverflow = m.equal(8, vector, m.constant(8, Vector.OF));
  const scaled = m.shl(32, m.zeroExtend(8, 32, vector), m.constant(32, 3));
  const errorCode = m.or(32, scaled, m.constant(32, ERROR_CODE_IDT));
  m.raiseIf(m.isFalse(m.or(8, isBreakpoint, isOverflow)), Vector.GP, errorCode);
  m.if(
    isBreakpoint,
    () => m.trap(Vector.BP),
    () => m.trap(Vector.OF),
  );
};
