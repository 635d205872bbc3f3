/** What random programs are put together with. */
import { PAGE_SIZE } from '../../src/bits.js';
import { ALIAS, CODE_FRAMES, CODE_PAGES, CODE_TABLE, DATA, DATA_PAGES, STACK, STACK_BYTES } from './bare-machine.js';
import type { InstructionPool } from './random-programs.js';
import type { Random } from './random.js';

export const CODE_BYTES = CODE_PAGES * PAGE_SIZE;
export const IMAGE_BYTES = CODE_FRAMES * PAGE_SIZE;
/** Data on the first code page. */
export const DATA_IN_CODE_BYTES = 64;

export const NOP = 0x90;

/** Where a displacement is still to be filled in: `bytes` bytes at `at`, the target a block. */
interface Fixup {
  readonly at: number;
  readonly bytes: 1 | 4;
  readonly block: number;
  /** Bytes behind the block's start: into the midst of an instruction. */
  readonly offset: number;
}

/** Machine code of a program in the making. */
export class ProgramBuilder {
  readonly image = new Uint8Array(IMAGE_BYTES).fill(NOP);
  readonly blocks: number[] = [];
  /** Where functions begin, which end in some kind of RET. */
  readonly functions: number[] = [];
  private readonly fixups: Fixup[] = [];
  position = DATA_IN_CODE_BYTES;

  constructor(
    readonly base: bigint,
    readonly blockCount: number,
    readonly pool: InstructionPool,
    readonly random: Random,
  ) {}

  put(...bytes: readonly number[]): void {
    this.image.set(bytes.slice(0, Math.max(0, CODE_BYTES - this.position)), Math.min(this.position, CODE_BYTES));
    this.position += bytes.length;
  }
  putWord(bytes: number, value: bigint): void {
    this.put(...Array.from({ length: bytes }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn)));
  }
  /** MOV r64, imm64 */
  load(register: number, value: bigint): void {
    this.put(0x48 | (register >> 3), 0xb8 | (register & 7));
    this.putWord(8, value);
  }
  /** A branch with these opcode bytes to a block. */
  branch(opcode: readonly number[], bytes: 1 | 4, block = this.anyBlock(), offset = 0): void {
    this.put(...opcode);
    this.fixups.push({ at: this.position, bytes, block, offset });
    this.put(...new Array<number>(bytes).fill(0));
  }
  /** A branch with these opcode bytes, and a displacement of 32 bits, to a position that is known. */
  branchTo(opcode: readonly number[], position: number): void {
    this.put(...opcode);
    this.putWord(4, BigInt(position - this.position - 4));
  }
  /** A branch with these opcode bytes to where `land` is called. */
  branchAhead(opcode: readonly number[]): { land: () => void } {
    this.put(...opcode, 0, 0, 0, 0);
    const end = this.position;
    return {
      land: () => {
        for (let i = 0; i < 4 && end - 4 + i < CODE_BYTES; i++)
          this.image[end - 4 + i] = ((this.position - end) >> (8 * i)) & 0xff;
      },
    };
  }
  /** LEA r64, [rip + distance to a block] */
  loadBlock(register: number, block = this.anyBlock()): void {
    this.branch([0x48 | ((register >> 3) << 2), 0x8d, 0x05 | ((register & 7) << 3)], 4, block);
  }
  /** Leaves a gap, and jumps over it. */
  skipTo(position: number): void {
    const gap = position - this.position - 5;
    if (gap < 0) return;
    this.put(0xe9);
    this.putWord(4, BigInt(gap));
    this.position = position;
  }
  anyBlock(): number {
    return this.random.below(this.blockCount);
  }
  /** Far blocks need near branches; where a short one does not reach, it goes where it goes. */
  link(): void {
    for (const { at, bytes, block, offset } of this.fixups) {
      const displacement = (this.blocks[block] ?? 0) + offset - at - bytes;
      for (let i = 0; i < bytes && at + i < CODE_BYTES; i++) this.image[at + i] = (displacement >> (8 * i)) & 0xff;
    }
  }

  /** An address where data is: some in pages that are fresh or read-only, on code pages, or across the end of a page. */
  address(): bigint {
    const { random, base } = this;
    const place = random.pick([DATA, DATA, DATA, DATA, DATA, STACK, base, ALIAS, CODE_TABLE]);
    if (place === base || place === ALIAS)
      return place + BigInt(random.chance(3) ? random.below(CODE_BYTES) : random.below(DATA_IN_CODE_BYTES));
    if (place === CODE_TABLE) return random.chance(3) ? place + BigInt(random.below(PAGE_SIZE)) : DATA + 0x100n;
    const page = BigInt(random.below(place === STACK ? STACK_BYTES / PAGE_SIZE : DATA_PAGES) * PAGE_SIZE);
    const offset = random.pick([random.below(PAGE_SIZE), 8 * random.below(512), 16 * random.below(16), PAGE_SIZE - 4]);
    return place + page + BigInt(offset);
  }
}

/** Adds a few instructions. */
export type Piece = (builder: ProgramBuilder) => void;
