import { Vector } from '../../state/exceptions.js';
import { AC, AF, CF, DF, ID, IF, IOPL, NT, PF, SF, STATUS_FLAGS, TF, ZF } from '../flags.js';
import type { Form } from '../form.js';
import type { Machine, Semantics } from '../vocabulary.js';
import { HIGH_BYTE, RAX } from '../../state/layout.js';
import { resize } from './flag-bits.js';
import { releaseStack, slotToPush, topOfStack } from './stack.js';

/** SDM Vol. 1 5.1.11 "Flag Control (EFLAG) Instructions". */

/** STC: CF := 1. SDM Vol. 2B "STC". */
export const stc: Semantics = (m) => m.setFlagBits(CF, m.constant(32, CF));
/** CLC: CF := 0. SDM Vol. 2A "CLC". */
export const clc: Semantics = (m) => m.setFlagBits(CF, m.constant(32, 0));
/** CMC: CF := ~CF. SDM Vol. 2A "CMC". */
export const cmc: Semantics = (m) => m.setFlagBits(CF, m.zeroExtend(8, 32, m.condition(3)));

function setSystemFlag(flag: number): Semantics {
  return (m) => m.setSystemFlags(m.or(64, m.systemFlags(), m.constant(64, flag)));
}

function clearSystemFlag(flag: number): Semantics {
  return (m) => m.setSystemFlags(m.and(64, m.systemFlags(), m.constant(64, ~flag)));
}

/** STD: DF := 1, so that string instructions move to lower addresses. SDM Vol. 2B "STD". */
export const std = setSystemFlag(DF);
/** CLD: DF := 0. SDM Vol. 2A "CLD". */
export const cld = clearSystemFlag(DF);

/** STI: IF := 1; #GP(0) if CPL > IOPL. If IF was 0, interrupts wait for the next instruction. SDM Vol. 2B "STI". */
export const sti: Semantics = (m, form) => {
  requireIOPrivilege(m);
  m.holdInterruptsIf(m.isZero(64, m.and(64, m.systemFlags(), m.constant(64, IF))));
  setSystemFlag(IF)(m, form);
};

/** CLI: IF := 0; #GP(0) if CPL > IOPL. SDM Vol. 2A "CLI". */
export const cli: Semantics = (m, form) => {
  requireIOPrivilege(m);
  clearSystemFlag(IF)(m, form);
};

/** #GP(0) if CPL > IOPL. SDM Vol. 1 19.5.1 "I/O Privilege Level". */
export function requireIOPrivilege<V>(m: Machine<V>): void {
  m.raiseIf(m.lessUnsigned(8, ioPrivilegeLevel(m), m.cpl()), Vector.GP);
}

function ioPrivilegeLevel<V>(m: Machine<V>): V {
  const level = m.shr(64, m.and(64, m.systemFlags(), m.constant(64, IOPL)), m.constant(64, 12));
  return m.truncate(64, 8, level);
}

const FLAGS_IN_AH = SF | ZF | AF | PF | CF;

/** LAHF: AH := SF:ZF:0:AF:0:PF:1:CF. SDM Vol. 2A "LAHF". */
export const lahf: Semantics = (m) => {
  const flags = m.and(32, m.flagBits(), m.constant(32, FLAGS_IN_AH));
  m.setGpr(HIGH_BYTE + RAX, 8, m.truncate(32, 8, m.or(32, flags, m.constant(32, 1 << 1))));
};

/** SAHF: SF ZF AF PF CF := their bits in AH. SDM Vol. 2B "SAHF". */
export const sahf: Semantics = (m) => m.setFlagBits(FLAGS_IN_AH, m.zeroExtend(8, 32, m.gpr(HIGH_BYTE + RAX, 8)));

/** #GP(0) in virtual-8086 mode, which 64-bit code never is in, unless IOPL is 3. */
function requireFlagPrivilege<V>(m: Machine<V>, { mode }: Form): void {
  if (mode !== 64) m.host.system?.requireFlagPrivilege();
}

/** PUSHF, PUSHFQ: pushes RFLAGS, RF and VM as 0. SDM Vol. 2B "PUSHF/PUSHFD/PUSHFQ". */
export const pushf: Semantics = (m, form) => {
  requireFlagPrivilege(m, form);
  const { width } = form;
  const flags = m.or(64, m.systemFlags(), m.zeroExtend(32, 64, m.flagBits()));
  slotToPush(m, width).push(resize(m, 64, width, flags));
};

/** POPF, POPFQ: pops RFLAGS. SDM Vol. 2B "POPF/POPFD/POPFQ". */
export const popf: Semantics = (m, form) => {
  requireFlagPrivilege(m, form);
  const { width } = form;
  const flags = resize(m, width, 64, topOfStack(m, width));
  const others = TF | IF | IOPL | NT | (width === 16 ? 0 : AC | ID);
  const changes = m.and(64, m.xor(64, flags, m.systemFlags()), m.constant(64, others));
  m.rarely(
    m.isFalse(m.isZero(64, changes)),
    () => {
      releaseStack(m, width / 8);
      loadFlags(m, flags, width === 16);
    },
    () => {
      releaseStack(m, width / 8);
      const kept = m.and(64, m.systemFlags(), m.constant(64, ~DF));
      m.setSystemFlags(m.or(64, kept, m.and(64, flags, m.constant(64, DF))));
      m.setFlagBits(STATUS_FLAGS, m.truncate(64, 32, flags));
    },
  );
};

/**
 * RFLAGS := `flags`, 64 bits, as far as the privilege level permits: IOPL only at CPL 0, IF only if CPL <= IOPL. AC and
 * ID are above bit 15. SDM Vol. 2B table 4-16 "Effect of POPF/POPFD/POPFQ on the EFLAGS Register".
 */
export function loadFlags<V>(m: Machine<V>, flags: V, lowHalfOnly: boolean): void {
  const always = TF | DF | NT | (lowHalfOnly ? 0 : AC | ID);
  const none = m.constant(64, 0);
  const privileged = m.select(64, m.isZero(8, m.cpl()), m.constant(64, IOPL), none);
  const mayInterrupt = m.isFalse(m.lessUnsigned(8, ioPrivilegeLevel(m), m.cpl()));
  const interrupt = m.select(64, mayInterrupt, m.constant(64, IF), none);
  const mask = m.or(64, m.or(64, m.constant(64, always), privileged), interrupt);
  const kept = m.and(64, m.systemFlags(), m.not(64, mask));
  m.setSystemFlags(m.or(64, kept, m.and(64, flags, mask)));
  m.setFlagBits(STATUS_FLAGS, m.truncate(64, 32, flags));
}
