import type { Width } from '../../../bits.js';
import { ZF, flagsOfAdd, flagsOfSub } from '../flags.js';
import type { Form } from '../form.js';
import type { Machine, Semantics } from '../vocabulary.js';
import { RAX, RBP, RBX, RCX, RDI, RDX, RSI, RSP, SS } from '../../state/layout.js';
import { flagFromTruth } from './flag-bits.js';
import { gprWidth, memoryPlace, place, read } from './operands.js';
import { movedDown, releaseStack, slotToPush, stackAddress, topOfStack } from './stack.js';

/** SDM Vol. 1 5.1.1 "Data Transfer Instructions". */

/** MOV: DEST := SRC. SDM Vol. 2B "MOV—Move". */
export const mov: Semantics = (m, { dest, src, width }) => {
  const target = place(m, dest, 'write');
  target.write(read(m, src, width));
};

/** MOVZX: DEST := SRC, zero-extended. SDM Vol. 2B "MOVZX". */
export const movzx: Semantics = (m, { dest, src, width }) => {
  place(m, dest, 'write').write(m.zeroExtend(gprWidth(src), width, read(m, src)));
};

/** MOVSX, MOVSXD: DEST := SRC, sign-extended. SDM Vol. 2B "MOVSX/MOVSXD". */
export const movsx: Semantics = (m, { dest, src, width }) => {
  place(m, dest, 'write').write(m.signExtend(gprWidth(src), width, read(m, src)));
};

/**
 * CMOVcc: DEST := SRC if the condition holds; SRC is read, and 32-bit results are zero-extended, in any case. SDM Vol.
 * 2A "CMOVcc".
 */
export const cmov =
  (condition: number): Semantics =>
  (m, { dest, src, width }) => {
    const whenTrue = read(m, src);
    const target = place(m, dest, 'write');
    target.write(m.select(width, m.condition(condition), whenTrue, target.read()));
  };

/** XCHG: exchanges DEST and SRC. SDM Vol. 2D "XCHG". */
export const xchg: Semantics = (m, { dest, src }) => {
  const first = place(m, dest, 'write');
  const second = place(m, src, 'write');
  const x = first.read();
  const y = second.read();
  first.write(y);
  second.write(x);
};

/**
 * BSWAP: bytes in reverse order. For 16 bits, where the manual leaves the result undefined, 0, as on real processors.
 * SDM Vol. 2A "BSWAP".
 */
export const bswap: Semantics = (m, { dest, width }) => {
  const target = place(m, dest, 'write');
  target.write(width === 16 ? m.constant(16, 0) : m.byteSwap(width, target.read()));
};

/** MOVBE: DEST := SRC with its bytes in reverse order. SDM Vol. 2B "MOVBE". */
export const movbe: Semantics = (m, { dest, src, width }) => {
  const target = place(m, dest, 'write');
  target.write(m.byteSwap(width, read(m, src)));
};

/**
 * XADD: SRC := DEST and DEST := SRC + DEST; the sum wins if both are the same register; flags as ADD. SDM Vol. 2D
 * "XADD".
 */
export const xadd: Semantics = (m, { dest, src, width }) => {
  const target = place(m, dest, 'write');
  const source = place(m, src, 'write');
  const x = target.read();
  const y = source.read();
  const sum = m.add(width, x, y);
  source.write(x);
  target.write(sum);
  m.setFlags(flagsOfAdd(width, x, y, sum));
};

/**
 * CMPXCHG: compares the accumulator with DEST as CMP does; if they are equal DEST := SRC, else the accumulator := DEST.
 * DEST is always written. SDM Vol. 2A "CMPXCHG".
 */
export const cmpxchg: Semantics = (m, { dest, src, width }) => {
  const target = place(m, dest, 'write');
  const y = read(m, src);
  const x = target.read();
  const accumulator = m.gpr(RAX, width);
  const equal = m.equal(width, accumulator, x);
  if (dest.kind === 'memory') target.write(m.select(width, equal, y, x));
  m.if(
    equal,
    () => {
      if (dest.kind === 'gpr') target.write(y);
    },
    () => m.setGpr(RAX, width, x),
  );
  m.setFlags(flagsOfSub(width, accumulator, x, m.sub(width, accumulator, x)));
};

