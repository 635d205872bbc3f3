import { isReadable, isWritable, DESCRIPTORS, RPL_MASK, type Descriptor } from '../../state/descriptors.js';
import { Vector } from '../../state/exceptions.js';
import { EFER_SCE } from '../../../mmu/entry.js';
import { ZF } from '../flags.js';
import type { Machine, Semantics } from '../vocabulary.js';
import { names, namesAny } from './descriptor-lookup.js';
import { flagFromTruth, resize } from './flag-bits.js';
import { gprWidth, place, read } from './operands.js';

/** SDM Vol. 1 5.20 "System Instructions" and 5.1.10 "I/O Instructions", as they behave at CPL 3. */

/**
 * Privileged instructions: those that require CPL 0, or CPL <= IOPL (IN, OUT, INS, OUTS), and those that CR4.UMIP
 * denies to CPL 3 (SGDT, SIDT, SLDT, SMSW, STR). They raise #GP(0). There is no I/O permission bitmap, and at CPL 3
 * IOPL is always 0. At CPL 0 they raise #UD: no guest kernel runs there.
 */
export const privileged: Semantics = (m) => {
  m.raiseIf(m.isFalse(m.isZero(8, m.cpl())), Vector.GP);
  m.raise(Vector.UD);
};

/** #UD unless EFER.SCE is set. */
function requireSystemCalls<V>(m: Machine<V>): void {
  m.raiseIf(m.isZero(64, m.and(64, m.host.efer(), m.constant(64, EFER_SCE))), Vector.UD);
}

/**
 * SYSCALL: calls the kernel, which stands where a hypervisor stands and completes the instruction: see CpuEvent. SDM
 * Vol. 2B "SYSCALL".
 */
export const syscall: Semantics = (m) => {
  requireSystemCalls(m);
  m.leave('syscall');
};

/** SYSRET: privileged. SDM Vol. 2B "SYSRET". */
export const sysret: Semantics = (m, form) => {
  requireSystemCalls(m);
  privileged(m, form);
};

/** SYSENTER, SYSEXIT: IA32_SYSENTER_CS is 0, which makes them #GP(0). SDM Vol. 2B "SYSENTER". */
export const sysenter: Semantics = (m) => m.raise(Vector.GP);

/** Loads DEST with `field` of the descriptor that SRC selects, and sets ZF; clears ZF if there is none. */
function loadFromDescriptor(field: (descriptor: Descriptor) => number): Semantics {
  return (m, { dest, src, width }) => {
    const selector = resize(m, gprWidth(src), 16, read(m, src));
    const value = DESCRIPTORS.reduce(
      (others, descriptor) => m.select(32, names(m, selector, descriptor), m.constant(32, field(descriptor)), others),
      m.constant(32, 0),
    );
    const found = namesAny(m, selector, () => true);
    m.if(found, () => place(m, dest, 'write').write(resize(m, 32, width, value)));
    m.setFlagBits(ZF, flagFromTruth(m, found, ZF));
  };
}

/** LAR: the access rights of a segment. SDM Vol. 2A "LAR—Load Access Rights Byte". */
export const lar = loadFromDescriptor((descriptor) => descriptor.accessRights);
/** LSL: the limit of a segment, in bytes. SDM Vol. 2A "LSL—Load Segment Limit". */
export const lsl = loadFromDescriptor((descriptor) => descriptor.limit);

/** ZF := 1 if DEST selects a descriptor that `accepts` accepts, else 0. */
function verify(accepts: (descriptor: Descriptor) => boolean): Semantics {
  return (m, { dest }) => m.setFlagBits(ZF, flagFromTruth(m, namesAny(m, read(m, dest), accepts), ZF));
}

/**
 * ARPL: if the RPL of the selector DEST is below that of SRC, sets ZF and raises it to that one, else clears ZF, and writes nothing.
 * SDM Vol. 2A "ARPL".
 */
export const arpl: Semantics = (m, { dest, src }) => {
  const selector = read(m, dest);
  const other = read(m, src);
  const rpl = (value: typeof selector): typeof selector => m.and(16, value, m.constant(16, RPL_MASK));
  const isLess = m.lessUnsigned(16, rpl(selector), rpl(other));
  const raised = m.or(16, m.and(16, selector, m.constant(16, 0xffff & ~RPL_MASK)), rpl(other));
  m.if(isLess, () => place(m, dest, 'write').write(raised));
  m.setFlagBits(ZF, flagFromTruth(m, isLess, ZF));
};

/** VERR: ZF := 1 if a segment is readable. SDM Vol. 2B "VERR/VERW". */
export const verr = verify(isReadable);
/** VERW: ZF := 1 if a segment is writable. */
export const verw = verify(isWritable);
