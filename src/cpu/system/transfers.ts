import { isCanonical, truncate } from '../../bits.js';
import type { Mmu } from '../../mmu/mmu.js';
import { AC, DF, ID, IF, IOPL, NT, RF, STATUS_FLAGS, TF, VM } from '../meaning/flags.js';
import type { CpuState } from '../state/cpu-state.js';
import { GuestException, Vector } from '../state/exceptions.js';
import { CS, DS, ES, FS, GS, RSP, SS } from '../state/layout.js';
import type { CallGates } from './call-gates.js';
import {
  RIGHTS_LONG,
  SYSTEM_TYPE,
  allowsReturn,
  isCodeSegment,
  isNullSelector,
  isPresent,
  isSegment,
  rplOf,
  systemTypeOf,
  type Descriptor,
} from './descriptor.js';
import { refuse, type Segments } from './segments.js';
import type { Stacks, WordBytes } from './stacks.js';
import type { Tasks } from './tasks.js';

/** Words popped or pushed by an instruction whose operand size in bits is `width`. */
type Operand = 16 | 32 | 64;

/** What far transfers work on. */
export interface TransferParts {
  readonly segments: Segments;
  readonly registers: CpuState;
  readonly mmu: Mmu;
  readonly stacks: Stacks;
  readonly callGates: CallGates;
  readonly tasks: Tasks;
}

/** The flags that IRET loads: IOPL only at CPL 0, IF only if CPL <= IOPL. SDM Vol. 2A "IRET/IRETD/IRETQ". */
export function flagsLoadedByIret(width: Operand, cpl: number, ioPrivilege: number): number {
  let mask = STATUS_FLAGS | TF | DF | NT | (width === 16 ? 0 : RF | AC | ID);
  if (cpl === 0) mask |= IOPL;
  if (cpl <= ioPrivilege) mask |= IF;
  return mask;
}

/** Far jumps, calls and returns, and IRET. SDM Vol. 3A 5.8 "Privilege Level Checking When Transferring Program Control". */
export class Transfers {
  constructor(private readonly parts: TransferParts) {}

  jump(selector: number, offset: bigint, next: bigint): void {
    const { segments, registers, mmu, callGates, tasks } = this.parts;
    if (!segments.usesTables) return this.enterParagraph(selector, offset);
    const found = this.target(selector);
    if (isTask(found)) return tasks.jump(selector, found, next);
    if (!isSegment(found.rights)) return callGates.jump(selector, found);
    segments.checkDirectCode(selector, found);
    this.requireOffset(found, offset);
    segments.enterCode(selector, found, mmu.cpl);
    registers.rip = this.offsetIn(found, offset);
  }

  call(selector: number, offset: bigint, next: bigint, width: Operand): void {
    const { segments, registers, mmu, stacks, callGates, tasks } = this.parts;
    const found = segments.usesTables ? this.target(selector) : undefined;
    if (found && isTask(found)) return tasks.call(selector, found, next);
    if (found && !isSegment(found.rights)) return callGates.call(selector, found, next);
    if (found) {
      segments.checkDirectCode(selector, found);
      this.requireOffset(found, offset);
    } else this.requireParagraphOffset(offset);
    const frame = stacks.pushed(stacks.current(), bytesOf(width), 2, mmu.cpl === 3);
    if (found) segments.markAccessed(found);
    frame.store(0, next);
    frame.store(1, BigInt(registers.selector(CS)));
    registers.setGpr(RSP, frame.top);
    if (!found) return this.enterParagraph(selector, offset);
    segments.enterCode(selector, found, mmu.cpl);
    registers.rip = this.offsetIn(found, offset);
  }

