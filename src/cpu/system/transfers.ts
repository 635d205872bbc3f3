import { isCanonical, truncate } from '../../bits.js';
import type { Mmu } from '../../mmu/mmu.js';
import { AC, DF, ID, IF, IOPL, NT, RF, STATUS_FLAGS, TF } from '../meaning/flags.js';
import type { CpuState } from '../state/cpu-state.js';
import { GuestException, Vector } from '../state/exceptions.js';
import { CS, RSP, SS } from '../state/layout.js';
import { UnsupportedError } from './unsupported.js';
import {
  RIGHTS_LONG,
  dplOf,
  isCodeSegment,
  isConforming,
  isNullSelector,
  isPresent,
  isSegment,
  rplOf,
  type Descriptor,
} from './descriptor.js';
import { refuse, type Segments } from './segments.js';
import type { SystemMemory } from './system-memory.js';

/** Words popped or pushed by an instruction whose operand size in bits is `width`. */
type Operand = 16 | 32 | 64;

/** Far jumps, calls and returns, and IRET. SDM Vol. 3A 5.8 "Privilege Level Checking When Transferring Program Control". */
export class Transfers {
  constructor(
    private readonly segments: Segments,
    private readonly registers: CpuState,
    private readonly mmu: Mmu,
    private readonly memory: SystemMemory,
  ) {}

  jump(selector: number, offset: bigint): void {
    const found = this.directTarget(selector, offset);
    this.segments.enterCode(selector, found, this.mmu.cpl);
    this.registers.rip = this.offsetIn(found, offset);
  }

  call(selector: number, offset: bigint, next: bigint, width: Operand): void {
    const found = this.directTarget(selector, offset);
    const bytes = width / 8;
    const top = this.moved(-2 * bytes);
    const frame = this.memory.stackFrame(this.stackAddress(top), 2 * bytes, this.mmu.cpl === 3);
    this.segments.markAccessed(found);
    frame.store(0, bytes, truncate(width, next));
    frame.store(bytes, bytes, BigInt(this.registers.selector(CS)));
    this.registers.setGpr(RSP, top);
    this.segments.enterCode(selector, found, this.mmu.cpl);
    this.registers.rip = this.offsetIn(found, offset);
  }

  /** RETF, RETF n. SDM Vol. 2B "RET". */
  returnFar(releasedBytes: number, width: Operand): void {
    const { segments, registers } = this;
    const [offset, cs] = this.words(width, 2);
    const selector = Number(truncate(16, cs!));
    const code = this.returnTarget(selector, offset!);
    const cpl = rplOf(selector);
    const isOuter = cpl > this.mmu.cpl;
    const top = this.moved((2 * width) / 8 + releasedBytes);
    if (isOuter) {
      const [rsp, ss] = this.wordsAt(top, width, 2);
      this.enterStack(selector, code, Number(truncate(16, ss!)), rsp! + BigInt(releasedBytes));
      segments.dropInnerSegments();
    } else {
      segments.enterCode(selector, code, cpl);
      registers.setGpr(RSP, top);
    }
    registers.rip = this.offsetIn(code, offset!);
  }

  /** IRET in protected mode and long mode. SDM Vol. 2A "IRET/IRETD/IRETQ". */
  returnFromInterrupt(width: Operand): void {
    const { registers, segments, mmu } = this;
    if (registers.systemFlags & BigInt(NT)) {
      if (segments.isLongMode) throw new GuestException(Vector.GP);
      throw new UnsupportedError('IRET to another task');
    }
    const [offset, cs, flags] = this.words(width, 3);
    const selector = Number(truncate(16, cs!));
    const before = mmu.cpl;
    const code = this.returnTarget(selector, offset!);
    const cpl = rplOf(selector);
    const popsStack = segments.codeSize === 64 || cpl > before;
    const after = this.flagsAfter(flags!, width, before);
    if (popsStack) {
      const [rsp, ss] = this.words(width, 2, 3);
      this.enterStack(selector, code, Number(truncate(16, ss!)), rsp!);
    } else {
      const top = this.moved((3 * width) / 8);
      segments.enterCode(selector, code, cpl);
      registers.setGpr(RSP, top);
    }
    registers.rip = this.offsetIn(code, offset!);
    registers.rflags = after;
    if (cpl > before) segments.dropInnerSegments();
  }

