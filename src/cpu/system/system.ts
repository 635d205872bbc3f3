import { truncate, type Width } from '../../bits.js';
import type { Mmu } from '../../mmu/mmu.js';
import type { LinearMemory } from '../access/linear-memory.js';
import { IF, IOPL, RF, VM } from '../meaning/flags.js';
import type { DescriptorTable, SystemOperations, SystemSegment } from '../meaning/vocabulary.js';
import type { CpuState } from '../state/cpu-state.js';
import { GuestException, Vector } from '../state/exceptions.js';
import type { CpuModel } from '../state/model.js';
import { FS, GS, R11, RCX, RDX, RSP, SS } from '../state/layout.js';
import { Breakpoints } from './breakpoints.js';
import { controlFlow } from './control-flow.js';
import { CR4_DE, ControlRegisters } from './control-registers.js';
import type { Delivery } from './delivery.js';
import { IS_32, systemTypeOf } from './descriptor.js';
import { FloatRules } from './float-rules.js';
import { MODEL_SPECIFIC, MSR, accepts } from './model-specific.js';
import { Segments } from './segments.js';
import { SystemMemory } from './system-memory.js';
import { SystemState, TR } from './system-state.js';
import type { Transfers } from './transfers.js';

/** The I/O address space. Values are unsigned, of `width` bits. */
export interface PortBus {
  read(port: number, width: Width): number;
  write(port: number, width: Width, value: number): void;
}

/** What registers of the processor show of its local APIC. */
export interface ApicRegisters {
  /** IA32_APIC_BASE. */
  apicBase: bigint;
  /** Bits 7 to 4 of the task priority, which are CR8. */
  taskPriority: number;
}

/** What the system registers need of the processor around them. */
export interface SystemHost {
  readonly registers: CpuState;
  readonly mmu: Mmu;
  readonly linearMemory: LinearMemory;
  readonly ports: PortBus;
  /** The processor's time in ticks, and CR2. */
  readonly clock: { ticks: number; cr2: bigint };
}

/** Where the base of the I/O permission bitmap lies in a TSS. SDM Vol. 3A figure 7-11. */
const TSS_IO_MAP = 102;
/** RFLAGS that SYSRET loads from R11: all defined ones but RF and VM. SDM Vol. 2B "SYSRET". */
const SYSRET_FLAGS = 0x3c_7fd7n;
const LEVEL_3 = 3;
/** DR6.BD and DR7.GD. */
const DR6_ACCESS_DETECTED = 1n << 13n;
const DR7_GENERAL_DETECT = 1n << 13n;

/** The system registers of a bare machine, and what instructions do with them: see SystemOperations. */
export class System implements SystemOperations<bigint> {
  readonly state = new SystemState();
  readonly breakpoints = new Breakpoints(this.state);
  readonly segments: Segments;
  readonly delivery: Delivery;
  readonly floatRules: FloatRules;
  readonly controls: ControlRegisters;
  /** The local APIC, once it is connected. */
  apic: ApicRegisters = { apicBase: 0n, taskPriority: 0 };
  private readonly memory: SystemMemory;
  private readonly transfers: Transfers;

  constructor(
    private readonly host: SystemHost,
    model: CpuModel,
  ) {
    const { registers, mmu, linearMemory } = host;
    const memory = new SystemMemory(linearMemory);
    const segments = new Segments(this.state, registers, mmu, memory);
    this.controls = new ControlRegisters(mmu, segments, model);
    const { transfers, delivery } = controlFlow({ segments, registers, mmu, memory, controls: this.controls });
    this.transfers = transfers;
    this.delivery = delivery;
    this.floatRules = new FloatRules(mmu, this.state, model);
    this.memory = memory;
    this.segments = segments;
  }

  /** Whether an interrupt could be delivered before the next instruction. */
  get acceptsInterrupts(): boolean {
    return this.allowsInterrupts && !this.isHolding;
  }
  /** Whether a non-maskable interrupt waits that can be delivered before the next instruction. */
  get acceptsNmi(): boolean {
    return this.state.nmi.isPending && !this.state.nmi.isBlocked && !this.isHolding;
  }
  /** Whether the last instruction holds back interrupts until the next is complete. */
  get isHolding(): boolean {
    return this.host.clock.ticks <= this.state.heldUntil;
  }
  /** IF. */
  get allowsInterrupts(): boolean {
    return (this.host.registers.systemFlags & BigInt(IF)) !== 0n;
  }

