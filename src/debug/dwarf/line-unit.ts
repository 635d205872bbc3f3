/** The header of a line number program: DWARF 5, 6.2.4 "The Line Number Program Header", and that of versions 2 to 4. */
import { DwarfFormatError, type DwarfReader, type OffsetBytes } from './dwarf-reader.js';

/** The line numbers of one compilation: what its program is run with, and where its parts lie in the section. */
export interface LineUnit {
  readonly version: number;
  readonly offsetBytes: OffsetBytes;
  /** minimum_instruction_length: addresses advance by so many bytes. */
  readonly instructionBytes: number;
  /** maximum_operations_per_instruction: above 1 for VLIW machines. */
  readonly operationsMax: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** How many arguments in LEB128 each standard opcode has, by its number. */
  readonly argumentCounts: readonly number[];
  /** The tables of directories and files: from a byte of the section to another. */
  readonly tables: Extent;
  readonly program: Extent;
}

/** Bytes of a section. */
export interface Extent {
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
}

const VERSION_MIN = 2;
const VERSION_MAX = 5;

/** Reads the header of the unit that `unit` holds all of, behind its length. Throws DwarfFormatError. */
export function readLineUnit(unit: DwarfReader, offsetBytes: OffsetBytes): LineUnit {
  const start = unit.position;
  const version = unit.u16();
  if (version < VERSION_MIN || version > VERSION_MAX)
    throw new DwarfFormatError(`version ${version} is not known`, start);
  // The sizes of addresses and of segment selectors: each address in a program tells its own.
  if (version >= 5) unit.skip(2);
  const header = unit.part(unit.offset(offsetBytes));
  const instructionBytes = header.u8();
  const operationsMax = version >= 4 ? header.u8() : 1;
  // default_is_stmt, which is for who sets breakpoints.
  header.skip(1);
  const lineBase = header.i8();
  const lineRange = header.u8();
  const opcodeBase = header.u8();
  if (lineRange === 0 || opcodeBase === 0 || operationsMax === 0)
    throw new DwarfFormatError('a header that counts by 0', start);
  const argumentCounts = [0];
  while (argumentCounts.length < opcodeBase) argumentCounts.push(header.u8());
  return {
    ...{ version, offsetBytes, instructionBytes, operationsMax, lineBase, lineRange, opcodeBase, argumentCounts },
    tables: { start: header.position, end: header.end },
    program: { start: unit.position, end: unit.end },
  };
}
