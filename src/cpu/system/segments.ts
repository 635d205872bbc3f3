import type { Mmu } from '../../mmu/mmu.js';
import { CR0_PE, EFER_LMA } from '../../mmu/entry.js';
import type { CodeSize } from '../decode/row.js';
import { VM } from '../meaning/flags.js';
import type { Access, SystemSegment } from '../meaning/vocabulary.js';
import type { CpuState } from '../state/cpu-state.js';
import { GuestException, Vector } from '../state/exceptions.js';
import { CS, DS, ES, FS, GS, SS } from '../state/layout.js';
import {
  IS_32,
  RIGHTS_ACCESSED,
  RIGHTS_BIG,
  RIGHTS_CODE,
  RIGHTS_LONG,
  RIGHTS_PRESENT,
  RIGHTS_READ_WRITE,
  RIGHTS_SEGMENT,
  SYSTEM_TYPE,
  TABLE_INDICATOR,
  descriptorOf,
  dplOf,
  errorOf,
  isCodeSegment,
  isConforming,
  isNullSelector,
  isPresent,
  isReadableSegment,
  isSegment,
  isWithin,
  isWritableData,
  rplOf,
  systemTypeOf,
  type Descriptor,
} from './descriptor.js';
import type { SystemMemory } from './system-memory.js';
import { LDTR, TR, type SystemState } from './system-state.js';

const FLAT_LIMIT = 0xffff_ffff;
/** The rights of segments that SYSCALL and SYSRET load without a look at the tables, apart from DPL, L and D. */
const FIXED_DATA = RIGHTS_SEGMENT | RIGHTS_PRESENT | RIGHTS_READ_WRITE | RIGHTS_ACCESSED | RIGHTS_BIG;
const FIXED_CODE = RIGHTS_SEGMENT | RIGHTS_PRESENT | RIGHTS_READ_WRITE | RIGHTS_ACCESSED | RIGHTS_CODE;

/** Raises #GP(selector), #NP(selector) and so on. */
export function refuse(vector: number, selector: number, external = 0): never {
  throw new GuestException(vector, errorOf(selector) | external);
}

/** Segment registers with their descriptor caches, and the mode and privilege level that follow from CS. SDM Vol. 3A 3.4, 5. */
export class Segments {
  /** Called when the size of code has changed. */
  onCodeSize: (size: CodeSize) => void = () => {};
  /** Whether code was 64-bit code after the last change. */
  private isIn64BitCode = false;

  constructor(
    readonly state: SystemState,
    private readonly registers: CpuState,
    private readonly mmu: Mmu,
    private readonly memory: SystemMemory,
  ) {}

  get isLongMode(): boolean {
    return (this.mmu.efer & EFER_LMA) !== 0;
  }

  /** CR0.PE is 0. */
  get isReal(): boolean {
    return (this.mmu.cr0 & CR0_PE) === 0;
  }

  /** Virtual-8086 mode. */
  get isVirtual(): boolean {
    return (this.registers.systemFlags & BigInt(VM)) !== 0n;
  }

  /** Whether segment registers are loaded from descriptor tables: neither real-address mode nor virtual-8086 mode. */
  get usesTables(): boolean {
    return !this.isReal && !this.isVirtual;
  }

  get codeSize(): CodeSize {
    return this.state.codeSize(this.isLongMode);
  }

  /** Reads the descriptor of a selector that is not null, or the lower half of a long one; #GP(selector) beyond the table. */
  find(selector: number, external = 0): Descriptor {
    const found = this.look(selector);
    return found ?? refuse(Vector.GP, selector, external);
  }

  /** As `find`; undefined beyond the table. */
  look(selector: number): Descriptor | undefined {
    const { gdt, bases, limits, systemSelectors } = this.state;
    const isLocal = (selector & TABLE_INDICATOR) !== 0;
    if (isLocal && isNullSelector(systemSelectors[0]!)) return undefined;
    const [base, limit] = isLocal ? [bases[LDTR]!, limits[LDTR]!] : [gdt.base, gdt.limit];
    const offset = selector & ~7;
    if (offset + 7 > limit) return undefined;
    const address = BigInt.asUintN(64, base + BigInt(offset));
    return descriptorOf(address, this.memory.read(address, 8));
  }

