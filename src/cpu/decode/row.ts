import type { Width } from '../../bits.js';
import type { Feature } from '../meaning/features.js';
import type { Semantics } from '../meaning/vocabulary.js';

/**
 * The type of one operand in a row of the opcode table, after SDM Vol. 2D appendix A.2: where it is encoded and how
 * wide it is.
 */
export interface OperandType {
  /**
   * Where it is encoded: ModRM.rm (E: register or memory, M: memory only, N: register only), ModRM.reg (G), and so on.
   */
  readonly where: OperandPlace;
  readonly file: 'gpr' | 'xmm' | 'mmx' | 'stack' | 'none';
  /**
   * Width in bits; `v` = operand size (16, 32, 64), `z` = operand size but at most 32, `y` = 32 or 64 by REX.W.
   */
  readonly size: OperandSize;
  /** The size in memory if it differs from the size in a register. */
  readonly memorySize?: OperandSize;
  readonly aligned?: boolean;
  /** Twice as wide with vectors of 256 bits; the sizes are those with 128. */
  readonly scaled?: boolean;
  /** The number of an implied register. */
  readonly register?: number;
  /** For an immediate: true if it is sign-extended to the operand size, false if zero-extended. */
  readonly signed?: boolean;
}

export type OperandSize = Width | 128 | 256 | 0 | 'v' | 'z' | 'y';

export type OperandPlace =
  | 'E' // ModRM.rm, register or memory
  | 'M' // ModRM.rm, memory only
  | 'N' // ModRM.rm, register only
  | 'R' // ModRM.rm, a register regardless of ModRM.mod
  | 'G' // ModRM.reg
  | 'Z' // low three bits of the opcode
  | 'B' // VEX.vvvv
  | 'L' // VEX: bits 7:4 of an immediate byte
  | 'X' // VEX: the index of SIB, a vector of indexes
  | 'I' // immediate
  | 'J' // relative branch target
  | 'O' // moffs: an absolute address, as wide as the address size
  | 'S' // segment register in ModRM.reg
  | 'C' // control register in ModRM.reg
  | 'D' // debug register in ModRM.reg
  | 'implied';

/** Properties of a row other than its operands. */
export type Attribute =
  /** LOCK is allowed if the destination is memory. */
  | 'LOCK'
  /** In 64-bit mode the operand size defaults to 64 bits; 66h makes it 16. SDM Vol. 2D A.3 superscript d64. */
  | 'D64'
  /** In 64-bit mode the operand size is 64 bits regardless of prefixes; superscript f64. */
  | 'F64'
  /** The operand size is 32 bits regardless of prefixes: x87. */
  | 'F32'
  /** The operand size is 8 bits. */
  | 'BYTE'
  /** A string instruction: REP repeats it; CMPS and SCAS stop on ZF (`REPZ`). */
  | 'REP'
  | 'REPZ'
  /** The address size matters although no explicit operand is in memory: LOOP, JRCXZ, XLAT, string instructions. */
  | 'ADDRESS'
  /** Ends a block: execution does not simply continue with the next instruction. */
  | 'BRANCH'
  /** A rare or system instruction that only the evaluator implements. */
  | 'EVALUATED'
  /** The operand size is 32 or 64 bits, never 16; 66h is ignored. */
  | 'NO16'
  /** Only 64-bit mode has it, though its encoding has no REX.W. SDM: "N.E." in the column Compat/Leg Mode. */
  | 'ONLY64'
  /** 64-bit mode does not have it. SDM: "N.E." or "Invalid" in the column 64-Bit Mode, superscript i64. */
  | 'NO64'
  /** Outside 64-bit mode VEX.W is ignored: what W1 selects is in 64-bit mode alone. */
  | 'IGNORES_W'
  /**
   * Outside 64-bit mode its meaning needs descriptor tables, which do not exist yet: there it is decoded, but the evaluator refuses
   * to execute it.
   */
  | 'SEGMENTS';

