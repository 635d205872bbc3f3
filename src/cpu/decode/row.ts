import type { Width } from '../../bits.js';
import type { Semantics } from '../meaning/vocabulary.js';

/**
 * What a row of the opcode table says of one operand, in the letters of SDM Vol. 2D appendix A.2: where it is encoded
 * and how wide it is.
 */
export interface OperandType {
  /** Where: ModRM.rm (E: register or memory, M: memory only, N: register only), ModRM.reg (G), and so on. */
  readonly where: OperandPlace;
  readonly file: 'gpr' | 'xmm' | 'none';
  /**
   * Bits; `v` = operand size (16, 32, 64), `z` = operand size but at most 32, `y` = 32 or 64 by REX.W,
   * `v64` = 64 unless 66h makes it 16.
   */
  readonly size: OperandSize;
  /** The size in memory where it differs from that in a register. */
  readonly memorySize?: OperandSize;
  readonly aligned?: boolean;
  /** For a register that is implied: its number. */
  readonly register?: number;
  /** For an immediate: sign-extended to the operand size (`true`) or zero-extended. */
  readonly signed?: boolean;
}

export type OperandSize = Width | 128 | 0 | 'v' | 'z' | 'y' | 'v64';

export type OperandPlace =
  | 'E' // ModRM.rm, register or memory
  | 'M' // ModRM.rm, memory only
  | 'N' // ModRM.rm, register only
  | 'R' // ModRM.rm, a register whatever ModRM.mod says
  | 'G' // ModRM.reg
  | 'Z' // low three bits of the opcode
  | 'B' // VEX.vvvv
  | 'I' // immediate
  | 'J' // relative branch target
  | 'O' // moffs: a 64-bit (or 32-bit) absolute address
  | 'S' // segment register in ModRM.reg
  | 'C' // control register in ModRM.reg
  | 'D' // debug register in ModRM.reg
  | 'implied';

/** Properties of a row that are not operands. */
export type Attribute =
  /** LOCK is allowed where the destination is memory. */
  | 'LOCK'
  /** The operand size defaults to 64 bits; 66h makes it 16. SDM Vol. 2D A.3 superscript d64. */
  | 'D64'
  /** The operand size is 64 bits whatever the prefixes say; superscript f64. */
  | 'F64'
  /** The operand size is 8 bits. */
  | 'BYTE'
  /** A string instruction: REP repeats it; CMPS and SCAS stop on ZF (`REPZ`). */
  | 'REP'
  | 'REPZ'
  /** The address size counts though no operand lies in memory: LOOP, JRCXZ, XLAT, string instructions. */
  | 'ADDRESS'
  /** Ends a block: rip does not simply go on to the next instruction. */
  | 'BRANCH'
  /** Rare or of the system: only the evaluator reads the meaning. */
  | 'EVALUATED'
  /** The operand size is 32 or 64 bits; 66h is ignored. */
  | 'NO16';

export interface Row {
  readonly id: number;
  /** As the manual prints it, after `+cc` is made a number. */
  readonly encoding: string;
  readonly mnemonic: string;
  readonly semantics: Semantics;
  readonly operands: readonly OperandType[];
  readonly attributes: ReadonlySet<Attribute>;
  /** CPUID feature that the row needs, in the manual's name; '' for what every x86-64 has. */
  readonly feature: string;
  readonly pattern: EncodingPattern;
}

/** The encoding, taken apart. */
export interface EncodingPattern {
  readonly map: OpcodeMap;
  readonly opcode: number;
  /** Low three bits of the opcode name a register. */
  readonly plusRegister: boolean;
  /** Mandatory prefix; `any` where prefixes keep their ordinary meaning, `no F2/F3` for NFx. */
  readonly prefix: 'any' | 'NP' | '66' | 'F2' | 'F3' | 'NFx';
  readonly rexW: 'any' | 0 | 1;
  readonly hasModRM: boolean;
  /** ModRM.reg where it extends the opcode (/0 to /7). */
  readonly digit?: number;
  /** A whole ModRM byte where it extends the opcode (0F 01 C1). */
  readonly fixedModRM?: number;
  readonly vex: boolean;
}

export type OpcodeMap = '1' | '0F' | '0F38' | '0F3A';
export const OPCODE_MAPS: readonly OpcodeMap[] = ['1', '0F', '0F38', '0F3A'];
