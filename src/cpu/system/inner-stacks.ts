import { MASK64, isCanonical } from '../../bits.js';
import { GuestException, Vector } from '../state/exceptions.js';
import { SS } from '../state/layout.js';
import { IS_32, errorOf, systemTypeOf, type Descriptor } from './descriptor.js';
import { refuse, type Segments } from './segments.js';
import type { Stack, Stacks } from './stacks.js';
import type { SystemMemory } from './system-memory.js';
import { TR } from './system-state.js';

/** Offsets in a 64-bit TSS. SDM Vol. 3A figure 7-11. */
const TSS_RSP0 = 4;
const TSS_IST1 = 36;
/** Offsets in a TSS of 32 bits, figure 7-2, and of 16 bits, figure 7-10: of the stack pointer of level 0, and of each further one. */
const TSS_32 = { first: 4, each: 8, pointerBytes: 4 } as const;
const TSS_16 = { first: 2, each: 4, pointerBytes: 2 } as const;

/** The stack of an inner privilege level, and how SS is loaded for it. */
export interface InnerStack {
  readonly stack: Stack;
  readonly selector: number;
  /** Undefined in long mode, where SS becomes null. */
  readonly found: Descriptor | undefined;
}

/** The stacks that the task-state segment names. SDM Vol. 3A 5.8.5 "Stack Switching", 6.14.4, 6.14.5. */
export class InnerStacks {
  constructor(
    private readonly segments: Segments,
    private readonly stacks: Stacks,
    private readonly memory: SystemMemory,
  ) {}

  /** The stack of privilege level `cpl`, to which SS has not been changed yet. Raises #TS and #SS. */
  of(cpl: number, external = 0): InnerStack {
    if (this.segments.isLongMode) return { ...this.long(TSS_RSP0 + 8 * cpl, external), selector: cpl };
    const is32 = (systemTypeOf(this.segments.state.rights[TR]!) & IS_32) !== 0;
    const { first, each, pointerBytes } = is32 ? TSS_32 : TSS_16;
    const at = first + each * cpl;
    const pointer = this.field(at, pointerBytes, pointerBytes + 2, external);
    const selector = Number(this.field(at + pointerBytes, 2, 2, external));
    const found = this.segments.requireStack(selector, cpl, Vector.TS, external);
    return { stack: this.stacks.of(found, pointer, errorOf(selector) | external), selector, found };
  }

  /** In long mode, an interrupt stack: 1 to 7. */
  interrupt(number: number, external: number): Pick<InnerStack, 'stack' | 'found'> {
    return this.long(TSS_IST1 + 8 * (number - 1), external);
  }

  /** Loads SS with an inner stack, after everything that can fault. */
  enter({ selector, found }: InnerStack): void {
    if (found) this.segments.enter(SS, selector, found);
    else this.segments.clear(SS, selector);
  }

  private long(offset: number, external: number): Pick<InnerStack, 'stack' | 'found'> {
    const pointer = this.field(offset, 8, 8, external);
    if (!isCanonical(pointer)) throw new GuestException(Vector.SS, external);
    return { stack: { pointer, mask: MASK64, base: 0n, extent: undefined, errorCode: external }, found: undefined };
  }

  /** A field of the TSS, of which `needed` bytes must lie within its limit. */
  private field(offset: number, bytes: number, needed: number, external: number): bigint {
    const { bases, limits, systemSelectors } = this.segments.state;
    if (offset + needed - 1 > limits[TR]!) refuse(Vector.TS, systemSelectors[1]!, external);
    return this.memory.read(BigInt.asUintN(64, bases[TR]! + BigInt(offset)), bytes);
  }
}
