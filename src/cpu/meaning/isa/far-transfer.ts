import type { Width } from '../../../bits.js';
import { isCode, isWritable } from '../../state/descriptors.js';
import { Vector } from '../../state/exceptions.js';
import { NT } from '../flags.js';
import type { MemoryOperand, OperandForm } from '../form.js';
import type { Machine, Semantics } from '../vocabulary.js';
import { CS, RSP, SS } from '../../state/layout.js';
import { namesAny, requireDescriptor, requireUserSelector } from './descriptor-lookup.js';
import { loadFlags } from './flag-control.js';
import { resize } from './flag-bits.js';
import { releaseStack, topOfStack } from './stack.js';

/**
 * Far transfers of control. A bare machine performs them by its descriptor tables (SystemOperations). Elsewhere there is
 * exactly one code segment and one stack segment (descriptors.ts), so CS and SS do not change, and no transfer changes the
 * privilege level; at CPL 0 they are #UD, and outside 64-bit mode they are not executed at all (`SEGMENTS`).
 */

/** A far pointer: the offset, zero-extended to 64 bits, and the selector after it. */
interface FarPointer<V> {
  offset: V;
  selector: V;
}

/** Reads m16:16, m16:32 or m16:64, or ptr16:16 or ptr16:32 in the instruction. */
export function readFarPointer<V>(m: Machine<V>, operand: OperandForm, width: Width): FarPointer<V> {
  if (operand.kind === 'immediate')
    return { offset: resize(m, width, 64, m.immediate(width)), selector: m.secondImmediate() };
  const linear = m.linearAddress(operand as MemoryOperand);
  const offset = m.translate(linear, width / 8, 'read').load(width);
  const selector = m.translate(m.add(64, linear, m.constant(64, width / 8)), 2, 'read').load(16);
  return { offset: resize(m, width, 64, offset), selector };
}

function requireUser<V>(m: Machine<V>): void {
  m.raiseIf(m.isZero(8, m.cpl()), Vector.UD);
}

/** JMP m16:16, m16:32, m16:64, ptr16:16, ptr16:32. SDM Vol. 2A "JMP—Jump". */
export const jmpFar: Semantics = (m, { dest, width }) => {
  const { system } = m.host;
  if (!system) requireUser(m);
  const { offset, selector } = readFarPointer(m, dest, width);
  if (system) return system.jumpFar(selector, offset, m.nextRip());
  requireDescriptor(m, selector, namesAny(m, selector, isCode));
  m.requireCanonical(offset);
  m.jumpIndirect(offset);
};

/**
 * CALL m16:16, m16:32, m16:64, ptr16:16, ptr16:32: pushes CS, then the address of the next instruction, each as wide as an operand. SDM
 * Vol. 2A "CALL".
 */
export const callFar: Semantics = (m, { dest, width }) => {
  const { system } = m.host;
  if (!system) requireUser(m);
  const { offset, selector } = readFarPointer(m, dest, width);
  if (system) return system.callFar(selector, offset, m.nextRip(), width);
  requireDescriptor(m, selector, namesAny(m, selector, isCode));
  const below = (words: number): typeof offset => m.sub(64, m.gpr(RSP, 64), m.constant(64, (words * width) / 8));
  const savedSelector = m.translate(below(1), width / 8, 'write', SS);
  const savedOffset = m.translate(below(2), width / 8, 'write', SS);
  m.requireCanonical(offset);
  savedSelector.store(width, resize(m, 16, width, m.selector(CS)));
  savedOffset.store(width, resize(m, 64, width, m.nextRip()));
  m.setGpr(RSP, 64, below(2));
  m.jumpIndirect(offset);
};

/** RETF, RETF imm16: pops the offset and the selector, then releases `immediate` more bytes. SDM Vol. 2B "RET". */
export const retf: Semantics = (m, { width, operands }) => {
  const released = operands.length > 0 ? m.zeroExtend(16, 64, m.immediate(16)) : m.constant(64, 0);
  if (m.host.system) return m.host.system.returnFar(released, width);
  requireUser(m);
  const offset = resize(m, width, 64, topOfStack(m, width, 0));
  const selector = resize(m, width, 16, topOfStack(m, width, 1));
  requireUserSelector(m, selector, isCode);
  m.requireCanonical(offset);
  releaseStack(m, (2 * width) / 8);
  if (operands.length > 0) m.setGpr(RSP, 64, m.add(64, m.gpr(RSP, 64), released));
  m.jumpIndirect(offset);
};

/** IRET, IRETD, IRETQ: pops RIP, CS, RFLAGS, RSP and SS; #GP(0) if NT is set. SDM Vol. 2A "IRET/IRETD/IRETQ". */
export const iret: Semantics = (m, { width }) => {
  const { system } = m.host;
  if (system) {
    system.requireFlagPrivilege();
    return system.returnFromInterrupt(m.nextRip(), width);
  }
  requireUser(m);
  const nested = m.and(64, m.systemFlags(), m.constant(64, NT));
  m.raiseIf(m.isFalse(m.isZero(64, nested)), Vector.GP);
  const [rip, cs, flags, rsp, ss] = [0, 1, 2, 3, 4].map((word) => resize(m, width, 64, topOfStack(m, width, word)));
  requireUserSelector(m, m.truncate(64, 16, cs!), isCode);
  m.requireCanonical(rip!);
  requireUserSelector(m, m.truncate(64, 16, ss!), isWritable);
  loadFlags(m, flags!, width === 16);
  m.setGpr(RSP, 64, rsp!);
  m.jumpIndirect(rip!);
};
