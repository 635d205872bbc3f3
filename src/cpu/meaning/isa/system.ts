import { isReadable, isWritable, DESCRIPTORS, RPL_MASK, type Descriptor } from '../../state/descriptors.js';
import { Vector } from '../../state/exceptions.js';
import { EFER_SCE } from '../../../mmu/entry.js';
import { AC, ZF } from '../flags.js';
import { RAX, RCX, RDX } from '../../state/layout.js';
import type { Form, MemoryOperand } from '../form.js';
import type { DescriptorTable, Machine, Semantics, SystemOperations, SystemSegment } from '../vocabulary.js';
import { names, namesAny } from './descriptor-lookup.js';
import { flagFromTruth, resize } from './flag-bits.js';
import { gprWidth, place, read } from './operands.js';

/** SDM Vol. 1 5.20 "System Instructions". Input and output are in input-output.ts. */

/** CR4.UMIP. SDM Vol. 3A 2.5. */
const CR4_UMIP = 1 << 11;
const CR4 = 4;

/** #GP(0) unless CPL is 0; #UD on a machine of BD0, where no guest code has CPL 0. */
function atCpl0<V>(m: Machine<V>): SystemOperations<V> {
  m.raiseIf(m.isFalse(m.isZero(8, m.cpl())), Vector.GP);
  return requireSystem(m);
}

/** The system registers; #UD without them. */
export function requireSystem<V>(m: Machine<V>): SystemOperations<V> {
  const { system } = m.host;
  if (!system) m.raise(Vector.UD);
  return system!;
}

/** The system registers for SGDT, SIDT, SLDT, SMSW and STR: #GP(0) where CR4.UMIP denies them to CPL 3. */
function atAnyCpl<V>(m: Machine<V>): SystemOperations<V> {
  const { system } = m.host;
  if (!system) return atCpl0(m);
  const denied = m.isFalse(m.isZero(64, m.and(64, system.control(CR4), m.constant(64, CR4_UMIP))));
  m.raiseIf(m.and(8, denied, m.isFalse(m.isZero(8, m.cpl()))), Vector.GP);
  return system;
}

/** #UD for an instruction on descriptor tables where segments do not come from them. */
function requireTables<V>(m: Machine<V>): void {
  m.host.system?.requireTables();
}

/** HLT: waits for an interrupt. SDM Vol. 2A "HLT". */
export const hlt: Semantics = (m) => atCpl0(m).halt();

/** INVD, WBINVD: there are no caches to write back. SDM Vol. 2A "INVD", Vol. 2D "WBINVD". */
export const invd: Semantics = (m) => void atCpl0(m);

/** INVLPG: nothing to invalidate, since the TLB never differs from the page tables. SDM Vol. 2A "INVLPG". */
export const invlpg: Semantics = (m) => void atCpl0(m);

/** The EDX:EAX of RDMSR and WRMSR. */
function setPair<V>(m: Machine<V>, value: V): void {
  m.setGpr(RAX, 32, m.truncate(64, 32, value));
  m.setGpr(RDX, 32, m.truncate(64, 32, m.shr(64, value, m.constant(64, 32))));
}

/** RDMSR: EDX:EAX := the register ECX; #GP(0) if there is none. SDM Vol. 2B "RDMSR". */
export const rdmsr: Semantics = (m) => setPair(m, atCpl0(m).modelSpecific(m.gpr(RCX, 32)));

/** WRMSR: the register ECX := EDX:EAX; #GP(0) if there is none, or a reserved bit is set. SDM Vol. 2D "WRMSR". */
export const wrmsr: Semantics = (m) => {
  const system = atCpl0(m);
  const high = m.shl(64, m.zeroExtend(32, 64, m.gpr(RDX, 32)), m.constant(64, 32));
  system.setModelSpecific(m.gpr(RCX, 32), m.or(64, high, m.zeroExtend(32, 64, m.gpr(RAX, 32))));
};

/** RDPMC: there are no performance counters. SDM Vol. 2B "RDPMC". */
export const rdpmc: Semantics = (m) => m.raise(Vector.GP);

