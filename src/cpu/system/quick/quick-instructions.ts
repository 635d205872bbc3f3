import { PAGE_SIZE } from '../../../bits.js';
import type { GuestMemory } from '../../../memory.js';
import type { Instruction } from '../../decode/instruction.js';
import { AC, IOPL, NT, STATUS_FLAGS, TF } from '../../meaning/flags.js';
import { movFromControl, movToControl } from '../../meaning/isa/system.js';
import { GuestException } from '../../state/exceptions.js';
import { CS, FLAGS_KIND, FLAGS_OPERAND, GPR, RAX, RCX, RDX, RFLAGS, RIP, RSP, SS } from '../../state/layout.js';
import { ACCESS_IMPLICIT, ACCESS_READ, isCanonicalHigh } from '../../../mmu/walk.js';
import { EFER_SCE } from '../../../mmu/entry.js';
import {
  RIGHTS_ACCESSED,
  RIGHTS_BIG,
  RIGHTS_LONG,
  TABLE_INDICATOR,
  allowsReturn,
  descriptorOf,
  dplOf,
  isCodeSegment,
  isNullSelector,
  isPresent,
  isWritableData,
  rplOf,
} from '../descriptor.js';
import type { System, SystemHost } from '../system.js';
import { flagsLoadedByIret } from '../transfers.js';

/** What IRET pops in 64-bit code. */
const FRAME_BYTES = 40;
/** Flags that IRET may only load the long way. */
const RARE_FLAGS = TF | NT | AC;
const LEVEL_3 = 3;

/** A segment of the GDT as it was looked up last, by what lay in memory. */
interface KnownSegment {
  readonly base: bigint;
  readonly limit: number;
  readonly rights: number;
  readonly low: number;
  readonly high: number;
}

type Quick = (instruction: Instruction) => boolean;

/**
 * The system instructions that kernels execute all the time, in 64-bit code, without the evaluator: the same effects, worked out
 * in numbers of 32 bits where nothing is unusual. Where something is, or an exception is due, nothing has changed, and the
 * evaluator executes the instruction. The engine 'evaluator' uses none of this, so that tests compare both.
 */
export class QuickInstructions {
  private readonly byForm: (Quick | null | undefined)[] = [];
  private readonly known = new Map<number, KnownSegment>();
  /** Where the GDT was when it was looked up last, also in two halves. */
  private readonly table = { base: 0n, low: 0, high: 0 };
  private readonly words: Int32Array;
  private readonly memory: GuestMemory;

  constructor(
    private readonly system: System,
    private readonly host: SystemHost,
  ) {
    this.memory = host.linearMemory.memory;
    this.words = this.memory.host32;
  }

  /** Executes an instruction, whose tick has been counted, and returns true; or changes nothing. */
  execute(instruction: Instruction): boolean {
    const { id } = instruction.form;
    let quick = this.byForm[id];
    if (quick === undefined) this.byForm[id] = quick = this.quickFor(instruction) ?? null;
    if (quick === null) return false;
    try {
      return quick(instruction);
    } catch (error) {
      if (error instanceof GuestException) return false;
      throw error;
    }
  }

  private quickFor({ form }: Instruction): Quick | undefined {
    const { mnemonic } = form.row;
    const { system } = this;
    const at0 =
      (act: (instruction: Instruction) => void): Quick =>
      (instruction) => {
        if (this.host.mmu.cpl !== 0) return false;
        act(instruction);
        this.host.registers.advanceRip(instruction.length);
        return true;
      };
    switch (mnemonic) {
      case 'IN':
        return (instruction) => this.input(instruction);
      case 'OUT':
        return (instruction) => this.output(instruction);
      case 'SWAPGS':
        return at0(() => system.swapGs());
      case 'INVLPG':
        return at0(() => {});
      case 'WRMSR':
        return at0(() => system.setModelSpecific(this.unsigned(RCX), (this.unsigned(RDX) << 32n) | this.unsigned(RAX)));
      case 'SYSCALL':
        return (instruction) => this.call(instruction);
      case 'SYSRET':
        return (instruction) => this.returnFromSystem(instruction);
      case 'IRET':
        return form.width === 64 ? () => this.returnFromInterrupt() : undefined;
      case 'MOV':
        if (form.operands.some(({ kind }) => kind === 'memory')) return undefined;
        if (form.row.semantics === movToControl)
          return at0(({ reg, rm }) => system.setControl(reg, this.host.registers.gpr(rm)));
        if (form.row.semantics === movFromControl)
          return at0(({ reg, rm }) => this.host.registers.setGpr(rm, system.control(reg)));
        return undefined;
      default:
        return undefined;
    }
  }