/**
 * Who may execute an instruction: `CPL0`: the kernel; `IOPL`: code whose CPL is at most RFLAGS.IOPL; `UMIP`: everybody, but the
 * kernel alone where CR4.UMIP is set; `PCE`: the kernel, and everybody where CR4.PCE is set.
 */
export type Privilege = (typeof PRIVILEGES)[number];
export const PRIVILEGES = ['CPL0', 'IOPL', 'UMIP', 'PCE'] as const;

/**
 * The class of exceptions of an instruction with a VEX prefix. SDM Vol. 2A 2.4 "AVX and SSE Instruction Exception
 * Classification": which memory operands must be aligned, and whether MXCSR can raise #XM (types 2, 3 and 11).
 */
export type ExceptionsType = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 11 | 12 | 13;

/** The size of a code segment in bits; 64 is 64-bit mode, 16 includes real-address mode. */
export type CodeSize = 16 | 32 | 64;

/**
 * What an instruction leaves undefined by the manual: status flags (bits of RFLAGS), or the whole result. For shifts both are
 * functions of the operand size and the masked count. The values here are deterministic, but match no particular processor.
 */
export interface Undefined {
  readonly flags?: number | ((width: number, count: number) => number);
  readonly result?: (width: number, count: number) => boolean;
}

/** How processors of the two vendors differ in an instruction. */
export interface VendorDifference {
  /** The instructions, and in which situation. */
  readonly instructions: string;
  /** What they do on processors of AMD. */
  readonly AMD: string;
  readonly Intel: string;
  /** Whose way bd0 goes. */
  readonly bd0: 'AMD' | 'Intel';
  /** The manuals. */
  readonly source: string;
}

export interface Row {
  readonly id: number;
  /** The encoding in the manual's notation, with `+cc` replaced by a number. */
  readonly encoding: string;
  readonly mnemonic: string;
  readonly semantics: Semantics;
  readonly operands: readonly OperandType[];
  readonly attributes: ReadonlySet<Attribute>;
  /** The CPUID feature that the row requires; '' for what is no feature of its own. */
  readonly feature: Feature | '';
  /** Another one that it requires: AES, of VAESENC. */
  readonly alsoRequires?: Feature;
  /** What the manual leaves undefined. */
  readonly leaves: Undefined;
  /** The code segments in which it is valid. */
  readonly modes: readonly CodeSize[];
  /** Who may execute it, if not everybody. */
  readonly privilege: Privilege | undefined;
  /** The class of its exceptions; every instruction with a VEX prefix has one. */
  readonly exceptions: ExceptionsType | undefined;
  /** Where processors of AMD and Intel differ in it. */
  readonly vendors: readonly VendorDifference[];
  readonly pattern: EncodingPattern;
}

/** A parsed encoding. */
export interface EncodingPattern {
  readonly map: OpcodeMap;
  readonly opcode: number;
  /** The low three bits of the opcode name a register. */
  readonly plusRegister: boolean;
  /** The mandatory prefix; `any` if prefixes keep their ordinary meaning, `NFx` if F2h and F3h are not allowed. */
  readonly prefix: 'any' | 'NP' | '66' | 'F2' | 'F3' | 'NFx';
  readonly rexW: 'any' | 0 | 1;
  readonly hasModRM: boolean;
  /** ModRM.reg if it extends the opcode (/0 to /7). */
  readonly digit?: number;
  /** A whole ModRM byte if it extends the opcode (0F 01 C1). */
  readonly fixedModRM?: number;
  readonly vex: boolean;
  /** VEX.L: 1 for vectors of 256 bits. Legacy encodings have 'any'. */
  readonly vexL: 'any' | 0 | 1;
}

export type OpcodeMap = '1' | '0F' | '0F38' | '0F3A';
export const OPCODE_MAPS: readonly OpcodeMap[] = ['1', '0F', '0F38', '0F3A'];
