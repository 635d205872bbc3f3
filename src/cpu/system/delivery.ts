import { isCanonical, truncate } from '../../bits.js';
import type { Mmu } from '../../mmu/mmu.js';
import { IF, NT, RF, TF } from '../meaning/flags.js';
import type { CpuState } from '../state/cpu-state.js';
import { GuestException, Vector, hasErrorCode } from '../state/exceptions.js';
import { CS, RSP, SS } from '../state/layout.js';
import {
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
import { refuse, type Segments } from './segments.js';
import type { SystemMemory } from './system-memory.js';
import { TR } from './system-state.js';
import { UnsupportedError } from './unsupported.js';

/** Why a gate of the IDT is called. */
export type Cause = 'fault' | 'trap' | 'software' | 'external';

/** Bits of error codes. SDM Vol. 3A 6.13 "Error Code". */
const EXTERNAL = 1;
const IN_IDT = 2;

const GATE_BYTES = 16;
/** Offsets in a 64-bit TSS. SDM Vol. 3A figure 7-11. */
const TSS_RSP0 = 4;
const TSS_IST1 = 36;

/** An entry of the IDT. SDM Vol. 3A figure 6-8 "64-Bit IDT Gate Descriptors". */
interface Gate {
  readonly selector: number;
  readonly offset: bigint;
  /** Number of the interrupt stack, 0 for none. */
  readonly stack: number;
  readonly masksInterrupts: boolean;
}

/** Calls handlers through the IDT in long mode. SDM Vol. 3A 6.12 "Exception and Interrupt Handling", 6.14. */
export class Delivery {
  constructor(
    private readonly segments: Segments,
    private readonly registers: CpuState,
    private readonly mmu: Mmu,
    private readonly memory: SystemMemory,
  ) {}

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
  call(vector: number, cause: Cause, errorCode?: number, next = this.registers.rip): void {
    const { segments, registers, mmu } = this;
    if (!segments.isLongMode) throw new UnsupportedError(`vector ${vector}, to be delivered outside long mode`);
    const external = cause === 'software' ? 0 : EXTERNAL;
    const gate = this.gateOf(vector, cause);
    const code = this.targetOf(gate.selector, external);
    const cpl = isConforming(code.rights) ? mmu.cpl : dplOf(code.rights);
    const changesLevel = cpl < mmu.cpl;
    if (!isCanonical(gate.offset)) throw new GuestException(Vector.GP, external);
    const stack = this.stackOf(gate, changesLevel ? cpl : undefined, external);
    const words = [...(errorCode === undefined ? [] : [BigInt(errorCode)]), next, this.selector(CS)];
    words.push(this.savedFlags(cause), registers.gpr(RSP), this.selector(SS));
    const top = truncate(64, (stack & ~0xfn) - BigInt(8 * words.length));
    const frame = this.memory.stackFrame(top, 8 * words.length, cpl === 3);
    segments.markAccessed(code);
    words.forEach((word, place) => frame.store(8 * place, 8, word));
    segments.enterCode(gate.selector, code, cpl);
    if (changesLevel) segments.clear(SS, cpl);
    registers.setGpr(RSP, top);
    registers.rip = gate.offset;
    registers.systemFlags &= ~BigInt(TF | NT | RF | (gate.masksInterrupts ? IF : 0));
    segments.state.isHalted = false;
  }

  private selector(segment: number): bigint {
    return BigInt(this.registers.selector(segment));
  }

  /** RFLAGS as pushed: RF is set for faults, so that the instruction runs past its breakpoint. SDM Vol. 3A 17.3.1.1. */
  private savedFlags(cause: Cause): bigint {
    return this.registers.rflags | BigInt(cause === 'fault' ? RF : 0);
  }

  private gateOf(vector: number, cause: Cause): Gate {
    const { base, limit } = this.segments.state.idt;
    const error = vector * 8 + IN_IDT + (cause === 'software' ? 0 : EXTERNAL);
    if (vector * GATE_BYTES + GATE_BYTES - 1 > limit) throw new GuestException(Vector.GP, error);
    const address = BigInt.asUintN(64, base + BigInt(vector * GATE_BYTES));
    const low = this.memory.read(address, 8);
    const high = this.memory.read(address + 8n, 8);
    const rights = Number(low >> 32n) & 0xff00;
    const type = systemTypeOf(rights);
    const isGate = type === SYSTEM_TYPE.interruptGate || type === SYSTEM_TYPE.trapGate;
    if (isSegment(rights) || !isGate) throw new GuestException(Vector.GP, error);
    if (cause === 'software' && dplOf(rights) < this.mmu.cpl) throw new GuestException(Vector.GP, error);
    if (!isPresent(rights)) throw new GuestException(Vector.NP, error);
    const offset = (low & 0xffffn) | ((low >> 32n) & 0xffff_0000n) | ((high & 0xffff_ffffn) << 32n);
    const selector = Number((low >> 16n) & 0xffffn);
    return { selector, offset, stack: Number((low >> 32n) & 7n), masksInterrupts: type === SYSTEM_TYPE.interruptGate };
  }

  /** The code segment of a handler: 64-bit code, at this privilege level or an inner one. */
  private targetOf(selector: number, external: number): Descriptor {
    if (isNullSelector(selector)) throw new GuestException(Vector.GP, external);
    const code = this.segments.find(selector, external);
    const { rights } = code;
    if (!isCodeSegment(rights) || dplOf(rights) > this.mmu.cpl) refuse(Vector.GP, selector, external);
    if (!isPresent(rights)) refuse(Vector.NP, selector, external);
    if (!(rights & RIGHTS_LONG) || rights & RIGHTS_BIG) refuse(Vector.GP, selector, external);
    return code;
  }

  /** Where the handler's stack begins: of the gate's number, of an inner privilege level, or the current one. */
  private stackOf({ stack }: Gate, inner: number | undefined, external: number): bigint {
    if (stack === 0 && inner === undefined) return this.registers.gpr(RSP);
    const { bases, limits, systemSelectors } = this.segments.state;
    const offset = stack > 0 ? TSS_IST1 + 8 * (stack - 1) : TSS_RSP0 + 8 * inner!;
    if (offset + 7 > limits[TR]!) refuse(Vector.TS, systemSelectors[1]!, external);
    const pointer = this.memory.read(BigInt.asUintN(64, bases[TR]! + BigInt(offset)), 8);
    if (!isCanonical(pointer)) throw new GuestException(Vector.SS, external);
    return pointer;
  }
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