  /** RETF, RETF n. SDM Vol. 2B "RET". */
  returnFar(releasedBytes: number, width: Operand): void {
    const { segments, registers, mmu, stacks } = this.parts;
    const stack = stacks.current();
    const bytes = bytesOf(width);
    const words = stacks.popped(stack, bytes, 2);
    const offset = words.load(0);
    const selector = Number(truncate(16, words.load(1)));
    const top = stacks.moved(stack, 2 * bytes + releasedBytes);
    if (!segments.usesTables) {
      this.enterParagraph(selector, offset);
      return registers.setGpr(RSP, top);
    }
    const code = this.returnTarget(selector, offset);
    const cpl = rplOf(selector);
    if (cpl > mmu.cpl) {
      const outer = stacks.popped({ ...stack, pointer: top }, bytes, 2);
      this.enterStack(selector, code, Number(truncate(16, outer.load(1))), outer.load(0));
      registers.setGpr(RSP, stacks.moved(stacks.current(), releasedBytes));
      segments.dropInnerSegments();
    } else {
      segments.enterCode(selector, code, cpl);
      registers.setGpr(RSP, top);
    }
    registers.rip = this.offsetIn(code, offset);
  }

  /** IRET. SDM Vol. 2A "IRET/IRETD/IRETQ". */
  returnFromInterrupt(width: Operand, next: bigint): void {
    const { registers, segments, mmu, stacks, tasks } = this.parts;
    segments.state.nmi.isBlocked = false;
    if (!segments.usesTables) return this.returnToParagraph(width);
    if (registers.systemFlags & BigInt(NT)) {
      if (segments.isLongMode) throw new GuestException(Vector.GP);
      return tasks.returnToCaller(next);
    }
    const stack = stacks.current();
    const bytes = bytesOf(width);
    const words = stacks.popped(stack, bytes, 3);
    const flags = words.load(2);
    const before = mmu.cpl;
    if (flags & BigInt(VM) && width === 32 && before === 0 && !segments.isLongMode) return this.returnToVirtual();
    const offset = words.load(0);
    const selector = Number(truncate(16, words.load(1)));
    const code = this.returnTarget(selector, offset);
    const cpl = rplOf(selector);
    const after = this.flagsAfter(flags, width, before);
    if (segments.codeSize === 64 || cpl > before) {
      const outer = stacks.popped(stack, bytes, 2, 3 * bytes);
      this.enterStack(selector, code, Number(truncate(16, outer.load(1))), outer.load(0));
    } else {
      segments.enterCode(selector, code, cpl);
      registers.setGpr(RSP, stacks.moved(stack, 3 * bytes));
    }
    registers.rip = this.offsetIn(code, offset);
    registers.rflags = after;
    if (cpl > before) segments.dropInnerSegments();
  }

  /** IRET in real-address and virtual-8086 mode. */
  private returnToParagraph(width: Operand): void {
    const { registers, mmu, stacks } = this.parts;
    const stack = stacks.current();
    const words = stacks.popped(stack, bytesOf(width), 3);
    const after = this.flagsAfter(words.load(2), width, mmu.cpl);
    this.enterParagraph(Number(truncate(16, words.load(1))), words.load(0));
    registers.setGpr(RSP, stacks.moved(stack, (3 * width) / 8));
    registers.rflags = after;
  }

  /** IRETD at CPL 0 to virtual-8086 mode: pops all segment registers. SDM Vol. 3A 20.2.5 "Entering Virtual-8086 Mode". */
  private returnToVirtual(): void {
    const { registers, mmu, segments, stacks } = this.parts;
    const words = stacks.popped(stacks.current(), 4, 9);
    const [eip, cs, flags, esp, ss, es, ds, fs, gs] = Array.from({ length: 9 }, (_, word) => words.load(word));
    if (eip! > 0xffffn) throw new GuestException(Vector.GP);
    registers.rflags = this.flagsAfter(flags!, 32, 0) | BigInt(VM);
    mmu.setCpl(3);
    const selectors: readonly (readonly [number, bigint])[] = [
      [CS, cs!],
      [SS, ss!],
      [ES, es!],
      [DS, ds!],
      [FS, fs!],
      [GS, gs!],
    ];
    for (const [segment, selector] of selectors) segments.loadParagraph(segment, Number(truncate(16, selector)));
    registers.setGpr(RSP, esp!);
    registers.rip = eip!;
  }

