import { PAGE_SIZE, isCanonical } from '../../bits.js';
import { WATCH_CODE, type GuestMemory } from '../../memory.js';
import type { Mmu } from '../../mmu/mmu.js';
import { ACCESS_FETCH } from '../../mmu/walk.js';
import { LONGEST_INSTRUCTION, type Decoder } from './decoder.js';
import { GuestException, Vector, pageFault } from '../state/exceptions.js';
import type { DecodeFailure, Instruction } from './instruction.js';

/**
 * Fetches and decodes instructions by linear address, and remembers what was decoded by physical address, where stores
 * are watched. An instruction that crosses into another page is decoded anew each time.
 */
export class InstructionFetcher {
  /** By frame, then by offset in it. */
  private readonly decoded = new Map<number, Map<number, Instruction>>();
  private readonly bytes = new Uint8Array(2 * LONGEST_INSTRUCTION);

  constructor(
    private readonly memory: GuestMemory,
    private readonly mmu: Mmu,
    readonly decoder: Decoder,
  ) {}

  /** The instruction at `rip`; throws #GP, #PF or #UD as the fetch does, with A bits set. */
  fetch(rip: bigint): Instruction {
    const physical = this.translate(rip);
    const frame = Math.floor(physical / PAGE_SIZE);
    const offset = physical % PAGE_SIZE;
    let ofFrame = this.decoded.get(frame);
    const found = ofFrame?.get(offset);
    if (found) return found;
    const result = this.decodeInPage(physical);
    if (result === 'end') return this.fetchCrossing(rip).instruction;
    const instruction = orRaise(result);
    if (!ofFrame) this.decoded.set(frame, (ofFrame = new Map<number, Instruction>()));
    ofFrame.set(offset, instruction);
    this.mmu.watch(frame, WATCH_CODE);
    return instruction;
  }

  /** Physical address of the byte at `rip`, by a fetch that sets A bits; throws #GP or #PF. */
  translate(rip: bigint): number {
    if (!isCanonical(rip)) throw new GuestException(Vector.GP);
    const low = Number(BigInt.asIntN(32, rip));
    const physical = this.mmu.translate(Number(BigInt.asIntN(32, rip >> 32n)), low, ACCESS_FETCH);
    if (physical < 0) throw pageFault(this.mmu.fault);
    return physical;
  }

  /** Decodes at a physical address, no further than the end of its page. */
  decodeInPage(physical: number): Instruction | DecodeFailure {
    const end = physical - (physical % PAGE_SIZE) + PAGE_SIZE;
    if (end > this.memory.size) return 'UD';
    return this.decoder.decode(this.memory.ram, physical, Math.min(end, physical + LONGEST_INSTRUCTION + 1));
  }

  /** Decodes what begins at one physical address, less than an instruction's length before its page ends, and goes on at another. */
  decodeAcross(first: number, second: number): Instruction | DecodeFailure {
    const inFirst = PAGE_SIZE - (first % PAGE_SIZE);
    this.bytes.set(this.memory.ram.subarray(first, first + inFirst));
    const inSecond = LONGEST_INSTRUCTION + 1 - inFirst;
    for (let i = 0; i < inSecond; i++) this.bytes[inFirst + i] = this.memory.ram[second + i] ?? 0xff;
    return this.decoder.decode(this.bytes, 0, LONGEST_INSTRUCTION + 1);
  }

  /**
   * Physical address of the linear page at `page` if it has been fetched from and nothing has changed since; else -1. Sets
   * no A bit.
   */
  fetchedPage(page: bigint): number {
    const low = Number(BigInt.asIntN(32, page));
    return this.mmu.fetched(Number(BigInt.asIntN(32, page >> 32n)), low);
  }

  /** Whether anything decoded from a frame is remembered. */
  holds(frame: number): boolean {
    return this.decoded.has(frame);
  }

  /** Forgets what was decoded from a frame. */
  forget(frame: number): void {
    this.decoded.delete(frame);
  }

  /** Forgets all that was decoded. */
  forgetAll(): void {
    this.decoded.clear();
  }

  /**
   * The instruction at `rip`, which begins in one page and may end in the next, and the physical address of its first byte
   * there; throws as `fetch` does.
   */
  fetchCrossing(rip: bigint): { instruction: Instruction; second: number } {
    const physical = this.translate(rip);
    const inFirst = PAGE_SIZE - (physical % PAGE_SIZE);
    const second = this.translate(BigInt.asUintN(64, rip + BigInt(inFirst)));
    return { instruction: orRaise(this.decodeAcross(physical, second)), second };
  }
}

function orRaise(result: Instruction | DecodeFailure): Instruction {
  if (typeof result !== 'string') return result;
  throw new GuestException(result === 'GP' ? Vector.GP : Vector.UD);
}