  /** The upper half of a long descriptor; #GP if its type bits are not 0. */
  upperHalf(selector: number, { address }: Pick<Descriptor, 'address'>): bigint {
    const { gdt } = this.state;
    if ((selector & ~7) + 15 > gdt.limit) refuse(Vector.GP, selector);
    const upper = this.memory.read(address + 8n, 8);
    if ((upper >> 40n) & 0x1fn) refuse(Vector.GP, selector);
    return upper & 0xffff_ffffn;
  }

  /** MOV Sreg, POP Sreg, LSS and the like. SDM Vol. 2B "MOV", Vol. 3A 5.6, 5.7. */
  load(segment: number, selector: number): void {
    if (!this.usesTables) return this.loadParagraph(segment, selector);
    if (segment === SS) return this.loadStack(selector);
    if (isNullSelector(selector)) return this.clear(segment, selector);
    const found = this.find(selector);
    const { rights } = found;
    if (!isReadableSegment(rights)) refuse(Vector.GP, selector);
    if (!isConforming(rights) && dplOf(rights) < Math.max(this.mmu.cpl, rplOf(selector))) refuse(Vector.GP, selector);
    if (!isPresent(rights)) refuse(Vector.NP, selector);
    this.enter(segment, selector, found);
  }

  private loadStack(selector: number): void {
    const found = this.checkStack(selector, this.mmu.cpl, this.codeSize === 64);
    if (found) this.enter(SS, selector, found);
    else this.clear(SS, selector);
  }

  /**
   * Loads a segment register in real-address or virtual-8086 mode: the base is 16 times the selector. In real-address mode the limit
   * stays what it was. SDM Vol. 3A 20.1.1 "Address Translation in Real-Address Mode", 20.2.1.
   */
  loadParagraph(segment: number, selector: number): void {
    const { limits, rights } = this.state;
    const [limit, kept] = this.isReal ? [limits[segment]!, rights[segment]! & RIGHTS_BIG] : [0xffff, LEVEL_3];
    const code = segment === CS ? RIGHTS_CODE : 0;
    this.setCache(segment, BigInt(selector << 4), limit, (FIXED_DATA & ~RIGHTS_BIG) | code | kept);
    this.registers.setSelector(segment, selector);
    this.registers.setSegmentBase(segment, BigInt(selector << 4));
    if (segment === CS) this.refresh();
    if (segment === SS) this.updateStackMask();
  }

  /**
   * Outside 64-bit mode, checks an access to bytes at an offset in a segment: #GP(0), or #SS(0) for SS, beyond its limit, in a
   * segment that was loaded with a null selector, and for writes and reads that its type forbids. SDM Vol. 3A 5.3, 5.5.
   */
  checkAccess(segment: number, offset: number, bytes: number, access: Access): void {
    const { limits, rights } = this.state;
    const extent = { limit: limits[segment]!, rights: rights[segment]! };
    const allows = access === 'write' ? isWritableData : isReadableSegment;
    const isAllowed = (this.usesTables ? allows(extent.rights) : true) && isWithin(extent, offset, bytes);
    if (!isAllowed) throw new GuestException(segment === SS ? Vector.SS : Vector.GP);
  }

  /** #GP(0) unless bytes of code outside 64-bit mode lie within CS. */
  checkCode(offset: bigint, bytes: number): void {
    const { limits, rights } = this.state;
    if (Number(offset) + bytes - 1 > limits[CS]! || rights[CS] === 0) throw new GuestException(Vector.GP);
  }

  /** Checks a selector for SS at privilege level `cpl`; undefined for a null selector, which 64-bit code below CPL 3 may have. */
  checkStack(selector: number, cpl: number, inLongCode: boolean): Descriptor | undefined {
    if (isNullSelector(selector) && inLongCode && cpl < 3 && rplOf(selector) === cpl) return undefined;
    return this.requireStack(selector, cpl, Vector.GP);
  }

  /** A stack segment for privilege level `cpl`. Raises `vector`, and #SS for one that is not present. */
  requireStack(selector: number, cpl: number, vector: number, external = 0): Descriptor {
    if (isNullSelector(selector)) throw new GuestException(vector, external);
    const found = this.look(selector);
    if (!found || rplOf(selector) !== cpl) return refuse(vector, selector, external);
    if (!isWritableData(found.rights) || dplOf(found.rights) !== cpl) refuse(vector, selector, external);
    if (!isPresent(found.rights)) refuse(Vector.SS, selector, external);
    return found;
  }