  control(number: number): bigint {
    const { mmu, clock } = this.host;
    switch (number) {
      case 0:
        return BigInt(mmu.cr0 >>> 0);
      case 2:
        return clock.cr2;
      case 3:
        return BigInt(mmu.cr3);
      case 4:
        return BigInt(mmu.cr4 >>> 0);
      default:
        return BigInt(this.apic.taskPriority);
    }
  }

  setControl(number: number, value: bigint): void {
    switch (number) {
      case 0:
        return this.controls.setCr0(value);
      case 2:
        this.host.clock.cr2 = value;
        return;
      case 3:
        return this.controls.setCr3(value);
      case 4:
        return this.controls.setCr4(value);
      default:
        if (value >> 4n !== 0n) throw new GuestException(Vector.GP);
        this.apic.taskPriority = Number(value);
        this.state.hasUsedDevice = true;
    }
  }

  debug(number: number): bigint {
    return this.state.debug[this.debugRegister(number)]!;
  }

  /** DR4 and DR5 are aliases of DR6 and DR7 unless CR4.DE is set; DR7.GD protects all of them. SDM Vol. 3A 17.2.2, 17.2.4. */
  private debugRegister(number: number): number {
    const isAlias = number === 4 || number === 5;
    if (isAlias && this.host.mmu.cr4 & CR4_DE) throw new GuestException(Vector.UD);
    if (this.state.debug[7]! & DR7_GENERAL_DETECT) {
      this.state.debug[6]! |= DR6_ACCESS_DETECTED;
      throw new GuestException(Vector.DB);
    }
    return isAlias ? number + 2 : number;
  }

  /** DR6 and DR7 have bits that are always 1 and always 0. SDM Vol. 3A 17.2. */
  setDebug(number: number, value: bigint): void {
    const register = this.debugRegister(number);
    if (register >= 6 && value >> 32n !== 0n) throw new GuestException(Vector.GP);
    const [ones, zeros] = register === 6 ? [0xffff_0ff0n, 0x1000n] : register === 7 ? [0x400n, 0xd000n] : [0n, 0n];
    this.state.debug[register] = (value | ones) & ~zeros;
    this.debugChanged();
  }

  /** The debug registers may have changed. */
  private debugChanged(): void {
    const { breakpoints, host } = this;
    breakpoints.changed();
    host.linearMemory.onAccess = breakpoints.isArmed
      ? (linear, bytes, access) => breakpoints.onAccess(linear, bytes, access)
      : undefined;
  }

  modelSpecific(number: bigint): bigint {
    const { registers, mmu, clock } = this.host;
    switch (Number(number)) {
      case MSR.timeStamp:
        return BigInt(clock.ticks);
      case MSR.apicBase:
        return this.apic.apicBase;
      case MSR.efer:
        return BigInt(mmu.efer);
      case MSR.fsBase:
        return registers.segmentBase(FS);
      case MSR.gsBase:
        return registers.segmentBase(GS);
      default:
        if (!MODEL_SPECIFIC.has(Number(number))) throw new GuestException(Vector.GP);
        return this.stored(Number(number));
    }
  }

  setModelSpecific(number: bigint, value: bigint): void {
    const register = Number(number);
    const row = MODEL_SPECIFIC.get(register);
    if (!row || !accepts(row, value)) throw new GuestException(Vector.GP);
    if (row.ignoresWrites) return;
    if (register === MSR.apicBase) this.setApicBase(value);
    else if (register === MSR.efer) this.controls.setEfer(value);
    else if (register === MSR.fsBase) this.host.registers.setSegmentBase(FS, value);
    else if (register === MSR.gsBase) this.host.registers.setSegmentBase(GS, value);
    else this.state.modelSpecific.set(register, value);
  }

  private setApicBase(value: bigint): void {
    this.apic.apicBase = value;
    this.state.hasUsedDevice = true;
  }