/**
 * CMPXCHG8B, CMPXCHG16B: compares EDX:EAX (RDX:RAX) with m64 (m128); if they are equal sets ZF and stores ECX:EBX
 * (RCX:RBX) there, else clears ZF and loads EDX:EAX from there. #GP(0) if 16 bytes are not aligned. SDM Vol. 2A
 * "CMPXCHG8B/CMPXCHG16B".
 */
export const cmpxchgPair: Semantics = (m, { dest }) => {
  if (dest.kind !== 'memory') throw new Error('CMPXCHG8B and CMPXCHG16B have a memory operand');
  const half: Width = dest.width === 128 ? 64 : 32;
  const where = memoryPlace(m, dest, 'write');
  const low = where.load(half, 0);
  const high = where.load(half, half / 8);
  const difference = m.or(half, m.xor(half, low, m.gpr(RAX, half)), m.xor(half, high, m.gpr(RDX, half)));
  const equal = m.isZero(half, difference);
  where.store(half, m.select(half, equal, m.gpr(RBX, half), low), 0);
  where.store(half, m.select(half, equal, m.gpr(RCX, half), high), half / 8);
  m.if(m.isFalse(equal), () => {
    m.setGpr(RAX, half, low);
    m.setGpr(RDX, half, high);
  });
  m.setFlagBits(ZF, flagFromTruth(m, equal, ZF));
};

/** PUSH: decrements RSP by 8 (2 with 66h) and stores the old value of SRC there. SDM Vol. 2B "PUSH". */
export const push: Semantics = (m, { dest, width }) => {
  const value = read(m, dest, width);
  slotToPush(m, width).push(value);
};

/**
 * POP: loads DEST from the top of the stack and increments RSP by 8 (2 with 66h), before DEST's address is computed and
 * before RSP, as DEST, is loaded. SDM Vol. 2B "POP".
 */
export const pop: Semantics = (m, { dest, width }) => {
  const bytes = width / 8;
  const value = topOfStack(m, width);
  if (dest.kind === 'memory') {
    const target = m.translate(m.linearAddress(dest, bytes), bytes, 'write');
    target.store(width, value);
    releaseStack(m, bytes);
    return;
  }
  releaseStack(m, bytes);
  place(m, dest, 'write').write(value);
};

/** PUSHA, PUSHAD: pushes AX CX DX BX SP BP SI DI, or EAX and so on, SP as it was. SDM Vol. 2B "PUSHA/PUSHAD". */
export const pusha = <V>(m: Machine<V>, { width }: Form): void => {
  let top = m.gpr(RSP, 64);
  const places = REGISTERS.map((register) => {
    top = movedDown(m, top, width / 8);
    return { register, where: m.translate(stackAddress(m, top), width / 8, 'write', SS) };
  });
  for (const { register, where } of places) where.store(width, m.gpr(register, width));
  m.setGpr(RSP, 64, top);
};

/** POPA, POPAD: pops what PUSHA pushed; the value of SP is dropped. SDM Vol. 2B "POPA/POPAD". */
export const popa = <V>(m: Machine<V>, { width }: Form): void => {
  const values = [...REGISTERS].reverse().map((register, words) => ({ register, value: topOfStack(m, width, words) }));
  for (const { register, value } of values) if (register !== RSP) m.setGpr(register, width, value);
  releaseStack(m, (REGISTERS.length * width) / 8);
};

/** In the order in which PUSHA pushes them, which is that of their numbers. */
const REGISTERS = [RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI];

/** CBW, CWDE, CDQE: the accumulator's lower half, sign-extended to all of it. SDM Vol. 2A "CBW/CWDE/CDQE". */
export const extendAccumulator: Semantics = (m, { width }) => {
  const half = halfOf(width);
  m.setGpr(RAX, width, m.signExtend(half, width, m.gpr(RAX, half)));
};

/** CWD, CDQ, CQO: the sign of the accumulator in every bit of DX, EDX, RDX. SDM Vol. 2A "CWD/CDQ/CQO". */
export const spreadSign: Semantics = (m, { width }) => {
  m.setGpr(RDX, width, m.sar(width, m.gpr(RAX, width), m.constant(width, width - 1)));
};

function halfOf(width: Width): Width {
  if (width === 8) throw new Error('8 bits have no half');
  return (width / 2) as Width;
}