  /** Enters a descriptor that has been checked into a data or stack segment register. */
  enter(segment: number, selector: number, found: Descriptor): void {
    this.markAccessed(found);
    this.set(segment, selector, found.base, found.limit, found.rights | RIGHTS_ACCESSED);
  }

  /** Loads a null selector. */
  clear(segment: number, selector: number): void {
    this.set(segment, selector, 0n, 0, 0);
  }

  /** Enters a code segment that has been checked; CPL becomes `cpl`. */
  enterCode(selector: number, found: Descriptor, cpl: number): void {
    this.markAccessed(found);
    this.setCode((selector & ~3) | cpl, found.base, found.limit, found.rights | RIGHTS_ACCESSED, cpl);
  }

  /** The segments of SYSCALL, SYSRET and boot loaders: flat, whatever the tables hold. */
  setFixedCode(selector: number, cpl: number, size: 32 | 64): void {
    const rights = FIXED_CODE | (size === 64 ? RIGHTS_LONG : RIGHTS_BIG) | (cpl << 13);
    this.setCode(selector, 0n, FLAT_LIMIT, rights, cpl);
  }
  setFixedData(segment: number, selector: number, dpl: number): void {
    this.set(segment, selector, 0n, FLAT_LIMIT, FIXED_DATA | (dpl << 13));
  }
  setFixedTask(limit: number): void {
    this.setCache(TR, 0n, limit, RIGHTS_PRESENT | (SYSTEM_TYPE.busyTask << 8));
  }

  /** Clears the data segment registers whose DPL is below the new CPL after a return to an outer level. SDM Vol. 3A 5.8.6. */
  dropInnerSegments(): void {
    for (const segment of [ES, DS, FS, GS]) {
      const rights = this.state.rights[segment]!;
      if (isSegment(rights) && !isConforming(rights) && dplOf(rights) < this.mmu.cpl) this.clear(segment, 0);
    }
  }

  /** LLDT and LTR. SDM Vol. 2A "LLDT", "LTR". */
  loadSystem(which: SystemSegment, selector: number): void {
    const isTask = which === 'task';
    if (isNullSelector(selector)) {
      if (isTask) throw new GuestException(Vector.GP);
      this.state.systemSelectors[0] = selector;
      return this.setCache(LDTR, 0n, 0, 0);
    }
    if (selector & TABLE_INDICATOR) refuse(Vector.GP, selector);
    const found = this.find(selector);
    const { rights } = found;
    const type = isTask ? SYSTEM_TYPE.availableTask : SYSTEM_TYPE.ldt;
    const isShort = isTask && !this.isLongMode && systemTypeOf(rights) === type - IS_32;
    if (isSegment(rights) || (systemTypeOf(rights) !== type && !isShort)) refuse(Vector.GP, selector);
    if (!isPresent(rights)) refuse(Vector.NP, selector);
    const high = this.isLongMode ? this.upperHalf(selector, found) : 0n;
    if (isTask) this.memory.write(found.address, 8, found.raw | (2n << 40n));
    this.state.systemSelectors[isTask ? 1 : 0] = selector;
    const busy = isTask ? 2 << 8 : 0;
    this.setCache(isTask ? TR : LDTR, (high << 32n) | found.base, found.limit, rights | busy);
  }

  /** After a change of the mode: bases count outside 64-bit code only. */
  refresh(): void {
    const { codeSize } = this;
    // In 64-bit code they stay 0.
    if (codeSize !== 64 || !this.isIn64BitCode)
      for (const segment of [ES, CS, SS, DS])
        this.registers.setSegmentBase(segment, codeSize === 64 ? 0n : this.state.bases[segment]!);
    this.isIn64BitCode = codeSize === 64;
    this.updateStackMask();
    this.onCodeSize(codeSize);
  }

  /** Sets CS to a selector whose RPL is the new CPL. */
  private setCode(selector: number, base: bigint, limit: number, rights: number, cpl: number): void {
    this.reload(CS, selector, base, limit, rights);
    this.mmu.setCpl(cpl);
    this.refresh();
  }