  private stored(register: number): bigint {
    return this.state.modelSpecific.get(register) ?? 0n;
  }

  table(which: DescriptorTable): { base: bigint; limit: bigint } {
    const { base, limit } = this.state[which];
    return { base, limit: BigInt(limit) };
  }

  setTable(which: DescriptorTable, base: bigint, limit: bigint): void {
    const register = this.state[which];
    register.base = base;
    register.limit = Number(limit);
  }

  systemSelector(which: SystemSegment): bigint {
    return BigInt(this.state.systemSelectors[which === 'task' ? 1 : 0]!);
  }

  loadSystemSegment(which: SystemSegment, selector: bigint): void {
    this.segments.loadSystem(which, Number(selector));
  }

  describe(selector: bigint, purpose: 'LAR' | 'LSL' | 'VERR' | 'VERW'): bigint | undefined {
    const found = this.segments.describe(Number(selector), purpose);
    return found === undefined ? undefined : BigInt(found);
  }

  jumpFar(selector: bigint, offset: bigint, next: bigint): void {
    this.transfers.jump(Number(selector), offset, next);
  }
  callFar(selector: bigint, offset: bigint, next: bigint, width: Width): void {
    this.transfers.call(Number(selector), offset, next, width as 16 | 32 | 64);
  }
  returnFar(releasedBytes: bigint, width: Width): void {
    this.transfers.returnFar(Number(releasedBytes), width as 16 | 32 | 64);
  }
  returnFromInterrupt(next: bigint, width: Width): void {
    this.transfers.returnFromInterrupt(width as 16 | 32 | 64, next);
  }

  requireTables(): void {
    if (!this.segments.usesTables) throw new GuestException(Vector.UD);
  }

  requireFlagPrivilege(): void {
    if (this.segments.isVirtual && this.ioPrivilege < LEVEL_3) throw new GuestException(Vector.GP);
  }

  private get ioPrivilege(): number {
    return Number((this.host.registers.systemFlags & BigInt(IOPL)) >> 12n);
  }
  interrupt(vector: bigint, next: bigint): void {
    this.delivery.call(Number(vector), 'software', undefined, next);
    this.state.stepping.hasCalledHandler = true;
  }

  /** SYSCALL. SDM Vol. 2B "SYSCALL"; from compatibility mode as on processors of AMD: APM Vol. 3 "SYSCALL". */
  callSystem(next: bigint): void {
    const { registers } = this.host;
    const entry = this.segments.codeSize === 64 ? MSR.lstar : MSR.cstar;
    if (!this.segments.isLongMode) throw new GuestException(Vector.UD);
    const selector = Number((this.stored(MSR.star) >> 32n) & 0xfffcn);
    const flags = registers.rflags;
    this.state.stepping.hasCalledHandler = true;
    registers.setGpr(RCX, next);
    registers.setGpr(R11, flags);
    registers.rip = this.stored(entry);
    registers.rflags = flags & ~this.stored(MSR.sfmask);
    this.segments.setFixedCode(selector, 0, 64);
    this.segments.setFixedData(SS, selector + 8, 0);
  }

  /** SYSRET, which on processors of AMD does not look at RCX: the fetch at CPL 3 does. APM Vol. 3 "SYSRET". */
  returnFromSystem(isLong: boolean): void {
    const { registers } = this.host;
    const selector = Number((this.stored(MSR.star) >> 48n) & 0xfffcn) | LEVEL_3;
    const target = registers.gpr(RCX);
    registers.rflags = registers.gpr(R11) & SYSRET_FLAGS;
    registers.rip = isLong ? target : truncate(32, target);
    this.segments.setFixedCode(isLong ? selector + 16 : selector, LEVEL_3, isLong ? 64 : 32);
    this.segments.setFixedData(SS, selector + 8, LEVEL_3);
  }

  extendedControl(): bigint {
    return this.state.extendedControl;
  }

  setExtendedControl(number: bigint, value: bigint): void {
    this.controls.setExtended(number, value);
  }

