/** Names of source files: DWARF 5, 6.2.4.1 "Standard Content Descriptions", and the tables of versions 2 to 4. */
import { DwarfFormatError, DwarfReader, type OffsetBytes } from './dwarf-reader.js';
import type { LineUnit } from './line-unit.js';

/** Strings that lie in other sections, by their offsets there; undefined where there are none. */
export interface LineStrings {
  /** .debug_line_str */
  readonly lineString: (offset: number) => string | undefined;
  /** .debug_str */
  readonly string: (offset: number) => string | undefined;
}

/** A directory, or a file and the number of its directory. */
interface Entry {
  readonly name: string | undefined;
  readonly directory: number;
}

/** Content types. DWARF 5, 7.22, table 7.27. */
const DW_LNCT_PATH = 1;
const DW_LNCT_DIRECTORY_INDEX = 2;

/** DWARF 5, 7.5.6, table 7.6. */
const Form = {
  DATA2: 0x05,
  DATA4: 0x06,
  DATA8: 0x07,
  STRING: 0x08,
  BLOCK: 0x09,
  DATA1: 0x0b,
  STRP: 0x0e,
  UDATA: 0x0f,
  DATA16: 0x1e,
  LINE_STRP: 0x1f,
} as const;

/**
 * The path of a file of a unit, by its number there, as far as the unit tells it: from version 5 on it is absolute as a
 * rule, before that a relative one starts where the compiler ran. `definedFiles` are offsets of entries in the section, which follow those of the table.
 * Undefined for a number that the unit has not. Throws DwarfFormatError.
 */
export function filePath(
  section: Uint8Array,
  unit: LineUnit,
  file: number,
  definedFiles: readonly number[],
  strings: LineStrings,
): string | undefined {
  const { directories, files } = unit.version >= 5 ? readTables(section, unit, strings) : readOldTables(section, unit);
  const defined = definedFiles[file - files.length];
  const entry = defined === undefined ? files[file] : readOldFile(new DwarfReader(section, defined, unit.program.end));
  if (entry?.name === undefined) return undefined;
  const path = entry.directory === 0 ? entry.name : joined(directories[entry.directory], entry.name);
  return joined(directories[0], path);
}

/** What follows from a directory; the path itself where it is absolute or nothing is known of the directory. */
function joined(directory: string | undefined, path: string): string {
  return directory === undefined || directory === '' || path.startsWith('/') ? path : `${directory}/${path}`;
}

interface Tables {
  /** 0 is where the compiler ran. */
  readonly directories: readonly (string | undefined)[];
  readonly files: readonly (Entry | undefined)[];
}

/** Directories and files are numbered from 1; where the compiler ran is not told. */
function readOldTables(section: Uint8Array, { tables }: LineUnit): Tables {
  const reader = new DwarfReader(section, tables.start, tables.end);
  const directories: (string | undefined)[] = [undefined];
  for (let name = reader.string(); name !== ''; name = reader.string()) directories.push(name);
  const files: (Entry | undefined)[] = [undefined];
  for (let file = readOldFile(reader); file; file = readOldFile(reader)) files.push(file);
  return { directories, files };
}

/** Undefined: the table ends. */
function readOldFile(reader: DwarfReader): Entry | undefined {
  const name = reader.string();
  if (name === '') return undefined;
  const directory = reader.unsigned();
  // When it was changed, and its length.
  reader.unsigned();
  reader.unsigned();
  return { name, directory };
}

function readTables(section: Uint8Array, { tables, offsetBytes }: LineUnit, strings: LineStrings): Tables {
  const reader = new DwarfReader(section, tables.start, tables.end);
  const directories = readEntries(reader, offsetBytes, strings).map(({ name }) => name);
  return { directories, files: readEntries(reader, offsetBytes, strings) };
}

function readEntries(reader: DwarfReader, offsetBytes: OffsetBytes, strings: LineStrings): Entry[] {
  const start = reader.position;
  const fields = Array.from({ length: reader.u8() }, () => ({ content: reader.unsigned(), form: reader.unsigned() }));
  const count = reader.unsigned();
  // An entry has a byte at least, so the section bounds their number.
  if (count > 0 && fields.length === 0) throw new DwarfFormatError('entries of nothing', start);
  const entries: Entry[] = [];
  while (entries.length < count) {
    let name: string | undefined;
    let directory = 0;
    for (const { content, form } of fields) {
      const value = readForm(reader, form, offsetBytes, strings);
      if (content === DW_LNCT_PATH && typeof value === 'string') name = value;
      if (content === DW_LNCT_DIRECTORY_INDEX && typeof value === 'number') directory = value;
    }
    entries.push({ name, directory });
  }
  return entries;
}

/** A string or a number; undefined for what is neither, or not there. Each form has a byte at least. */
function readForm(
  reader: DwarfReader,
  form: number,
  offsetBytes: OffsetBytes,
  strings: LineStrings,
): string | number | undefined {
  switch (form) {
    case Form.STRING:
      return reader.string();
    case Form.LINE_STRP:
      return strings.lineString(reader.offset(offsetBytes));
    case Form.STRP:
      return strings.string(reader.offset(offsetBytes));
    case Form.UDATA:
      return reader.unsigned();
    case Form.DATA1:
      return reader.u8();
    case Form.DATA2:
      return reader.u16();
    case Form.DATA4:
      return reader.u32();
    case Form.DATA8:
      reader.skip(8);
      return undefined;
    case Form.DATA16:
      reader.skip(16);
      return undefined;
    case Form.BLOCK:
      reader.skip(reader.unsigned());
      return undefined;
    default:
      throw new DwarfFormatError(`a form ${form}`, reader.position);
  }
}