  private set(segment: number, selector: number, base: bigint, limit: number, rights: number): void {
    this.reload(segment, selector, base, limit, rights);
    if (segment === SS) this.updateStackMask();
    if (segment >= FS || this.codeSize !== 64) this.registers.setSegmentBase(segment, base);
  }

  /** Sets a segment register and its descriptor cache only; the caller updates what depends on them. */
  reload(segment: number, selector: number, base: bigint, limit: number, rights: number): void {
    this.registers.setSelector(segment, selector);
    this.setCache(segment, base, limit, rights);
  }

  /** After a change of SS. */
  updateStackMask(): void {
    this.registers.stackMask = this.state.rights[SS]! & RIGHTS_BIG ? 0xffff_ffff : 0xffff;
  }

  private setCache(cache: number, base: bigint, limit: number, rights: number): void {
    this.state.bases[cache] = base;
    this.state.limits[cache] = limit;
    this.state.rights[cache] = rights;
  }

  /** Sets the accessed bit in the table, which may fault: to be done before the first change. */
  markAccessed({ address, raw, rights }: Descriptor): void {
    if (!(rights & RIGHTS_ACCESSED)) this.memory.write(address + 5n, 1, ((raw >> 40n) & 0xffn) | 1n);
  }

  /** What LAR, LSL, VERR and VERW find. SDM Vol. 2A "LAR", "LSL", Vol. 2D "VERR/VERW". */
  describe(selector: number, purpose: 'LAR' | 'LSL' | 'VERR' | 'VERW'): number | undefined {
    const found = isNullSelector(selector) ? undefined : this.look(selector);
    if (!found) return undefined;
    const { rights, limit } = found;
    const isVisible = isConforming(rights) || dplOf(rights) >= Math.max(this.mmu.cpl, rplOf(selector));
    if (!isVisible) return undefined;
    if (purpose === 'VERR') return isReadableSegment(rights) ? rights : undefined;
    if (purpose === 'VERW') return isWritableData(rights) ? rights : undefined;
    const described = this.isLongMode ? DESCRIBED[purpose] : DESCRIBED_LEGACY[purpose];
    if (!isSegment(rights) && !described.includes(systemTypeOf(rights))) return undefined;
    return purpose === 'LAR' ? rights : limit;
  }

  /** Checks a code segment that a far jump or call goes to directly, at the current CPL. SDM Vol. 3A 5.8.1. */
  checkDirectCode(selector: number, found: Descriptor): void {
    const { rights } = found;
    const { cpl } = this.mmu;
    if (!isCodeSegment(rights)) refuse(Vector.GP, selector);
    const isAllowed = isConforming(rights) ? dplOf(rights) <= cpl : rplOf(selector) <= cpl && dplOf(rights) === cpl;
    if (!isAllowed) refuse(Vector.GP, selector);
    if (!isPresent(rights)) refuse(Vector.NP, selector);
    this.checkCodeSize(selector, rights);
  }

  /** #GP(selector) for a code segment with both L and D in long mode. */
  checkCodeSize(selector: number, rights: number): void {
    if (this.isLongMode && rights & RIGHTS_LONG && rights & RIGHTS_BIG) refuse(Vector.GP, selector);
  }
}

/** As the DPL of a segment. */
const LEVEL_3 = 3 << 13;

/** System descriptors, by type, whose rights or limit can be looked up: in long mode, and elsewhere. SDM Vol. 2A "LAR", "LSL". */
const DESCRIBED_LEGACY: Readonly<Record<'LAR' | 'LSL', readonly number[]>> = {
  LAR: [1, 2, 3, 4, 5, 9, 11, 12],
  LSL: [1, 2, 3, 9, 11],
};
const DESCRIBED: Readonly<Record<'LAR' | 'LSL', readonly number[]>> = {
  LAR: [SYSTEM_TYPE.ldt, SYSTEM_TYPE.availableTask, SYSTEM_TYPE.busyTask, SYSTEM_TYPE.callGate],
  LSL: [SYSTEM_TYPE.ldt, SYSTEM_TYPE.availableTask, SYSTEM_TYPE.busyTask],
};
