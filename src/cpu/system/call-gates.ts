import { isCanonical } from '../../bits.js';
import type { Mmu } from '../../mmu/mmu.js';
import type { CpuState } from '../state/cpu-state.js';
import { GuestException, Vector } from '../state/exceptions.js';
import { CS, RSP, SS } from '../state/layout.js';
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
  rplOf,
  systemTypeOf,
  type Descriptor,
} from './descriptor.js';
import type { InnerStacks } from './inner-stacks.js';
import { refuse, type Segments } from './segments.js';
import type { Stacks, WordBytes } from './stacks.js';

/** A call gate: where it leads, and how many words of the caller's stack are copied. SDM Vol. 3A figures 5-8 and 5-9. */
interface CallGate {
  readonly selector: number;
  readonly offset: bigint;
  readonly parameters: number;
  readonly wordBytes: WordBytes;
}

const MOST_PARAMETERS = 31n;

/** Far jumps and calls through call gates. SDM Vol. 3A 5.8.3 "Call Gates" to 5.8.5. */
export class CallGates {
  constructor(
    private readonly segments: Segments,
    private readonly registers: CpuState,
    private readonly mmu: Mmu,
    private readonly stacks: Stacks,
    private readonly innerStacks: InnerStacks,
  ) {}

  jump(selector: number, found: Descriptor): void {
    const gate = this.gateOf(selector, found);
    const code = this.targetOf(gate);
    if (!isConforming(code.rights) && dplOf(code.rights) !== this.mmu.cpl) refuse(Vector.GP, gate.selector);
    this.requireOffset(code, gate);
    this.segments.enterCode(gate.selector, code, this.mmu.cpl);
    this.registers.rip = gate.offset;
  }

  /** Calls an inner privilege level, on its stack, or the same one. The size of words is the gate's. */
  call(selector: number, found: Descriptor, next: bigint): void {
    const { segments, registers, mmu, stacks } = this;
    const gate = this.gateOf(selector, found);
    const code = this.targetOf(gate);
    const isInner = !isConforming(code.rights) && dplOf(code.rights) < mmu.cpl;
    const cpl = isInner ? dplOf(code.rights) : mmu.cpl;
    const inner = isInner ? this.innerStacks.of(cpl) : undefined;
    const before = stacks.current();
    const words = [next, BigInt(registers.selector(CS))];
    if (inner) {
      if (gate.parameters > 0) {
        const copied = stacks.popped(before, gate.wordBytes, gate.parameters);
        for (let word = 0; word < gate.parameters; word++) words.push(copied.load(word));
      }
      words.push(registers.gpr(RSP), BigInt(registers.selector(SS)));
    }
    this.requireOffset(code, gate);
    const frame = stacks.pushed(inner?.stack ?? before, gate.wordBytes, words.length, cpl === 3);
    segments.markAccessed(code);
    if (inner?.found) segments.markAccessed(inner.found);
    words.forEach((word, place) => frame.store(place, word));
    segments.enterCode(gate.selector, code, cpl);
    if (inner) this.innerStacks.enter(inner);
    registers.setGpr(RSP, frame.top);
    registers.rip = gate.offset;
  }

  /** Reads a gate that code at CPL, with the RPL of its selector, may use. */
  private gateOf(selector: number, { rights, raw, address }: Descriptor): CallGate {
    const { segments, mmu } = this;
    const isLong = segments.isLongMode;
    const type = systemTypeOf(rights);
    const isGate = type === SYSTEM_TYPE.callGate || (type === SYSTEM_TYPE.callGate - IS_32 && !isLong);
    if (!isGate || dplOf(rights) < Math.max(mmu.cpl, rplOf(selector))) return refuse(Vector.GP, selector);
    const high = isLong ? segments.upperHalf(selector, { address }) : 0n;
    if (!isPresent(rights)) refuse(Vector.NP, selector);
    const upper = type & IS_32 ? ((raw >> 32n) & 0xffff_0000n) | (high << 32n) : 0n;
    return {
      selector: Number((raw >> 16n) & 0xffffn),
      offset: (raw & 0xffffn) | upper,
      parameters: isLong ? 0 : Number((raw >> 32n) & MOST_PARAMETERS),
      wordBytes: isLong ? 8 : type & IS_32 ? 4 : 2,
    };
  }

  private targetOf({ selector }: CallGate): Descriptor {
    const { segments, mmu } = this;
    if (isNullSelector(selector)) throw new GuestException(Vector.GP);
    const code = segments.find(selector);
    const { rights } = code;
    if (!isCodeSegment(rights) || dplOf(rights) > mmu.cpl) refuse(Vector.GP, selector);
    const isLongCode = (rights & RIGHTS_LONG) !== 0 && !(rights & RIGHTS_BIG);
    if (segments.isLongMode && !isLongCode) refuse(Vector.GP, selector);
    if (!isPresent(rights)) refuse(Vector.NP, selector);
    return code;
  }

  private requireOffset({ limit }: Descriptor, { offset }: CallGate): void {
    const isValid = this.segments.isLongMode ? isCanonical(offset) : Number(offset) <= limit;
    if (!isValid) throw new GuestException(Vector.GP);
  }
}