/** MOV r, CRn. SDM Vol. 2B "MOV—Move to/from Control Registers". */
export const movFromControl: Semantics = (m, { dest, width }) => {
  const value = atCpl0(m).control(m.host.registerField());
  place(m, dest, 'write').write(resize(m, 64, width, value));
};

/** MOV CRn, r: #GP(0) for reserved bits and modes that exclude each other. */
export const movToControl: Semantics = (m, { src, width }) => {
  atCpl0(m).setControl(m.host.registerField(), resize(m, width, 64, read(m, src)));
};

/** MOV r, DRn. SDM Vol. 2B "MOV—Move to/from Debug Registers". */
export const movFromDebug: Semantics = (m, { dest, width }) => {
  const value = atCpl0(m).debug(m.host.registerField());
  place(m, dest, 'write').write(resize(m, 64, width, value));
};

/** MOV DRn, r. */
export const movToDebug: Semantics = (m, { src, width }) => {
  atCpl0(m).setDebug(m.host.registerField(), resize(m, width, 64, read(m, src)));
};

const CR0_TS = 1 << 3;
/** PE, MP, EM and TS: what LMSW loads. */
const MACHINE_STATUS = 0xf;

/** CLTS: CR0.TS := 0. SDM Vol. 2A "CLTS". */
export const clts: Semantics = (m) => {
  const system = atCpl0(m);
  system.setControl(0, m.and(64, system.control(0), m.constant(64, ~CR0_TS)));
};

/** Writes a selector or the machine status word: a register receives it zero-extended, memory 16 bits. */
function writeWord<V>(m: Machine<V>, { dest, width }: Form, value: V): void {
  const target = place(m, dest, 'write');
  target.write(dest.kind === 'memory' ? m.truncate(64, 16, value) : resize(m, 64, width, value));
}

/** SMSW: DEST := the low bits of CR0. SDM Vol. 2B "SMSW". */
export const smsw: Semantics = (m, form) => writeWord(m, form, atAnyCpl(m).control(0));

/** LMSW: loads PE, MP, EM and TS of CR0, but does not clear PE. SDM Vol. 2A "LMSW". */
export const lmsw: Semantics = (m, { dest }) => {
  const system = atCpl0(m);
  const before = system.control(0);
  const kept = m.and(64, before, m.constant(64, ~(MACHINE_STATUS & ~1)));
  const loaded = m.and(64, m.zeroExtend(16, 64, read(m, dest)), m.constant(64, MACHINE_STATUS));
  system.setControl(0, m.or(64, kept, loaded));
};

/** SLDT, STR: DEST := the selector in LDTR or TR. SDM Vol. 2B "SLDT", "STR". */
export const storeSystemSegment =
  (which: SystemSegment): Semantics =>
  (m, form) => {
    requireTables(m);
    writeWord(m, form, m.zeroExtend(16, 64, atAnyCpl(m).systemSelector(which)));
  };

/** LLDT, LTR: loads LDTR or TR. SDM Vol. 2A "LLDT", "LTR". */
export const loadSystemSegment =
  (which: SystemSegment): Semantics =>
  (m, { dest }) => {
    requireTables(m);
    atCpl0(m).loadSystemSegment(which, read(m, dest));
  };

/** Bytes of the base of a descriptor table in memory. */
const baseBytesOf = ({ mode }: Form): number => (mode === 64 ? 8 : 4);

/** SGDT, SIDT: stores the limit, then the base. SDM Vol. 2B "SGDT", "SIDT". */
export const storeTable =
  (which: DescriptorTable): Semantics =>
  (m, form) => {
    const { base, limit } = atAnyCpl(m).table(which);
    const bytes = baseBytesOf(form);
    const where = m.translate(m.linearAddress(form.dest as MemoryOperand), 2 + bytes, 'write');
    where.store(16, m.truncate(64, 16, limit));
    where.store(bytes === 8 ? 64 : 32, bytes === 8 ? base : m.truncate(64, 32, base), 2);
  };

