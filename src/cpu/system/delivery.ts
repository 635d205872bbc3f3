import { isCanonical } from '../../bits.js';
import type { Mmu } from '../../mmu/mmu.js';
import { AC, IF, NT, RF, TF, VM } from '../meaning/flags.js';
import type { CpuState } from '../state/cpu-state.js';
import { GuestException, Vector, hasErrorCode } from '../state/exceptions.js';
import { CS, DS, ES, FS, GS, RSP, SS } from '../state/layout.js';
import {
  IS_32,
  RIGHTS_BIG,
  RIGHTS_LONG,
  SYSTEM_TYPE,
  dplOf,
  isCodeSegment,
  isConforming,
  isNullSelector,
  isPresent,
  isSegment,
  systemTypeOf,
  type Descriptor,
} from './descriptor.js';
import type { InnerStack, InnerStacks } from './inner-stacks.js';
import { refuse, type Segments } from './segments.js';
import type { Stack, Stacks, WordBytes } from './stacks.js';
import type { SystemMemory } from './system-memory.js';
import type { Tasks } from './tasks.js';

/** Why a gate of the IDT is called. */
export type Cause = 'fault' | 'trap' | 'software' | 'external';

/** Bits of error codes. SDM Vol. 3A 6.13 "Error Code". */
const EXTERNAL = 1;
const IN_IDT = 2;

/** Bytes of an entry of the IDT, and of the interrupt vector table of real-address mode. */
const GATE_BYTES = { long: 16, legacy: 8, real: 4 } as const;

/** An entry of the IDT. SDM Vol. 3A figures 6-2 "IDT Gate Descriptors", 6-8 "64-Bit IDT Gate Descriptors". */
interface Gate {
  readonly type: number;
  readonly selector: number;
  readonly offset: bigint;
  /** In long mode, the number of the interrupt stack, 0 for none. */
  readonly stack: number;
  readonly masksInterrupts: boolean;
  readonly wordBytes: WordBytes;
}

/** What is pushed for a handler besides the address and RSP. */
interface Called {
  readonly cause: Cause;
  readonly errorCode: number | undefined;
  readonly next: bigint;
  /** RFLAGS as pushed. */
  readonly flags: bigint;
}

/** What the delivery works on. */
export interface DeliveryParts {
  readonly segments: Segments;
  readonly registers: CpuState;
  readonly mmu: Mmu;
  readonly memory: SystemMemory;
  readonly stacks: Stacks;
  readonly innerStacks: InnerStacks;
  readonly tasks: Tasks;
}

/** Calls handlers of interrupts and exceptions. SDM Vol. 3A 6.12 "Exception and Interrupt Handling", 6.14, 20.1.4, 20.3. */
export class Delivery {
  constructor(private readonly parts: DeliveryParts) {}

  /**
   * Delivers an exception that an instruction has raised. Returns false if nothing can be delivered any more: the processor
   * shuts down. SDM Vol. 3A table 6-5 "Conditions for Generating a Double Fault".
   */
  deliver(
    exception: GuestException,
    cause: 'fault' | 'trap' | 'external',
    noteFault: (fault: GuestException) => void,
  ): boolean {
    let current = exception;
    let how: Cause = cause;
    for (;;) {
      if (current.vector === Vector.PF) noteFault(current);
      try {
        this.call(current.vector, how, hasErrorCode(current.vector) ? current.errorCode : undefined);
        return true;
      } catch (error) {
        if (!(error instanceof GuestException)) throw error;
        if (current.vector === Vector.DF && how === 'fault') return false;
        const isSerial = how === 'external' || !isDouble(current.vector, error.vector);
        if (error.vector === Vector.PF && !isSerial) noteFault(error);
        current = isSerial ? error : new GuestException(Vector.DF);
        how = 'fault';
      }
    }
  }

  /** Calls the handler of a vector. Throws GuestException before it has changed anything. */
  call(vector: number, cause: Cause, errorCode?: number, next = this.parts.registers.rip): void {
    const { segments, tasks } = this.parts;
    if (segments.isReal) return this.callReal(vector, next);
    const gate = this.gateOf(vector, cause);
    if (gate.type === SYSTEM_TYPE.taskGate) {
      const external = cause === 'software' ? 0 : EXTERNAL;
      return tasks.interrupt(gate.selector, { next, errorCode, external, flags: this.savedFlags(cause, vector) });
    }
    this.callGate(gate, { cause, errorCode, next, flags: this.savedFlags(cause, vector) });
  }