  /** Low 32 bits of a register. */
  private unsigned(register: number): bigint {
    return BigInt(this.words[(GPR >> 2) + 2 * register]! >>> 0);
  }

  private get ioPrivilege(): number {
    return (this.words[RFLAGS >> 2]! & IOPL) >> 12;
  }

  /** IN, where IOPL allows it. */
  private input(instruction: Instruction): boolean {
    const { dest, src } = instruction.form;
    if (this.host.mmu.cpl > this.ioPrivilege || dest.kind !== 'gpr') return false;
    const value = this.host.ports.read(this.port(instruction, src.kind === 'immediate'), dest.width);
    this.system.state.hasUsedDevice = true;
    if (dest.width === 8) this.memory.host[GPR] = value;
    else if (dest.width === 16) this.memory.hostView.setUint16(GPR, value, true);
    else {
      this.words[GPR >> 2] = value;
      this.words[(GPR >> 2) + 1] = 0;
    }
    this.host.registers.advanceRip(instruction.length);
    return true;
  }

  private output(instruction: Instruction): boolean {
    const { dest, src } = instruction.form;
    if (this.host.mmu.cpl > this.ioPrivilege || src.kind !== 'gpr') return false;
    const low = this.words[GPR >> 2]!;
    const value = src.width === 8 ? low & 0xff : src.width === 16 ? low & 0xffff : low >>> 0;
    const port = this.port(instruction, dest.kind === 'immediate');
    this.system.state.hasUsedDevice = true;
    this.host.ports.write(port, src.width, value);
    this.host.registers.advanceRip(instruction.length);
    return true;
  }

  private port({ immediate }: Instruction, isImmediate: boolean): number {
    return isImmediate ? Number(immediate) & 0xff : this.words[(GPR >> 2) + 2 * RDX]! & 0xffff;
  }

  private call(instruction: Instruction): boolean {
    if (!(this.host.mmu.efer & EFER_SCE)) return false;
    this.system.callSystem(BigInt.asUintN(64, this.host.registers.rip + BigInt(instruction.length)));
    return true;
  }

  private returnFromSystem({ form }: Instruction): boolean {
    const { mmu } = this.host;
    if (!(mmu.efer & EFER_SCE) || mmu.cpl !== 0) return false;
    this.system.returnFromSystem(form.width === 64);
    return true;
  }

