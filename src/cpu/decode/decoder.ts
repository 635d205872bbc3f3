import type { Form } from '../meaning/form.js';
import {
  FormTable,
  MODE_BASE,
  MODE_GENERAL,
  MODE_GENERAL_32,
  MODE_INDEX,
  MODE_LOCK,
  MODE_NONE,
  MODE_NONE_32,
  type FormEntry,
  type RegisterKind,
  type RowPlan,
} from './form-table.js';
import type { DecodeFailure, Instruction } from './instruction.js';
import { OpcodeLookup, PREFIX_66, PREFIX_F2, PREFIX_F3, matchingRow, type OpcodeRows } from './opcode-lookup.js';
import { OPCODES } from '../meaning/opcodes/index.js';
import type { OpcodeMap, Row } from './row.js';
import { DEFAULT_MODEL, hasRow, type CpuModel } from '../state/model.js';
import { CS, DS, FS, GS, HIGH_BYTE, RBP, RSP, SS } from '../state/layout.js';

/**
 * Maximum length of an instruction in bytes; a longer one causes #GP(0). SDM Vol. 2A 2.3.11, Vol. 3A 6.15 "Interrupt
 * 13".
 */
export const LONGEST_INSTRUCTION = 15;

/** The REX prefix, 0100WRXB. VEX prefixes are converted to the same form. SDM Vol. 2A 2.2.1.2. */
const REX = 0x40;
const REX_B = 1;
const REX_X = 2;
const REX_R = 4;
const REX_W = 8;

const NO_SEGMENT = -1;
/** `index` is this less the number of a vector register in gathers. */
const VECTOR_INDEX = -2;

/** What all decoders look up; forms and candidates in it are made when they are first used. */
interface Tables {
  readonly lookup: OpcodeLookup;
  readonly formTable: FormTable;
}

const shared = new Map<CpuModel, Tables>();

function tables(model: CpuModel): Tables {
  let found = shared.get(model);
  if (!found) {
    // Forms have the same numbers on all models.
    const formTable = shared.get(DEFAULT_MODEL)?.formTable ?? new FormTable(OPCODES);
    found = { lookup: new OpcodeLookup(OPCODES.filter((row) => hasRow(model, row))), formTable };
    shared.set(model, found);
  }
  return found;
}

/**
 * Decodes the instructions of 64-bit mode by the opcode table: legacy prefixes, REX or VEX, opcode, ModRM, SIB,
 * displacement, immediates, in the order of SDM Vol. 2A 2.1 and 2.2.
 */
export class Decoder {
  private readonly lookup: OpcodeLookup;
  private readonly formTable: FormTable;

  private bytes: Uint8Array = new Uint8Array(0);
  private position = 0;
  private end = 0;

  /** REX as read, or converted from VEX; 0 if there is none. */
  private rex = 0;
  /** PREFIX_66, PREFIX_F3 or PREFIX_F2, and VEX_256, which select among rows. */
  private prefixes = 0;
  private lock = false;
  private addressSizePrefix = false;
  private override = NO_SEGMENT;

  private opcode = 0;
  private modRM = 0;
  private vvvv = 0;

  private base = -1;
  private index = -1;
  private scale = 0;
  private ripRelative = false;
  private displacement = 0n;

  /** Decodes the instructions that a model has. */
  constructor(model: CpuModel = DEFAULT_MODEL) {
    ({ lookup: this.lookup, formTable: this.formTable } = tables(model));
  }

  /** All forms of all rows; `forms[i].id` is i. */
  get forms(): readonly Form[] {
    return this.formTable.all();
  }