  /**
   * SYSENTER, which processors of AMD do not have in long mode: APM Vol. 3 "SYSENTER". SDM Vol. 2B "SYSENTER".
   */
  enterSystem(): void {
    const { registers } = this.host;
    const selector = this.requireSysenter();
    registers.systemFlags &= ~BigInt(VM | IF | RF);
    this.segments.setFixedCode(selector, 0, 32);
    this.segments.setFixedData(SS, selector + 8, 0);
    registers.setGpr(RSP, truncate(32, this.stored(MSR.sysenterEsp)));
    registers.rip = truncate(32, this.stored(MSR.sysenterEip));
    this.state.stepping.hasCalledHandler = true;
  }

  /** SYSEXIT. SDM Vol. 2B "SYSEXIT". */
  leaveSystem(): void {
    const { registers } = this.host;
    const selector = this.requireSysenter() | LEVEL_3;
    const [eip, esp] = [registers.gprPart(RDX, 32), registers.gprPart(RCX, 32)];
    this.segments.setFixedCode(selector + 16, LEVEL_3, 32);
    this.segments.setFixedData(SS, selector + 24, LEVEL_3);
    registers.setGpr(RSP, esp);
    registers.rip = eip;
  }

  /** The selector in IA32_SYSENTER_CS: #UD in long mode, #GP(0) in real-address mode and for a null selector. */
  private requireSysenter(): number {
    if (this.segments.isLongMode) throw new GuestException(Vector.UD);
    const selector = Number(this.stored(MSR.sysenterCs) & 0xfffcn);
    if (this.segments.isReal || selector === 0) throw new GuestException(Vector.GP);
    return selector;
  }

  swapGs(): void {
    const { registers } = this.host;
    const base = registers.segmentBase(GS);
    registers.setSegmentBase(GS, this.stored(MSR.kernelGsBase));
    this.state.modelSpecific.set(MSR.kernelGsBase, base);
  }

  input(port: bigint, width: Width): bigint {
    this.requirePort(port, width);
    if (this.breakpoints.isArmed && this.host.mmu.cr4 & CR4_DE) this.breakpoints.onPort(Number(port), width / 8);
    this.state.hasUsedDevice = true;
    return BigInt(this.host.ports.read(Number(port), width) >>> 0);
  }

  output(port: bigint, width: Width, value: bigint): void {
    this.requirePort(port, width);
    if (this.breakpoints.isArmed && this.host.mmu.cr4 & CR4_DE) this.breakpoints.onPort(Number(port), width / 8);
    this.state.hasUsedDevice = true;
    this.host.ports.write(Number(port), width, Number(value));
  }

  /** SDM Vol. 1 19.5.2 "I/O Permission Bit Map". */
  requirePort(port: bigint, width: Width): void {
    const { isVirtual } = this.segments;
    if (this.host.mmu.cpl <= this.ioPrivilege && !isVirtual) return;
    const { bases, limits, rights } = this.state;
    if (!(systemTypeOf(rights[TR]!) & IS_32)) throw new GuestException(Vector.GP);
    const [base, limit] = [bases[TR]!, limits[TR]!];
    if (TSS_IO_MAP + 1 > limit) throw new GuestException(Vector.GP);
    const at = Number(this.memory.read(base + BigInt(TSS_IO_MAP), 2)) + (Number(port) >> 3);
    if (at + 1 > limit) throw new GuestException(Vector.GP);
    const bits = Number(this.memory.read(base + BigInt(at), 2)) >> (Number(port) & 7);
    if (bits & ((1 << (width / 8)) - 1)) throw new GuestException(Vector.GP);
  }

  holdInterrupts(): void {
    this.state.heldUntil = this.host.clock.ticks;
  }

  halt(): void {
    this.state.isHalted = true;
  }

  /** The registers have been restored: what follows from them is worked out again. */
  restored(): void {
    this.controls.restored();
    this.debugChanged();
  }

  /** Delivers an exception of an instruction; false if the processor shuts down. */
  deliver(exception: GuestException, cause: 'fault' | 'trap' | 'external'): boolean {
    return this.delivery.deliver(exception, cause, ({ linear }) => (this.host.clock.cr2 = linear));
  }
}
