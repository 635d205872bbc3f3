import type { Form } from '../meaning/form.js';
import { CodeBytes } from './code-bytes.js';
import {
  FormTable,
  MEMORY_67_OUTSIDE_64,
  MEMORY_BASE,
  MEMORY_GENERAL,
  MEMORY_GENERAL_32,
  MEMORY_INDEX,
  MEMORY_LOCK,
  MEMORY_LOCK_OUTSIDE_64,
  MEMORY_OUTSIDE_64,
  NO_MEMORY,
  NO_MEMORY_67,
  type FormEntry,
  type RegisterKind,
  type RowPlan,
} from './form-table.js';
import type { DecodeFailure, Instruction } from './instruction.js';
import { MemoryOperand } from './memory-operand.js';
import { opcodeKind } from './opcode-kind.js';
import { OpcodeLookup, PREFIX_66, PREFIX_F2, PREFIX_F3, matchingRow, type OpcodeRows } from './opcode-lookup.js';
import { OPCODES } from '../meaning/opcodes/index.js';
import { REX, REX_B, REX_R, REX_W, REX_X } from './rex.js';
import type { CodeSize, OpcodeMap, Row } from './row.js';
import { DEFAULT_MODEL, hasRow, type CpuModel } from '../state/model.js';
import { CS, DS, FS, GS, HIGH_BYTE, RBP, RSP, SS } from '../state/layout.js';

const NO_SEGMENT = -1;

/** What all decoders look up; forms and candidates in it are made when they are first used. */
interface Tables {
  readonly lookup: OpcodeLookup;
  readonly formTable: FormTable;
}

const formTables = new Map<CodeSize, FormTable>();

/** Forms have the same numbers on all models; those of 64-bit mode come first, then those of 32-bit and of 16-bit code. */
function formTableOf(mode: CodeSize): FormTable {
  let table = formTables.get(mode);
  if (!table) {
    const before = mode === 64 ? undefined : formTableOf(mode === 32 ? 64 : 32);
    table = new FormTable(OPCODES, mode, before ? before.first + before.size : 0);
    formTables.set(mode, table);
  }
  return table;
}

const shared: Readonly<Record<CodeSize, Map<CpuModel, Tables>>> = { 16: new Map(), 32: new Map(), 64: new Map() };

function tables(model: CpuModel, mode: CodeSize): Tables {
  let found = shared[mode].get(model);
  if (!found) {
    const rows = OPCODES.filter((row) => hasRow(model, row));
    found = { lookup: new OpcodeLookup(rows, mode), formTable: formTableOf(mode) };
    shared[mode].set(model, found);
  }
  return found;
}

/**
 * Decodes the instructions of a code segment of 16, 32 or 64 bits by the opcode table: legacy prefixes, REX or VEX, opcode,
 * ModRM, SIB, displacement, immediates, in the order of SDM Vol. 2A 2.1 and 2.2.
 */
export class Decoder {
  private readonly lookup: OpcodeLookup;
  private readonly formTable: FormTable;

  private readonly code = new CodeBytes();
  /** The address, cleared for instructions that have none. */
  private readonly memory = new MemoryOperand();

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

  /** Decodes the instructions that a model has, in code of `mode` bits. */
  constructor(model: CpuModel = DEFAULT_MODEL, mode: CodeSize = 64) {
    ({ lookup: this.lookup, formTable: this.formTable } = tables(model, mode));
  }

  /** The size of code that it decodes. */
  get mode(): CodeSize {
    return this.formTable.mode;
  }

  /** All forms of all rows in its mode, in the order of their numbers; in 64-bit mode `forms[i].id` is i. */
  get forms(): readonly Form[] {
    return this.formTable.all();
  }

  /** The kind of the opcode at a place of the tables of opcodes: see `OpcodeKind`. */
  opcodeKindAt(place: number): number {
    return opcodeKind(this.lookup.rowsAt(place), this.formTable.plans);
  }

  /** How instructions of a form, which it has decoded, are read. */
  readingOf(form: Form): { readonly entry: FormEntry; readonly plan: RowPlan } {
    return { entry: this.formTable.entryOf(form), plan: this.formTable.plans[form.row.id]! };
  }

  /** Decodes the instruction at `offset`, using only bytes below `limit`. */
  decode(bytes: Uint8Array, offset: number, limit: number): Instruction | DecodeFailure {
    const { code, memory } = this;
    code.begin(bytes, offset, limit);
    const row = this.readPrefixesAndOpcode();
    const plan = row && this.formTable.plans[row.id]!;
    const entry = plan && this.readAddress(plan);
    if (!entry) return this.failure(offset);
    const immediate = code.number(entry.immediateBytes, entry.immediateSigned);
    const immediate2 = entry.secondImmediateBytes === 0 ? 0 : this.readSecondImmediate(entry.secondImmediateBytes);
    if (code.isShort) return this.failure(offset);
    return {
      form: entry.form,
      length: code.position - offset,
      reg: this.registerInReg(plan),
      rm: this.registerInRm(plan),
      vvvv: this.vvvv,
      extra:
        plan.extra === 'immediate'
          ? this.registerInImmediate(immediate)
          : memory.hasVectorIndex
            ? memory.vectorIndex
            : 0,
      base: memory.base,
      index: Math.max(memory.index, -1),
      scale: memory.scale,
      ripRelative: memory.ripRelative,
      displacement: memory.displacement,
      segment: this.segment(),
      immediate,
      immediate2,
    };
  }