/** LGDT, LIDT: loads the limit and the base; with 16-bit operands, 24 bits of the base. SDM Vol. 2A "LGDT/LIDT". */
export const loadTable =
  (which: DescriptorTable): Semantics =>
  (m, form) => {
    const system = atCpl0(m);
    const bytes = baseBytesOf(form);
    const where = m.translate(m.linearAddress(form.dest as MemoryOperand), 2 + bytes, 'read');
    const limit = m.zeroExtend(16, 64, where.load(16));
    const base = bytes === 8 ? where.load(64, 2) : m.zeroExtend(32, 64, where.load(32, 2));
    system.setTable(which, form.width === 16 ? m.and(64, base, m.constant(64, 0xff_ffff)) : base, limit);
  };

/** SWAPGS: exchanges the base of GS and IA32_KERNEL_GS_BASE. SDM Vol. 2B "SWAPGS". */
export const swapgs: Semantics = (m) => atCpl0(m).swapGs();

/** XSETBV: the extended control register ECX := EDX:EAX. SDM Vol. 2D "XSETBV". */
export const xsetbv: Semantics = (m) => {
  const system = atCpl0(m);
  const high = m.shl(64, m.zeroExtend(32, 64, m.gpr(RDX, 32)), m.constant(64, 32));
  system.setExtendedControl(m.gpr(RCX, 32), m.or(64, high, m.zeroExtend(32, 64, m.gpr(RAX, 32))));
};

/** STAC, CLAC: AC := 1 or 0; #UD unless CPL is 0. SDM Vol. 2B "STAC", Vol. 2A "CLAC". */
function setAccessFlag(value: number): Semantics {
  return (m) => {
    m.raiseIf(m.isFalse(m.isZero(8, m.cpl())), Vector.UD);
    requireSystem(m);
    const others = m.and(64, m.systemFlags(), m.constant(64, ~AC));
    m.setSystemFlags(m.or(64, others, m.constant(64, value)));
  };
}
export const stac = setAccessFlag(AC);
export const clac = setAccessFlag(0);

/** Types of INVPCID above this do not exist; those up to SINGLE_CONTEXT name a process-context identifier. */
const MOST_INVPCID_TYPE = 3;
const SINGLE_CONTEXT = 1;
const PCID_BITS = 12;
/** CR4.PCIDE. */
const CR4_PCIDE = 1 << 17;

/**
 * INVPCID: nothing to invalidate, since the TLB never differs from the page tables; #GP(0) for a type that does not exist, a reserved
 * bit in the descriptor, an identifier while CR4.PCIDE is 0, and an address that is not canonical. SDM Vol. 2A "INVPCID".
 */
export const invpcid: Semantics = (m, { dest, src }) => {
  const system = atCpl0(m);
  const type = resize(m, gprWidth(dest), 64, read(m, dest));
  const where = m.translate(m.linearAddress(src as MemoryOperand), 16, 'read');
  const [identifier, address] = [where.load(64), where.load(64, 8)];
  m.raiseIf(m.lessUnsigned(64, m.constant(64, MOST_INVPCID_TYPE), type), Vector.GP);
  const names = m.isFalse(m.lessUnsigned(64, m.constant(64, SINGLE_CONTEXT), type));
  const isReserved = m.isFalse(m.isZero(64, m.shr(64, identifier, m.constant(64, PCID_BITS))));
  const isOff = m.isZero(64, m.and(64, system.control(CR4), m.constant(64, CR4_PCIDE)));
  const isWrong = m.and(8, isOff, m.isFalse(m.isZero(64, identifier)));
  m.raiseIf(m.or(8, isReserved, m.and(8, names, isWrong)), Vector.GP);
  m.if(m.isZero(64, type), () => m.requireCanonical(address));
};

/** #UD unless EFER.SCE is set. */
function requireSystemCalls<V>(m: Machine<V>): void {
  m.raiseIf(m.isZero(64, m.and(64, m.host.efer(), m.constant(64, EFER_SCE))), Vector.UD);
}

/**
 * SYSCALL: calls the kernel. BD0's stands where a hypervisor stands and completes the instruction: see CpuEvent. SDM
 * Vol. 2B "SYSCALL".
 */
