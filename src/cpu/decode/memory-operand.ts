import { RBP, RBX, RDI, RSI, RSP } from '../state/layout.js';
import type { CodeBytes } from './code-bytes.js';
import { REX_B, REX_X } from './rex.js';

/** `index` is this less the number of a vector register in gathers. */
const VECTOR_INDEX = -2;

/** The address of a memory operand as an instruction spells it. */
export class MemoryOperand {
  /** Number of a register; -1 for none. */
  base = -1;
  /** Number of a register, -1 for none, or less for a vector register: see `vectorIndex`. */
  index = -1;
  /** Shift count of the index. */
  scale = 0;
  ripRelative = false;
  displacement = 0n;

  /** No base, no index, and a displacement of 0. */
  clear(): void {
    this.base = -1;
    this.index = -1;
    this.scale = 0;
    this.ripRelative = false;
    this.displacement = 0n;
  }

  get hasVectorIndex(): boolean {
    return this.index <= VECTOR_INDEX;
  }

  /** Number of the vector register that is the index of a gather, if `hasVectorIndex`. */
  get vectorIndex(): number {
    return VECTOR_INDEX - this.index;
  }

  /** Reads what follows ModRM in an address of 16 bits. SDM Vol. 2A 2.1.5 table 2-1. */
  read16(code: CodeBytes, modRM: number): void {
    const mod = modRM >> 6;
    const rm = modRM & 7;
    const isDirect = mod === 0 && rm === 6;
    if (!isDirect) [this.base, this.index] = ADDRESSES_16[rm]!;
    if (mod === 1) this.displacement = BigInt(code.int8());
    else if (mod === 2 || isDirect) this.displacement = code.number(2, true);
  }

  /**
   * Reads what follows ModRM, with mod below 3, in an address of 32 or 64 bits: SIB and displacement. SDM Vol. 2A 2.1.5 tables 2-2
   * and 2-3; 2.2.1.6 for RIP-relative, which only 64-bit mode has.
   */
  read(code: CodeBytes, modRM: number, rex: number, isVector: boolean, in64BitMode: boolean): void {
    const mod = modRM >> 6;
    const rm = modRM & 7;
    let displacementBytes = mod === 0 ? 0 : mod === 1 ? 1 : 4;
    if (rm === 4) {
      const sib = code.byte();
      const index = ((sib >> 3) & 7) | ((rex & REX_X) << 2);
      if (index !== RSP || isVector) {
        this.index = isVector ? VECTOR_INDEX - index : index;
        this.scale = sib >> 6;
      }
      if ((sib & 7) === RBP && mod === 0) displacementBytes = 4;
      else this.base = (sib & 7) | ((rex & REX_B) << 3);
    } else if (rm === RBP && mod === 0) {
      this.ripRelative = in64BitMode;
      displacementBytes = 4;
    } else {
      this.base = rm | ((rex & REX_B) << 3);
    }
    if (displacementBytes === 1) this.displacement = BigInt(code.int8());
    else if (displacementBytes === 4) this.displacement = BigInt(code.int32());
  }
}

/** Base and index of 16-bit addresses by ModRM.rm; -1 for none. SDM Vol. 2A table 2-1. */
const ADDRESSES_16: readonly (readonly [base: number, index: number])[] = [
  [RBX, RSI],
  [RBX, RDI],
  [RBP, RSI],
  [RBP, RDI],
  [RSI, -1],
  [RDI, -1],
  [RBP, -1],
  [RBX, -1],
];