  private callGate(gate: Gate, { cause, errorCode, next, flags }: Called): void {
    const { segments, registers, mmu, stacks, innerStacks } = this.parts;
    const external = cause === 'software' ? 0 : EXTERNAL;
    const code = this.targetOf(gate.selector, external);
    const cpl = isConforming(code.rights) ? mmu.cpl : dplOf(code.rights);
    const isInner = cpl < mmu.cpl;
    const { isVirtual } = segments;
    if (isVirtual && cpl !== 0) refuse(Vector.GP, gate.selector, external);
    this.requireOffset(code, gate.offset, external);
    const inner = isInner ? this.innerStack(gate, cpl, external) : undefined;
    const stack = inner?.stack ?? this.sameStack(gate, external);
    const words = [...(errorCode === undefined ? [] : [BigInt(errorCode)]), next, this.selector(CS)];
    words.push(flags);
    if (isInner || segments.isLongMode) words.push(registers.gpr(RSP), this.selector(SS));
    if (isVirtual) words.push(...[ES, DS, FS, GS].map((segment) => this.selector(segment)));
    const frame = stacks.pushed(stack, gate.wordBytes, words.length, cpl === 3);
    segments.markAccessed(code);
    if (inner?.found) segments.markAccessed(inner.found);
    words.forEach((word, place) => frame.store(place, word));
    registers.systemFlags &= ~BigInt(TF | NT | RF | VM | (gate.masksInterrupts ? IF : 0));
    segments.enterCode(gate.selector, code, cpl);
    if (inner) innerStacks.enter(inner);
    if (isVirtual) for (const segment of [ES, DS, FS, GS]) segments.clear(segment, 0);
    registers.setGpr(RSP, frame.top);
    registers.rip = gate.offset;
    segments.state.isHalted = false;
  }

  /** Calls the handler that the interrupt vector table names. SDM Vol. 3A 20.1.4 "Interrupt and Exception Handling". */
  private callReal(vector: number, next: bigint): void {
    const { segments, registers, memory, stacks } = this.parts;
    const { base, limit } = segments.state.idt;
    const at = vector * GATE_BYTES.real;
    if (at + GATE_BYTES.real - 1 > limit) throw new GuestException(Vector.GP, vector * 8 + IN_IDT);
    const pointer = memory.read(base + BigInt(at), GATE_BYTES.real);
    const frame = stacks.pushed(stacks.current(), 2, 3, false);
    [next, this.selector(CS), registers.rflags].forEach((word, place) => frame.store(place, word));
    registers.setGpr(RSP, frame.top);
    registers.systemFlags &= ~BigInt(IF | TF | RF | AC);
    segments.loadParagraph(CS, Number(pointer >> 16n));
    registers.rip = pointer & 0xffffn;
    segments.state.isHalted = false;
  }

  private selector(segment: number): bigint {
    return BigInt(this.parts.registers.selector(segment));
  }

  /** RFLAGS as pushed: RF is set for faults other than #DB, so that the instruction runs past its breakpoint. SDM Vol. 3A 17.3.1.1. */
  private savedFlags(cause: Cause, vector: number): bigint {
    return this.parts.registers.rflags | BigInt(cause === 'fault' && vector !== Vector.DB ? RF : 0);
  }

