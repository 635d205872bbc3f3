import { DwarfFormatError, type DwarfReader } from './dwarf-reader.js';
import type { LineUnit } from './line-unit.js';

/** Standard opcodes. DWARF 5, 7.22, table 7.25. */
const DW_LNS_COPY = 1;
const DW_LNS_ADVANCE_PC = 2;
const DW_LNS_ADVANCE_LINE = 3;
const DW_LNS_SET_FILE = 4;
const DW_LNS_CONST_ADD_PC = 8;
const DW_LNS_FIXED_ADVANCE_PC = 9;

/** Extended opcodes. DWARF 5, 7.22, table 7.26. */
const DW_LNE_END_SEQUENCE = 1;
const DW_LNE_SET_ADDRESS = 2;
const DW_LNE_DEFINE_FILE = 3;

/**
 * The state machine that runs a line number program. DWARF 5, 6.2.2 "State-Machine Registers" and 6.2.5 "The Line
 * Number Program". Columns, statements, blocks, prologues, discriminators and instruction sets are ignored.
 */
export class LineProgram {
  /** The current row: the address of its first byte, its file number in the unit, and its line (0 for none). */
  address = 0;
  file = 1;
  line = 1;
  /** Whether the row marks the end of a sequence, one past its last byte. */
  isEnd = false;
  /** Offsets of the files that the program has defined so far. */
  readonly definedFiles: number[] = [];
  private operation = 0;

  /** `reader` must be at the beginning of a sequence. */
  constructor(
    private readonly unit: LineUnit,
    private readonly reader: DwarfReader,
  ) {}

  /** Offset of the next opcode in the section. */
  get position(): number {
    return this.reader.position;
  }

  get isAtEnd(): boolean {
    return this.reader.isAtEnd;
  }

  /** Runs the next opcode. Returns true if it made a row. Throws DwarfFormatError if the program is malformed. */
  step(): boolean {
    if (this.isEnd) this.reset();
    const { unit, reader } = this;
    const opcode = reader.u8();
    if (opcode < unit.opcodeBase) return this.named(opcode);
    const adjusted = opcode - unit.opcodeBase;
    this.advance(Math.floor(adjusted / unit.lineRange));
    this.line += unit.lineBase + (adjusted % unit.lineRange);
    return true;
  }

  private reset(): void {
    this.address = 0;
    this.operation = 0;
    this.file = 1;
    this.line = 1;
    this.isEnd = false;
  }

  /** A standard or an extended opcode. */
  private named(opcode: number): boolean {
    const { unit, reader } = this;
    switch (opcode) {
      case 0:
        return this.extended();
      case DW_LNS_COPY:
        return true;
      case DW_LNS_ADVANCE_PC:
        this.advance(reader.unsigned());
        return false;
      case DW_LNS_ADVANCE_LINE:
        this.line += reader.signed();
        return false;
      case DW_LNS_SET_FILE:
        this.file = reader.unsigned();
        return false;
      case DW_LNS_CONST_ADD_PC:
        this.advance(Math.floor((255 - unit.opcodeBase) / unit.lineRange));
        return false;
      case DW_LNS_FIXED_ADVANCE_PC:
        this.address += reader.u16();
        this.operation = 0;
        return false;
      default:
        for (let count = unit.argumentCounts[opcode]!; count > 0; count--) reader.unsigned();
        return false;
    }
  }

  private extended(): boolean {
    const { reader } = this;
    const { position } = reader;
    const instruction = reader.part(reader.unsigned());
    switch (instruction.u8()) {
      case DW_LNE_END_SEQUENCE:
        this.isEnd = true;
        return true;
      case DW_LNE_SET_ADDRESS:
        this.address = addressOf(instruction, position);
        this.operation = 0;
        return false;
      case DW_LNE_DEFINE_FILE:
        this.definedFiles.push(instruction.position);
        return false;
      default:
        return false;
    }
  }

  /** DWARF 5, 6.2.5.1 "Special Opcodes". */
  private advance(operations: number): void {
    const { instructionBytes, operationsMax } = this.unit;
    const sum = this.operation + operations;
    this.address += instructionBytes * Math.floor(sum / operationsMax);
    this.operation = sum % operationsMax;
  }
}

/** Reads the address that fills the rest of an instruction. */
function addressOf(instruction: DwarfReader, position: number): number {
  const width = instruction.end - instruction.position;
  if (width === 8) return instruction.address64();
  if (width === 4) return instruction.u32();
  throw new DwarfFormatError(`an address of ${width} bytes`, position);
}