export const syscall: Semantics = (m) => {
  requireSystemCalls(m);
  if (m.host.system) m.host.system.callSystem(m.nextRip());
  else m.leave('syscall');
};

/** SYSRET: returns to CPL 3. SDM Vol. 2B "SYSRET". */
export const sysret: Semantics = (m, { width }) => {
  requireSystemCalls(m);
  atCpl0(m).returnFromSystem(width === 64);
};

/** SYSENTER: on a machine of BD0 IA32_SYSENTER_CS is 0, which makes it #GP(0), as SYSEXIT. SDM Vol. 2B "SYSENTER". */
export const sysenter: Semantics = (m) => {
  if (!m.host.system) m.raise(Vector.GP);
  m.host.system!.enterSystem();
};

/** SYSEXIT. SDM Vol. 2B "SYSEXIT". */
export const sysexit: Semantics = (m) => {
  if (!m.host.system) m.raise(Vector.GP);
  atCpl0(m).leaveSystem();
};

/** Loads DEST with `field` of the descriptor that SRC selects, and sets ZF; clears ZF if there is none. */
function loadFromDescriptor(purpose: 'LAR' | 'LSL', field: (descriptor: Descriptor) => number): Semantics {
  return (m, { dest, src, width }) => {
    requireTables(m);
    const selector = resize(m, gprWidth(src), 16, read(m, src));
    const { system } = m.host;
    const described = system?.describe(selector, purpose);
    const value = system
      ? (described ?? m.constant(32, 0))
      : DESCRIPTORS.reduce(
          (others, descriptor) =>
            m.select(32, names(m, selector, descriptor), m.constant(32, field(descriptor)), others),
          m.constant(32, 0),
        );
    const found = system ? m.constant(8, described === undefined ? 0 : 1) : namesAny(m, selector, () => true);
    m.if(found, () => place(m, dest, 'write').write(resize(m, 32, width, value)));
    m.setFlagBits(ZF, flagFromTruth(m, found, ZF));
  };
}

/** LAR: the access rights of a segment. SDM Vol. 2A "LAR—Load Access Rights Byte". */
export const lar = loadFromDescriptor('LAR', (descriptor) => descriptor.accessRights);
/** LSL: the limit of a segment, in bytes. SDM Vol. 2A "LSL—Load Segment Limit". */
export const lsl = loadFromDescriptor('LSL', (descriptor) => descriptor.limit);

/** ZF := 1 if DEST selects a descriptor that `accepts` accepts, else 0. */
function verify(purpose: 'VERR' | 'VERW', accepts: (descriptor: Descriptor) => boolean): Semantics {
  return (m, { dest }) => {
    requireTables(m);
    const { system } = m.host;
    const selector = read(m, dest);
    const found = system
      ? m.constant(8, system.describe(selector, purpose) === undefined ? 0 : 1)
      : namesAny(m, selector, accepts);
    m.setFlagBits(ZF, flagFromTruth(m, found, ZF));
  };
}

/**
 * ARPL: if the RPL of the selector DEST is below that of SRC, sets ZF and raises it to that one, else clears ZF, and writes nothing.
 * SDM Vol. 2A "ARPL".
 */
export const arpl: Semantics = (m, { dest, src }) => {
  requireTables(m);
  const selector = read(m, dest);
  const other = read(m, src);
  const rpl = (value: typeof selector): typeof selector => m.and(16, value, m.constant(16, RPL_MASK));
  const isLess = m.lessUnsigned(16, rpl(selector), rpl(other));
  const raised = m.or(16, m.and(16, selector, m.constant(16, 0xffff & ~RPL_MASK)), rpl(other));
  m.if(isLess, () => place(m, dest, 'write').write(raised));
  m.setFlagBits(ZF, flagFromTruth(m, isLess, ZF));
};

/** VERR: ZF := 1 if a segment is readable. SDM Vol. 2B "VERR/VERW". */
export const verr = verify('VERR', isReadable);
/** VERW: ZF := 1 if a segment is writable. */
export const verw = verify('VERW', isWritable);