  /** IRETQ to 64-bit code, with segments of the GDT that are marked as accessed, and a stack frame in one page. */
  private returnFromInterrupt(): boolean {
    const { words, system, memory } = this;
    const { mmu } = this.host;
    const { segments, state } = system;
    const flagsBefore = words[RFLAGS >> 2]!;
    const low = words[(GPR >> 2) + 2 * RSP]!;
    const high = words[(GPR >> 2) + 2 * RSP + 1]!;
    if (flagsBefore & NT || !segments.isLongMode || (low & (PAGE_SIZE - 1)) > PAGE_SIZE - FRAME_BYTES) return false;
    if (!isCanonicalHigh(high)) return false;
    const at = mmu.translate(high, low, ACCESS_READ);
    if (at < 0 || at + FRAME_BYTES > memory.size) return false;
    const { ramView } = memory;
    const ripHigh = ramView.getInt32(at + 4, true);
    const flags = ramView.getInt32(at + 16, true);
    if (!isCanonicalHigh(ripHigh) || flags & RARE_FLAGS) return false;
    const selector = ramView.getUint16(at + 8, true);
    const stackSelector = ramView.getUint16(at + 32, true);
    const before = mmu.cpl;
    const cpl = rplOf(selector);
    const code = cpl < before ? undefined : this.segment(selector);
    if (!code || !this.isReturnTarget(code, cpl)) return false;
    const isNull = isNullSelector(stackSelector);
    const stack = isNull ? undefined : this.segment(stackSelector);
    if (rplOf(stackSelector) !== cpl || (isNull && cpl === LEVEL_3)) return false;
    if (!isNull && !(stack && isWritableData(stack.rights) && dplOf(stack.rights) === cpl && isPresent(stack.rights)))
      return false;
    state.nmi.isBlocked = false;
    const mask = flagsLoadedByIret(64, before, this.ioPrivilege);
    segments.reload(SS, stackSelector, stack?.base ?? 0n, stack?.limit ?? 0, stack?.rights ?? 0);
    segments.reload(CS, selector, code.base, code.limit, code.rights);
    if (cpl !== before) {
      mmu.setCpl(cpl);
      segments.refresh();
    } else segments.updateStackMask();
    words[(GPR >> 2) + 2 * RSP] = ramView.getInt32(at + 24, true);
    words[(GPR >> 2) + 2 * RSP + 1] = ramView.getInt32(at + 28, true);
    words[RIP >> 2] = ramView.getInt32(at, true);
    words[(RIP >> 2) + 1] = ripHigh;
    words[RFLAGS >> 2] = (flagsBefore & ~mask) | (flags & mask & ~STATUS_FLAGS) | 2;
    words[FLAGS_KIND >> 2] = 0;
    words[FLAGS_OPERAND >> 2] = flags & STATUS_FLAGS;
    words[(FLAGS_OPERAND >> 2) + 1] = 0;
    if (cpl > before) segments.dropInnerSegments();
    return true;
  }

  private isReturnTarget({ rights }: KnownSegment, cpl: number): boolean {
    const isLong = (rights & (RIGHTS_LONG | RIGHTS_BIG)) === RIGHTS_LONG;
    return isCodeSegment(rights) && isPresent(rights) && isLong && allowsReturn(rights, cpl);
  }

  /** A segment of the GDT that is marked as accessed, and that can be read without effects. */
  private segment(selector: number): KnownSegment | undefined {
    const { base, limit } = this.system.state.gdt;
    const { table } = this;
    if (table.base !== base) {
      table.base = base;
      table.low = Number(BigInt.asIntN(32, base));
      table.high = Number(BigInt.asIntN(32, base >> 32n));
    }
    const offset = selector & ~7;
    if (selector & TABLE_INDICATOR || offset === 0 || offset + 7 > limit) return undefined;
    const low = table.low + offset;
    const { high } = table;
    const isPlain = low === (low | 0) && (low & 7) === 0 && isCanonicalHigh(high);
    const at = isPlain ? this.host.mmu.translate(high, low, ACCESS_READ | ACCESS_IMPLICIT) : -1;
    if (at < 0 || at + 8 > this.memory.size) return undefined;
    const lowWord = this.memory.ramView.getInt32(at, true);
    const highWord = this.memory.ramView.getInt32(at + 4, true);
    let known = this.known.get(selector);
    if (known?.low !== lowWord || known.high !== highWord) {
      const found = descriptorOf(0n, this.memory.ramView.getBigUint64(at, true));
      known = { base: found.base, limit: found.limit, rights: found.rights, low: lowWord, high: highWord };
      this.known.set(selector, known);
    }
    return known.rights & RIGHTS_ACCESSED ? known : undefined;
  }
}