  /** RFLAGS after an IRET that pops `flags`. */
  private flagsAfter(flags: bigint, width: Operand, cpl: number): bigint {
    const before = this.parts.registers.rflags;
    const mask = BigInt(flagsLoadedByIret(width, cpl, Number((before & BigInt(IOPL)) >> 12n)));
    return (before & ~mask) | (flags & mask);
  }

  private enterStack(selector: number, code: Descriptor, ss: number, rsp: bigint): void {
    const { segments, registers, stacks } = this.parts;
    const cpl = rplOf(selector);
    const isLong = this.isLong(code);
    const stack = segments.checkStack(ss, cpl, isLong);
    segments.markAccessed(code);
    if (stack) segments.markAccessed(stack);
    segments.enterCode(selector, code, cpl);
    if (stack) segments.enter(SS, ss, stack);
    else segments.clear(SS, ss);
    const { pointer, mask } = stacks.current();
    if (isLong) registers.setGpr(RSP, rsp);
    else registers.setGpr(RSP, truncate(32, (pointer & ~mask) | (rsp & mask)));
  }

  /** The descriptor that a far jump or call names. */
  private target(selector: number): Descriptor {
    if (isNullSelector(selector)) throw new GuestException(Vector.GP);
    return this.parts.segments.find(selector);
  }

  /** The code segment that RETF or IRET goes to: at the same privilege level or an outer one. */
  private returnTarget(selector: number, offset: bigint): Descriptor {
    const { segments, mmu } = this.parts;
    if (isNullSelector(selector)) throw new GuestException(Vector.GP);
    const rpl = rplOf(selector);
    if (rpl < mmu.cpl) refuse(Vector.GP, selector);
    const found = segments.find(selector);
    const { rights } = found;
    if (!isCodeSegment(rights)) refuse(Vector.GP, selector);
    if (!allowsReturn(rights, rpl)) refuse(Vector.GP, selector);
    if (!isPresent(rights)) refuse(Vector.NP, selector);
    segments.checkCodeSize(selector, rights);
    this.requireOffset(found, offset);
    return found;
  }

  private isLong({ rights }: Descriptor): boolean {
    return this.parts.segments.isLongMode && (rights & RIGHTS_LONG) !== 0;
  }

  /** #GP(0) for an offset that is not canonical, or beyond the limit of a segment that has one. */
  private requireOffset(code: Descriptor, offset: bigint): void {
    const isValid = this.isLong(code) ? isCanonical(offset) : Number(truncate(32, offset)) <= code.limit;
    if (!isValid) throw new GuestException(Vector.GP);
  }

  private offsetIn(code: Descriptor, offset: bigint): bigint {
    return this.isLong(code) ? offset : truncate(32, offset);
  }

  /** Goes to code in real-address or virtual-8086 mode. */
  private enterParagraph(selector: number, offset: bigint): void {
    this.requireParagraphOffset(offset);
    this.parts.segments.loadParagraph(CS, selector);
    this.parts.registers.rip = offset;
  }

  private requireParagraphOffset(offset: bigint): void {
    if (Number(offset) > this.parts.segments.state.limits[CS]!) throw new GuestException(Vector.GP);
  }
}

const bytesOf = (width: Operand): WordBytes => (width / 8) as WordBytes;

/** Whether a descriptor is a TSS or a task gate, so that a far transfer to it switches tasks. */
function isTask({ rights }: Descriptor): boolean {
  if (isSegment(rights)) return false;
  const type = systemTypeOf(rights);
  return type === SYSTEM_TYPE.taskGate || (type & 5) === 1;
}