  /** Decodes the instruction at `offset`, using only bytes below `limit`. */
  decode(bytes: Uint8Array, offset: number, limit: number): Instruction | DecodeFailure {
    this.bytes = bytes;
    this.position = offset;
    this.end = Math.min(limit, offset + LONGEST_INSTRUCTION);
    const row = this.readPrefixesAndOpcode();
    const plan = row && this.formTable.plans[row.id]!;
    const entry = plan && this.readAddress(plan);
    if (!entry) return this.failure(offset);
    const immediate = this.readImmediate(entry.immediateBytes, entry.immediateSigned);
    const immediate2 = entry.secondImmediateBytes === 0 ? 0 : this.byte();
    if (this.position > this.end) return this.failure(offset);
    return {
      form: entry.form,
      length: this.position - offset,
      reg: this.registerInReg(plan),
      rm: this.registerInRm(plan),
      vvvv: this.vvvv,
      extra: plan.extra === 'immediate' ? Number(immediate >> 4n) : this.index < -1 ? VECTOR_INDEX - this.index : 0,
      base: this.base,
      index: Math.max(this.index, -1),
      scale: this.scale,
      ripRelative: this.ripRelative,
      displacement: this.displacement,
      segment: this.segment(),
      immediate,
      immediate2,
    };
  }

  /** The reason why decoding failed. Missing bytes take precedence over errors found in what was decoded from them. */
  private failure(offset: number): DecodeFailure {
    if (this.position <= this.end) return 'UD';
    return this.end === offset + LONGEST_INSTRUCTION ? 'GP' : 'end';
  }

  /** Reads the next byte; 0 past the end, which `failure` detects by the position. */
  private byte(): number {
    const at = this.position++;
    return at < this.end ? this.bytes[at]! : 0;
  }

  /** Reads the next four bytes as a signed number. */
  private int32(): number {
    return this.byte() | (this.byte() << 8) | (this.byte() << 16) | (this.byte() << 24);
  }

  private readPrefixesAndOpcode(): Row | undefined {
    const byte = this.readPrefixes();
    if (byte === 0xc4 || byte === 0xc5) return this.readVex(byte);
    let map: OpcodeMap = '1';
    this.opcode = byte;
    if (byte === 0x0f) {
      map = '0F';
      this.opcode = this.byte();
      if (this.opcode === 0x38 || this.opcode === 0x3a) {
        map = this.opcode === 0x38 ? '0F38' : '0F3A';
        this.opcode = this.byte();
      }
    }
    return this.readModRM(this.lookup.rows(map, false, this.opcode));
  }

  /**
   * Reads legacy prefixes, in any order and number, and REX, which is effective only directly before the opcode.
   * Returns the byte after them. SDM Vol. 2A 2.1.1, 2.2.1. Only the segment overrides FS and GS have an effect; the
   * others are ignored, as AMD64 APM Vol. 3 1.2.4 specifies and processors do.
   */
  private readPrefixes(): number {
    this.rex = 0;
    this.prefixes = 0;
    this.lock = false;
    this.addressSizePrefix = false;
    this.override = NO_SEGMENT;
    this.vvvv = 0;
    for (;;) {
      const byte = this.byte();
      if ((byte & 0xf0) === REX) {
        this.rex = byte;
        continue;
      }
      switch (byte) {
        case 0x26:
        case 0x2e:
        case 0x36:
        case 0x3e:
          break;
        case 0x64:
          this.override = FS;
          break;
        case 0x65:
          this.override = GS;
          break;
        case 0x66:
          this.prefixes |= PREFIX_66;
          break;
        case 0x67:
          this.addressSizePrefix = true;
          break;
        case 0xf0:
          this.lock = true;
          break;
        case 0xf2:
          this.prefixes = (this.prefixes & PREFIX_66) | PREFIX_F2;
          break;
        case 0xf3:
          this.prefixes = (this.prefixes & PREFIX_66) | PREFIX_F3;
          break;
        default:
          return byte;
      }
      this.rex = 0;
    }
  }

  /**
   * Reads the rest of a VEX prefix: C5 RvvvvLpp, or C4 RXBmmmmm WvvvvLpp, where R, X, B and vvvv are inverted. #UD
   * after 66h, F2h, F3h, LOCK or REX. SDM Vol. 2A 2.3.
   */
  private readVex(first: number): Row | undefined {
    if (this.rex !== 0 || this.prefixes !== 0 || this.lock) return undefined;
    let fields = this.byte();
    let map: OpcodeMap | undefined = '0F';
    this.rex = REX | ((fields & 0x80) === 0 ? REX_R : 0);
    if (first === 0xc4) {
      map = VEX_MAPS[fields & 0x1f];
      if ((fields & 0x40) === 0) this.rex |= REX_X;
      if ((fields & 0x20) === 0) this.rex |= REX_B;
      fields = this.byte();
      if ((fields & 0x80) !== 0) this.rex |= REX_W;
    }
    this.prefixes = VEX_PREFIXES[fields & 3]! | ((fields & 4) << 1);
    this.vvvv = (~fields >> 3) & 15;
    this.opcode = this.byte();
    if (map === undefined) return undefined;
    const row = this.readModRM(this.lookup.rows(map, true, this.opcode));
    const mustBeOnes = row !== undefined && !this.formTable.plans[row.id]!.usesVvvv;
    return mustBeOnes && this.vvvv !== 0 ? undefined : row;
  }

