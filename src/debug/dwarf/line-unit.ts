/** The header of a line number program: DWARF 5, 6.2.4 "The Line Number Program Header", and that of versions 2 to 4. */
import { DwarfFormatError, type DwarfReader, type OffsetBytes } from './dwarf-reader.js';

/**
 * The line numbers of one compilation unit: the parameters of its program, and the location of its parts in the
 * section.
 */
export interface LineUnit {
  readonly version: number;
  readonly offsetBytes: OffsetBytes;
  /** minimum_instruction_length: the unit in which addresses advance, in bytes. */
  readonly instructionBytes: number;
  /** maximum_operations_per_instruction: above 1 for VLIW machines. */
  readonly operationsMax: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** Number of LEB128 arguments of each standard opcode, by opcode. */
  readonly argumentCounts: readonly number[];
  /** Range of the tables of directories and files in the section. */
  readonly tables: Extent;
  readonly program: Extent;
}

/** A range of bytes in a section. */
export interface Extent {
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
}

const VERSION_MIN = 2;
const VERSION_MAX = 5;

/** Reads the header of a unit; `unit` contains the whole unit after its length. Throws DwarfFormatError. */
export function readLineUnit(unit: DwarfReader, offsetBytes: OffsetBytes): LineUnit {
  const start = unit.position;
  const version = unit.u16();
  if (version < VERSION_MIN || version > VERSION_MAX)
    throw new DwarfFormatError(`version ${version} is not known`, start);
  // Skip the sizes of addresses and segment selectors: each address in a program has its own size.
  if (version >= 5) unit.skip(2);
  const header = unit.part(unit.offset(offsetBytes));
  const instructionBytes = header.u8();
  const operationsMax = version >= 4 ? header.u8() : 1;
  // Skip default_is_stmt, which only matters for breakpoints.
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