  /** RFLAGS after an IRET that pops `flags`: IOPL only at CPL 0, IF only if CPL <= IOPL. */
  private flagsAfter(flags: bigint, width: Operand, cpl: number): bigint {
    const before = this.registers.rflags;
    const ioPrivilege = Number((before & BigInt(IOPL)) >> 12n);
    let mask = STATUS_FLAGS | TF | DF | NT | (width === 16 ? 0 : RF | AC | ID);
    if (cpl === 0) mask |= IOPL;
    if (cpl <= ioPrivilege) mask |= IF;
    return (before & ~BigInt(mask)) | (flags & BigInt(mask));
  }

  private enterStack(selector: number, code: Descriptor, ss: number, rsp: bigint): void {
    const cpl = rplOf(selector);
    const isLong = this.isLong(code);
    const stack = this.segments.checkStack(ss, cpl, isLong);
    this.segments.markAccessed(code);
    if (stack) this.segments.markAccessed(stack);
    this.segments.enterCode(selector, code, cpl);
    if (stack) this.segments.enter(SS, ss, stack);
    else this.segments.clear(SS, ss);
    this.registers.setGpr(RSP, isLong ? rsp : truncate(32, rsp));
  }

  /** The code segment that a far jump or call goes to directly. */
  private directTarget(selector: number, offset: bigint): Descriptor {
    if (isNullSelector(selector)) throw new GuestException(Vector.GP);
    const found = this.segments.find(selector);
    if (!isSegment(found.rights)) throw new UnsupportedError('a far transfer through a gate or to a task');
    this.segments.checkDirectCode(selector, found);
    this.requireOffset(found, offset);
    return found;
  }

  /** The code segment that RETF or IRET goes to: at the same privilege level or an outer one. */
  private returnTarget(selector: number, offset: bigint): Descriptor {
    if (isNullSelector(selector)) throw new GuestException(Vector.GP);
    const rpl = rplOf(selector);
    if (rpl < this.mmu.cpl) refuse(Vector.GP, selector);
    const found = this.segments.find(selector);
    const { rights } = found;
    if (!isCodeSegment(rights)) refuse(Vector.GP, selector);
    if (isConforming(rights) ? dplOf(rights) > rpl : dplOf(rights) !== rpl) refuse(Vector.GP, selector);
    if (!isPresent(rights)) refuse(Vector.NP, selector);
    this.segments.checkCodeSize(selector, rights);
    this.requireOffset(found, offset);
    return found;
  }

  private isLong({ rights }: Descriptor): boolean {
    return this.segments.isLongMode && (rights & RIGHTS_LONG) !== 0;
  }

  /** #GP(0) for an offset that is not canonical, or beyond the limit of a segment that has one. */
  private requireOffset(code: Descriptor, offset: bigint): void {
    const isValid = this.isLong(code) ? isCanonical(offset) : Number(truncate(32, offset)) <= code.limit;
    if (!isValid) throw new GuestException(Vector.GP);
  }

  private offsetIn(code: Descriptor, offset: bigint): bigint {
    return this.isLong(code) ? offset : truncate(32, offset);
  }

  /** Words at the top of the stack, from the `first` on. */
  private words(width: Operand, count: number, first = 0): bigint[] {
    return this.wordsAt(this.moved((first * width) / 8), width, count);
  }

  private wordsAt(pointer: bigint, width: Operand, count: number): bigint[] {
    const bytes = width / 8;
    const place = this.memory.popped(this.stackAddress(pointer), count * bytes);
    return Array.from({ length: count }, (_, word) => place.load(word * bytes, bytes));
  }

  /** RSP or the part of it that addresses the stack, moved by a distance. */
  private moved(bytes: number): bigint {
    const { registers } = this;
    const pointer = registers.gpr(RSP);
    if (this.segments.codeSize === 64) return truncate(64, pointer + BigInt(bytes));
    const mask = BigInt(registers.stackMask);
    return (pointer & ~mask & 0xffff_ffffn) | ((pointer + BigInt(bytes)) & mask);
  }

  private stackAddress(pointer: bigint): bigint {
    const { registers } = this;
    if (this.segments.codeSize === 64) return pointer;
    return truncate(32, registers.segmentBase(SS) + (pointer & BigInt(registers.stackMask)));
  }
}