  private readModRM(rows: OpcodeRows | undefined): Row | undefined {
    if (!rows) return undefined;
    this.modRM = rows.hasModRM ? this.byte() : 0xc0;
    return matchingRow(rows, this.prefixes, (this.rex & REX_W) >> 3, this.rex & REX_B, this.modRM);
  }

  /** Reads the address, if any, and finds the form; undefined if the row does not allow it (LOCK). */
  private readAddress(plan: RowPlan): FormEntry | undefined {
    this.base = -1;
    this.index = -1;
    this.scale = 0;
    this.ripRelative = false;
    this.displacement = 0n;
    const inMemory = (this.modRM < 0xc0 && !plan.modIgnored) || plan.moffs;
    if (plan.moffs) this.displacement = this.readImmediate(this.addressSizePrefix ? 4 : 8, false);
    else if (inMemory) this.readModRMAddress(plan.extra === 'index');
    if (plan.extra === 'index' && !this.hasDistinctVectors()) return undefined;
    if (!registerExists(plan.reg, ((this.modRM >> 3) & 7) | ((this.rex & REX_R) << 1))) return undefined;
    let mode = plan.modeIndexes[inMemory ? this.memoryMode() : this.addressSizePrefix ? MODE_NONE_32 : MODE_NONE]!;
    // A row with no memory operand that does not use the address size has only the plain mode.
    if (mode < 0 && !this.lock) mode = plan.modeIndexes[MODE_NONE]!;
    if (mode < 0 || (this.lock && !inMemory)) return undefined;
    const size = ((this.rex & REX_W) >> 2) | (this.prefixes & PREFIX_66);
    const repeat = plan.repeats.length === 1 ? 0 : this.repeatIndex(plan.repeats.length);
    return this.formTable.entry(plan, plan.widthIndexes[size]!, mode, repeat);
  }

  private memoryMode(): number {
    const lock = this.lock ? MODE_LOCK : 0;
    if (this.addressSizePrefix) return MODE_GENERAL_32 + lock;
    if (this.override !== NO_SEGMENT) return MODE_GENERAL + lock;
    return (this.index >= 0 ? MODE_INDEX : MODE_BASE) + lock;
  }

  /**
   * Index of the repeat kind. F3h and F2h both repeat; they differ only for CMPS and SCAS. SDM Vol. 2B
   * "REP/REPE/REPZ/REPNE/REPNZ".
   */
  private repeatIndex(repeats: number): number {
    if (this.prefixes < PREFIX_F3) return 0;
    return repeats === 3 && this.prefixes >= PREFIX_F2 ? 2 : 1;
  }

  /**
   * Reads a memory operand: ModRM with mod below 3, SIB and displacement. SDM Vol. 2A 2.1.5 tables 2-2 and 2-3; 2.2.1.6
   * for RIP-relative.
   */
  private readModRMAddress(isVector: boolean): void {
    const mod = this.modRM >> 6;
    const rm = this.modRM & 7;
    let displacementBytes = mod === 0 ? 0 : mod === 1 ? 1 : 4;
    if (rm === 4) {
      const sib = this.byte();
      const index = ((sib >> 3) & 7) | ((this.rex & REX_X) << 2);
      if (index !== RSP || isVector) {
        this.index = isVector ? VECTOR_INDEX - index : index;
        this.scale = sib >> 6;
      }
      if ((sib & 7) === RBP && mod === 0) displacementBytes = 4;
      else this.base = (sib & 7) | ((this.rex & REX_B) << 3);
    } else if (rm === RBP && mod === 0) {
      this.ripRelative = true;
      displacementBytes = 4;
    } else {
      this.base = rm | ((this.rex & REX_B) << 3);
    }
    if (displacementBytes === 1) this.displacement = BigInt((this.byte() << 24) >> 24);
    else if (displacementBytes === 4) this.displacement = BigInt(this.int32());
  }

