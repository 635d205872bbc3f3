import { PAGE_SHIFT, PAGE_SIZE, isCanonical } from '../../bits.js';
import { WATCH_CODE, type GuestMemory } from '../../memory.js';
import type { Mmu } from '../../mmu/mmu.js';
import { ACCESS_FETCH, isCanonicalHigh } from '../../mmu/walk.js';
import { LONGEST_INSTRUCTION } from './code-bytes.js';
import type { Decoder } from './decoder.js';
import { GuestException, Vector, pageFault } from '../state/exceptions.js';
import type { DecodeFailure, Instruction } from './instruction.js';

/**
 * Fetches and decodes instructions by linear address, and caches them by physical address; frames with cached
 * instructions are watched for stores. An instruction that crosses into another page is decoded again each time.
 */
export class InstructionFetcher {
  /** Decoded instructions by frame, then by offset in the frame. */
  private readonly decoded = new Map<number, Map<number, Instruction>>();
  private readonly bytes = new Uint8Array(2 * LONGEST_INSTRUCTION);

  constructor(
    private readonly memory: GuestMemory,
    private readonly mmu: Mmu,
    private currentDecoder: Decoder,
  ) {}

  get decoder(): Decoder {
    return this.currentDecoder;
  }

  /** Uses another decoder from now on: the size of code has changed. */
  setDecoder(decoder: Decoder): void {
    if (decoder === this.currentDecoder) return;
    this.currentDecoder = decoder;
    this.forgetAll();
  }

  /** Fetches and decodes the instruction at `rip`. Sets A bits; throws #GP, #PF or #UD. */
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

  /**
   * As `fetch`, for an address in two halves and only if the instruction has been decoded; else undefined. As numbers for speed: this
   * precedes every instruction that is executed in TypeScript.
   */
  known(high: number, low: number): Instruction | undefined {
    if (!isCanonicalHigh(high)) return undefined;
    const physical = this.mmu.translate(high, low, ACCESS_FETCH);
    return physical < 0 ? undefined : this.decoded.get(physical >>> PAGE_SHIFT)?.get(physical & (PAGE_SIZE - 1));
  }

  /** Translates `rip` as an instruction fetch to a physical address. Sets A bits; throws #GP or #PF. */
  translate(rip: bigint): number {
    if (!isCanonical(rip)) throw new GuestException(Vector.GP);
    const low = Number(BigInt.asIntN(32, rip));
    const physical = this.mmu.translate(Number(BigInt.asIntN(32, rip >> 32n)), low, ACCESS_FETCH);
    if (physical < 0) throw pageFault(this.mmu.fault);
    return physical;
  }

  /** Decodes the instruction at a physical address, up to the end of the page. */
  decodeInPage(physical: number): Instruction | DecodeFailure {
    const end = physical - (physical % PAGE_SIZE) + PAGE_SIZE;
    if (end > this.memory.size) return 'UD';
    return this.decoder.decode(this.memory.ram, physical, Math.min(end, physical + LONGEST_INSTRUCTION + 1));
  }

  /** Decodes an instruction that begins near the end of one page and continues at another physical address. */
  decodeAcross(first: number, second: number): Instruction | DecodeFailure {
    const inFirst = PAGE_SIZE - (first % PAGE_SIZE);
    this.bytes.set(this.memory.ram.subarray(first, first + inFirst));
    const inSecond = LONGEST_INSTRUCTION + 1 - inFirst;
    for (let i = 0; i < inSecond; i++) this.bytes[inFirst + i] = this.memory.ram[second + i] ?? 0xff;
    return this.decoder.decode(this.bytes, 0, LONGEST_INSTRUCTION + 1);
  }

  /**
   * Physical address of the linear page `page` if it was fetched from and nothing has changed since; else -1. Sets no A
   * bit.
   */
  fetchedPage(page: bigint): number {
    const low = Number(BigInt.asIntN(32, page));
    return this.mmu.fetched(Number(BigInt.asIntN(32, page >> 32n)), low);
  }

  /** Whether any instruction decoded from a frame is cached. */
  holds(frame: number): boolean {
    return this.decoded.has(frame);
  }

  /** Discards the instructions decoded from a frame. */
  forget(frame: number): void {
    this.decoded.delete(frame);
  }

  /** Discards all decoded instructions. */
  forgetAll(): void {
    this.decoded.clear();
  }

  /**
   * Fetches an instruction that begins in one page and may end in the next. Returns it with the physical address of its
   * first byte in the second page; throws as `fetch` does.
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
