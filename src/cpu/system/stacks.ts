import { isCanonical, truncate, MASK64 } from '../../bits.js';
import { ACCESS_IMPLICIT, ACCESS_READ, ACCESS_WRITE } from '../../mmu/walk.js';
import type { LinearPlace } from '../access/linear-memory.js';
import { GuestException, Vector } from '../state/exceptions.js';
import { RSP, SS } from '../state/layout.js';
import type { CpuState } from '../state/cpu-state.js';
import { RIGHTS_BIG, isWithin, type Descriptor, type SegmentExtent } from './descriptor.js';
import type { Segments } from './segments.js';
import type { SystemMemory } from './system-memory.js';

/** Bytes in a word that is pushed or popped. */
export type WordBytes = 2 | 4 | 8;

/** A stack, as it is or as it will be after a change of the privilege level. */
export interface Stack {
  readonly pointer: bigint;
  /** The bits of the pointer that address the stack. */
  readonly mask: bigint;
  readonly base: bigint;
  /** Undefined in 64-bit code, where a stack has no limit. */
  readonly extent: SegmentExtent | undefined;
  /** The error code of #SS where words do not fit. */
  readonly errorCode: number;
}

/** Words on a stack that have been translated; number 0 is at the lowest address. */
export interface StackWords {
  /** The stack pointer at the first of them. */
  readonly top: bigint;
  load(word: number): bigint;
  store(word: number, value: bigint): void;
}

/** How words of a stack are accessed. */
interface StackAccess {
  readonly bytes: WordBytes;
  readonly count: number;
  /** Bytes from the stack pointer to the first word. */
  readonly distance: number;
  readonly access: number;
}

/** The stacks of far transfers, interrupts and exceptions. SDM Vol. 1 6.2, Vol. 3A 5.8.5 "Stack Switching". */
export class Stacks {
  constructor(
    private readonly segments: Segments,
    private readonly registers: CpuState,
    private readonly memory: SystemMemory,
  ) {}

  /** The stack that SS and RSP point to. `external` is the EXT bit of error codes. */
  current(external = 0): Stack {
    const { registers, segments } = this;
    const pointer = registers.gpr(RSP);
    if (segments.codeSize === 64) return { pointer, mask: MASK64, base: 0n, extent: undefined, errorCode: external };
    const { limits, rights } = segments.state;
    return {
      ...{ pointer, mask: BigInt(registers.stackMask), base: registers.segmentBase(SS), errorCode: external },
      extent: { limit: limits[SS]!, rights: rights[SS]! },
    };
  }

  /** The stack of a segment that is yet to be loaded. */
  of(found: Descriptor, pointer: bigint, errorCode: number): Stack {
    const mask = found.rights & RIGHTS_BIG ? 0xffff_ffffn : 0xffffn;
    return { pointer, mask, base: found.base, extent: found, errorCode };
  }

  /** Space for words that are pushed by code that will run at CPL 3, if `isUser`, or by the processor for an inner level. */
  pushed(stack: Stack, bytes: WordBytes, count: number, isUser: boolean): StackWords {
    const access = isUser ? ACCESS_WRITE : ACCESS_WRITE | ACCESS_IMPLICIT;
    return this.words(stack, { bytes, count, distance: -bytes * count, access });
  }

  /** Words that are popped at the current CPL, from a distance in bytes on. */
  popped(stack: Stack, bytes: WordBytes, count: number, distance = 0): StackWords {
    return this.words(stack, { bytes, count, distance, access: ACCESS_READ });
  }

  /** The stack pointer, moved by a distance in bytes: only the bits that address the stack change. */
  moved({ pointer, mask }: Stack, distance: number): bigint {
    const kept = mask === MASK64 ? 0n : pointer & ~mask & 0xffff_ffffn;
    return kept | ((pointer + BigInt(distance)) & mask);
  }

  private words(stack: Stack, { bytes, count, distance, access }: StackAccess): StackWords {
    const top = this.moved(stack, distance);
    const offset = top & stack.mask;
    const isWhole = offset + BigInt(bytes * count - 1) <= stack.mask;
    const places = isWhole
      ? [this.place(stack, offset, bytes * count, access)]
      : Array.from({ length: count }, (_, word) =>
          this.place(stack, (offset + BigInt(word * bytes)) & stack.mask, bytes, access),
        );
    const at = (word: number): [LinearPlace, number] => (isWhole ? [places[0]!, word * bytes] : [places[word]!, 0]);
    return {
      top,
      load: (word) => {
        const [place, start] = at(word);
        return place.load(start, bytes);
      },
      store: (word, value) => {
        const [place, start] = at(word);
        place.store(start, bytes, truncate(8 * bytes, value));
      },
    };
  }

  private place({ base, extent, errorCode }: Stack, offset: bigint, bytes: number, access: number): LinearPlace {
    const isReachable = extent
      ? isWithin(extent, Number(offset), bytes)
      : isCanonical(offset) && isCanonical(offset + BigInt(bytes - 1));
    if (!isReachable) throw new GuestException(Vector.SS, errorCode);
    return this.memory.at(extent ? truncate(32, base + offset) : offset, bytes, access);
  }
}