  private gateOf(vector: number, cause: Cause): Gate {
    const { segments, memory, mmu } = this.parts;
    const { base, limit } = segments.state.idt;
    const isLong = segments.isLongMode;
    const bytes = isLong ? GATE_BYTES.long : GATE_BYTES.legacy;
    const error = vector * 8 + IN_IDT + (cause === 'software' ? 0 : EXTERNAL);
    if (vector * bytes + bytes - 1 > limit) throw new GuestException(Vector.GP, error);
    const address = BigInt.asUintN(64, base + BigInt(vector * bytes));
    const low = memory.read(address, 8);
    const high = isLong ? memory.read(address + 8n, 8) : 0n;
    const rights = Number(low >> 32n) & 0xff00;
    const type = systemTypeOf(rights);
    if (isSegment(rights) || !isGateType(type, isLong)) throw new GuestException(Vector.GP, error);
    if (cause === 'software' && dplOf(rights) < mmu.cpl) throw new GuestException(Vector.GP, error);
    if (!isPresent(rights)) throw new GuestException(Vector.NP, error);
    const upper = type & IS_32 ? ((low >> 32n) & 0xffff_0000n) | ((high & 0xffff_ffffn) << 32n) : 0n;
    return {
      type,
      selector: Number((low >> 16n) & 0xffffn),
      offset: (low & 0xffffn) | upper,
      stack: isLong ? Number((low >> 32n) & 7n) : 0,
      masksInterrupts: (type | IS_32) === SYSTEM_TYPE.interruptGate,
      wordBytes: isLong ? 8 : type & IS_32 ? 4 : 2,
    };
  }

  /** The code segment of a handler, at this privilege level or an inner one: in long mode, 64-bit code. */
  private targetOf(selector: number, external: number): Descriptor {
    const { segments, mmu } = this.parts;
    if (isNullSelector(selector)) throw new GuestException(Vector.GP, external);
    const code = segments.find(selector, external);
    const { rights } = code;
    if (!isCodeSegment(rights) || dplOf(rights) > mmu.cpl) refuse(Vector.GP, selector, external);
    if (!isPresent(rights)) refuse(Vector.NP, selector, external);
    const isLongCode = (rights & RIGHTS_LONG) !== 0 && !(rights & RIGHTS_BIG);
    if (segments.isLongMode && !isLongCode) refuse(Vector.GP, selector, external);
    return code;
  }

  private requireOffset({ limit }: Descriptor, offset: bigint, external: number): void {
    const isValid = this.parts.segments.isLongMode ? isCanonical(offset) : Number(offset) <= limit;
    if (!isValid) throw new GuestException(Vector.GP, external);
  }

  /** The stack of a handler at an inner privilege level. */
  private innerStack({ stack: number }: Gate, cpl: number, external: number): InnerStack {
    const { innerStacks } = this.parts;
    if (number === 0) return aligned(innerStacks.of(cpl, external));
    return aligned({ ...innerStacks.interrupt(number, external), selector: cpl });
  }

  /** The stack of a handler at the same privilege level. */
  private sameStack({ stack: number }: Gate, external: number): Stack {
    const { segments, stacks, innerStacks } = this.parts;
    if (number > 0) return aligned({ stack: innerStacks.interrupt(number, external).stack }).stack;
    const stack = stacks.current(external);
    // Code of 32 bits, in long mode, goes on in 64-bit code: all of RSP counts, and SS has no base any more.
    if (!segments.isLongMode) return stack;
    return aligned({ stack: { ...stack, mask: 0xffff_ffff_ffff_ffffn, base: 0n, extent: undefined } }).stack;
  }
}

/** In long mode the frame is aligned to 16 bytes. SDM Vol. 3A 6.14.2 "64-Bit Mode Stack Frame". */
function aligned<T extends { readonly stack: Stack }>(inner: T): T {
  const { stack } = inner;
  if (stack.extent) return inner;
  return { ...inner, stack: { ...stack, pointer: stack.pointer & ~0xfn } };
}

/** Types of gates in an IDT; long mode has neither those of 16 bits nor task gates. */
function isGateType(type: number, isLong: boolean): boolean {
  const isLegacy = type === SYSTEM_TYPE.taskGate || isGateType16(type);
  return isGateType16(type - IS_32) || (isLegacy && !isLong);
}
function isGateType16(type: number): boolean {
  return type + IS_32 === SYSTEM_TYPE.interruptGate || type + IS_32 === SYSTEM_TYPE.trapGate;
}

/** Whether an exception that is raised while another one is delivered gives #DF. SDM Vol. 3A table 6-5. */
function isDouble(first: number, second: number): boolean {
  if (first === Vector.DF) return true;
  if (first === Vector.PF) return second === Vector.PF || isContributory(second);
  return isContributory(first) && isContributory(second);
}

function isContributory(vector: number): boolean {
  return vector === Vector.DE || (vector >= Vector.TS && vector <= Vector.GP);
}