  /** Gathers need a SIB byte, and three different registers. SDM Vol. 2A 2.3.12 "Vector SIB (VSIB) Memory Addressing". */
  private hasDistinctVectors(): boolean {
    const target = ((this.modRM >> 3) & 7) | ((this.rex & REX_R) << 1);
    const index = VECTOR_INDEX - this.index;
    return this.index <= VECTOR_INDEX && target !== this.vvvv && target !== index && index !== this.vvvv;
  }

  private readImmediate(bytes: number, signed: boolean): bigint {
    switch (bytes) {
      case 0:
        return 0n;
      case 1: {
        const byte = this.byte();
        return BigInt(signed ? (byte << 24) >> 24 : byte);
      }
      case 2: {
        const word = this.byte() | (this.byte() << 8);
        return BigInt(signed ? (word << 16) >> 16 : word);
      }
      case 4: {
        const doubleword = this.int32();
        return BigInt(signed ? doubleword : doubleword >>> 0);
      }
      default: {
        const low = BigInt(this.int32() >>> 0);
        return (BigInt(this.int32() >>> 0) << 32n) | low;
      }
    }
  }

  private registerInReg(plan: RowPlan): number {
    const number = (this.modRM >> 3) & 7;
    switch (plan.reg) {
      case 'none':
        return 0;
      case 'segment':
      case 'loaded segment':
        return number;
      default:
        return this.register(plan.reg, number | ((this.rex & REX_R) << 1));
    }
  }

  /** The register in ModRM.rm, or in the low three bits of an opcode without ModRM. */
  private registerInRm(plan: RowPlan): number {
    if (plan.rm === 'none') return 0;
    const { hasModRM } = plan.row.pattern;
    if (hasModRM && this.modRM < 0xc0 && !plan.modIgnored) return 0;
    return this.register(plan.rm, ((hasModRM ? this.modRM : this.opcode) & 7) | ((this.rex & REX_B) << 3));
  }

  /** Without REX, numbers 4 to 7 of byte registers are AH, CH, DH and BH. SDM Vol. 1 3.4.1.1. */
  private register(kind: RegisterKind, number: number): number {
    if (kind === 'of eight') return number & 7;
    return kind === 'byte' && this.rex === 0 && number >= 4 ? number - 4 + HIGH_BYTE : number;
  }

  /**
   * The segment: FS or GS if overridden, else the default for the base. SDM Vol. 1 3.7.4 "Specifying a Segment
   * Selector".
   */
  private segment(): number {
    if (this.override !== NO_SEGMENT) return this.override;
    return this.base === RSP || this.base === RBP ? SS : DS;
  }
}

const VEX_MAPS: readonly (OpcodeMap | undefined)[] = [undefined, '0F', '0F38', '0F3A'];
/** Prefixes encoded by VEX.pp: none, 66h, F3h, F2h. VEX.L, bit 2, becomes VEX_256. */
const VEX_PREFIXES: readonly number[] = [0, PREFIX_66, PREFIX_F3, PREFIX_F2];

/**
 * Bit set of the existing control registers: CR0, CR2, CR3, CR4 and CR8. SDM Vol. 2B "MOV—Move to/from Control
 * Registers".
 */
const CONTROL_REGISTERS = 0b1_0001_1101;

/**
 * Whether `number`, made of ModRM.reg and REX.R, names a register; if not, the instruction is #UD. For segment
 * registers only ModRM.reg counts, and CS cannot be loaded; DR4 and DR5 are aliases of DR6 and DR7. SDM Vol. 2B "MOV".
 */
function registerExists(kind: RegisterKind, number: number): boolean {
  switch (kind) {
    case 'segment':
      return (number & 7) <= GS;
    case 'loaded segment':
      return (number & 7) <= GS && (number & 7) !== CS;
    case 'control':
      return ((CONTROL_REGISTERS >> number) & 1) !== 0;
    case 'debug':
      return number < 8;
    default:
      return true;
  }
}