  /** The reason why decoding failed. Missing bytes take precedence over errors found in what was decoded from them. */
  private failure(offset: number): DecodeFailure {
    if (!this.code.isShort) return 'UD';
    return this.code.endsAtLongest(offset) ? 'GP' : 'end';
  }

  private readPrefixesAndOpcode(): Row | undefined {
    const byte = this.mode === 64 ? this.readPrefixes() : this.readPrefixesOutside64();
    if ((byte === 0xc4 || byte === 0xc5) && this.beginsVex()) return this.readVex(byte);
    let map: OpcodeMap = '1';
    this.opcode = byte;
    if (byte === 0x0f) {
      map = '0F';
      this.opcode = this.code.byte();
      if (this.opcode === 0x38 || this.opcode === 0x3a) {
        map = this.opcode === 0x38 ? '0F38' : '0F3A';
        this.opcode = this.code.byte();
      }
    }
    return this.readModRM(this.lookup.rows(map, false, this.opcode));
  }

  /**
   * Reads legacy prefixes, in any order and number, and REX in 64-bit mode, which is effective only directly before the opcode.
   * Returns the byte after them. SDM Vol. 2A 2.1.1, 2.2.1. Only the segment overrides FS and GS have an effect; the
   * others are ignored, as AMD64 APM Vol. 3 1.2.4 specifies and processors do.
   */
  private readPrefixes(): number {
    this.clearPrefixes();
    for (;;) {
      const byte = this.code.byte();
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
   * Reads legacy prefixes outside 64-bit mode, where there is no REX and every segment override counts, the last one of several.
   * Returns the byte after them.
   */
  private readPrefixesOutside64(): number {
    this.clearPrefixes();
    for (;;) {
      const byte = this.code.byte();
      const segment = OVERRIDES.indexOf(byte);
      if (segment >= 0) this.override = segment;
      else if (byte === 0x66) this.prefixes |= PREFIX_66;
      else if (byte === 0x67) this.addressSizePrefix = true;
      else if (byte === 0xf0) this.lock = true;
      else if (byte === 0xf2) this.prefixes = (this.prefixes & PREFIX_66) | PREFIX_F2;
      else if (byte === 0xf3) this.prefixes = (this.prefixes & PREFIX_66) | PREFIX_F3;
      else return byte;
    }
  }

  private clearPrefixes(): void {
    this.rex = 0;
    this.prefixes = 0;
    this.lock = false;
    this.addressSizePrefix = false;
    this.override = NO_SEGMENT;
    this.vvvv = 0;
  }

  /**
   * Whether C4h or C5h begins a VEX prefix. Outside 64-bit mode it is LES or LDS unless the next byte would be a ModRM byte that
   * names a register. SDM Vol. 2A 2.3.5.1 "Instruction Operand Encoding".
   */
  private beginsVex(): boolean {
    return this.mode === 64 || (this.code.next ?? 0) >= 0xc0;
  }

  /**
   * Reads the rest of a VEX prefix: C5 RvvvvLpp, or C4 RXBmmmmm WvvvvLpp, where R, X, B and vvvv are inverted. #UD
   * after 66h, F2h, F3h, LOCK or REX. SDM Vol. 2A 2.3.
   */
  private readVex(first: number): Row | undefined {
    if (this.rex !== 0 || this.prefixes !== 0 || this.lock) return undefined;
    let fields = this.code.byte();
    let map: OpcodeMap | undefined = '0F';
    this.rex = REX | ((fields & 0x80) === 0 ? REX_R : 0);
    if (first === 0xc4) {
      map = VEX_MAPS[fields & 0x1f];
      if ((fields & 0x40) === 0) this.rex |= REX_X;
      if ((fields & 0x20) === 0) this.rex |= REX_B;
      fields = this.code.byte();
      if ((fields & 0x80) !== 0) this.rex |= REX_W;
    }
    this.prefixes = VEX_PREFIXES[fields & 3]! | ((fields & 4) << 1);
    this.vvvv = (~fields >> 3) & 15;
    this.opcode = this.code.byte();
    if (map === undefined) return undefined;
    const unused = this.vvvv === 0;
    if (this.mode !== 64) this.ignoreUpperRegisters();
    const row = this.readModRM(this.lookup.rows(map, true, this.opcode));
    const mustBeOnes = row !== undefined && !this.formTable.plans[row.id]!.usesVvvv;
    return mustBeOnes && !unused ? undefined : row;
  }

  /** Outside 64-bit mode VEX.B, and the upper bit of a VEX.vvvv that names a register, are ignored. SDM Vol. 2A 2.3.5.3, 2.3.5.6. */
  private ignoreUpperRegisters(): void {
    this.rex &= REX | REX_W;
    this.vvvv &= 7;
  }

  private readModRM(rows: OpcodeRows | undefined): Row | undefined {
    if (!rows) return undefined;
    this.modRM = rows.hasModRM ? this.code.byte() : 0xc0;
    return matchingRow(rows, this.prefixes, (this.rex & REX_W) >> 3, this.rex & REX_B, this.modRM);
  }

  /** Reads the address, if any, and finds the form; undefined if the row does not allow it (LOCK). */
  private readAddress(plan: RowPlan): FormEntry | undefined {
    const { memory } = this;
    memory.clear();
    const inMemory = (this.modRM < 0xc0 && !plan.modIgnored) || plan.moffs;
    if (plan.moffs) memory.displacement = this.code.number(this.addressBytes(), false);
    else if (inMemory) this.readMemoryOperand(plan.extra === 'index');
    if (plan.extra === 'index' && !this.hasDistinctVectors()) return undefined;
    if (!registerExists(plan.reg, ((this.modRM >> 3) & 7) | ((this.rex & REX_R) << 1))) return undefined;
    const addressing = plan.addressingIndexes;
    let index = addressing[inMemory ? this.memoryAddressing() : this.addressSizePrefix ? NO_MEMORY_67 : NO_MEMORY]!;
    // A row with no memory operand that does not use the address size has only the plain addressing.
    if (index < 0 && !this.lock) index = addressing[NO_MEMORY]!;
    if (index < 0 || (this.lock && !inMemory)) return undefined;
    const size = ((this.rex & REX_W) >> 2) | (this.prefixes & PREFIX_66);
    const repeat = plan.repeats.length === 1 ? 0 : this.repeatIndex(plan.repeats.length);
    return this.formTable.entry(plan, plan.widthIndexes[size]!, index, repeat);
  }

  private memoryAddressing(): number {
    if (this.mode !== 64) return this.addressingOutside64();
    const lock = this.lock ? MEMORY_LOCK : 0;
    if (this.addressSizePrefix) return MEMORY_GENERAL_32 + lock;
    if (this.override !== NO_SEGMENT) return MEMORY_GENERAL + lock;
    return (this.memory.index >= 0 ? MEMORY_INDEX : MEMORY_BASE) + lock;
  }

  private addressingOutside64(): number {
    const lock = this.lock ? MEMORY_LOCK_OUTSIDE_64 : 0;
    return MEMORY_OUTSIDE_64 + (this.addressSizePrefix ? MEMORY_67_OUTSIDE_64 : 0) + lock;
  }

  /** The address size in bytes. SDM Vol. 1 3.6. */
  private addressBytes(): number {
    if (this.mode === 64) return this.addressSizePrefix ? 4 : 8;
    return this.addressSizePrefix === (this.mode === 16) ? 4 : 2;
  }

  /**
   * Index of the repeat kind. F3h and F2h both repeat; they differ only for CMPS and SCAS. SDM Vol. 2B
   * "REP/REPE/REPZ/REPNE/REPNZ".
   */
  private repeatIndex(repeats: number): number {
    if (this.prefixes < PREFIX_F3) return 0;
    return repeats === 3 && this.prefixes >= PREFIX_F2 ? 2 : 1;
  }

  private readMemoryOperand(isVector: boolean): void {
    const { code, memory, modRM, mode } = this;
    if (mode !== 64 && this.addressBytes() === 2) memory.read16(code, modRM);
    else memory.read(code, modRM, this.rex, isVector, mode === 64);
  }

  /** Gathers need a SIB byte, and three different registers. SDM Vol. 2A 2.3.12 "Vector SIB (VSIB) Memory Addressing". */
  private hasDistinctVectors(): boolean {
    const target = ((this.modRM >> 3) & 7) | ((this.rex & REX_R) << 1);
    const { hasVectorIndex, vectorIndex: index } = this.memory;
    return hasVectorIndex && target !== this.vvvv && target !== index && index !== this.vvvv;
  }

  /** The second immediate, of 1 or 2 bytes. */
  private readSecondImmediate(bytes: number): number {
    const low = this.code.byte();
    return bytes === 1 ? low : low | (this.code.byte() << 8);
  }

  /** The register in bits 7:4 of an immediate byte; outside 64-bit mode, in bits 6:4. */
  private registerInImmediate(immediate: bigint): number {
    return (Number(immediate) >> 4) & (this.mode === 64 ? 15 : 7);
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
   * The segment: the override (in 64-bit mode only FS or GS), else the default for the base. SDM Vol. 1 3.7.4 "Specifying a Segment
   * Selector".
   */
  private segment(): number {
    if (this.override !== NO_SEGMENT) return this.override;
    const { base } = this.memory;
    return base === RSP || base === RBP ? SS : DS;
  }
}

/** The segment overrides in the order of the segments: ES CS SS DS FS GS. */
const OVERRIDES: readonly number[] = [0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];

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
