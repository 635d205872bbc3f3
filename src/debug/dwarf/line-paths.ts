/** Names of source files: DWARF 5, 6.2.4.1 "Standard Content Descriptions", and the tables of versions 2 to 4. */
import { DwarfFormatError, DwarfReader, type OffsetBytes } from './dwarf-reader.js';
import type { LineUnit } from './line-unit.js';

/** Strings in other sections, by offset; undefined if there is no such string. */
export interface LineStrings {
  /** .debug_line_str */
  readonly lineString: (offset: number) => string | undefined;
  /** .debug_str */
  readonly string: (offset: number) => string | undefined;
}

/** A directory or a file of a table, whose name has not been read yet. */
interface Entry {
  /** Undefined for an entry without a name. */
  readonly name: Place | undefined;
  /** The number of its directory. */
  readonly directory: number;
}

/** A value in the section: its form, and its offset. */
interface Place {
  readonly form: number;
  readonly position: number;
}

/** Maximum number of values read from a table, since units are not trusted; reading them takes a tenth of a second. */
const MAX_VALUES = 2 ** 20;

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
 * The path of a file of a unit, by its number there, as far as the unit specifies it. From version 5 on it is usually
 * absolute; before that, a relative path starts in the compilation directory, which the unit does not name.
 * `definedFiles` are offsets of entries in the section; their numbers follow those of the table. Only the names in the
 * path are read. Returns undefined for a number that the unit does not have. Throws DwarfFormatError.
 */
export function filePath(
  section: Uint8Array,
  unit: LineUnit,
  file: number,
  definedFiles: readonly number[],
  strings: LineStrings,
): string | undefined {
  const tables = unit.version >= 5 ? new Tables(section, unit) : new OldTables(section, unit);
  const entry = tables.file(file, definedFiles);
  const nameOf = ({ name }: Entry): string | undefined => {
    const value =
      name && readForm(new DwarfReader(section, name.position, unit.program.end), name.form, unit.offsetBytes, strings);
    return typeof value === 'string' ? value : undefined;
  };
  const name = entry && nameOf(entry);
  if (entry === undefined || name === undefined) return undefined;
  const directoryName = (index: number): string | undefined => {
    const directory = tables.directory(index);
    return directory && nameOf(directory);
  };
  const path = entry.directory === 0 ? name : joined(directoryName(entry.directory), name);
  return joined(directoryName(0), path);
}

/** Joins a path to a directory; returns the path itself if it is absolute or the directory is unknown. */
function joined(directory: string | undefined, path: string): string {
  return directory === undefined || directory === '' || path.startsWith('/') ? path : `${directory}/${path}`;
}

/** The tables of versions 2 to 4: directories and files are numbered from 1; directory 0 is not in the table. */
class OldTables {
  constructor(
    private readonly section: Uint8Array,
    private readonly unit: LineUnit,
  ) {}

  directory(index: number): Entry | undefined {
    const reader = this.readerOfTables();
    for (let number = 1; number <= MAX_VALUES; number++) {
      const { position } = reader;
      if (reader.skipString() === 0) return undefined;
      if (number === index) return { name: { form: Form.STRING, position }, directory: 0 };
    }
    throw tooLong(reader);
  }

  file(index: number, definedFiles: readonly number[]): Entry | undefined {
    const reader = this.readerOfTables();
    for (let values = 1; reader.skipString() !== 0; values++) if (values > MAX_VALUES) throw tooLong(reader);
    for (let number = 1; number <= MAX_VALUES; number++) {
      const entry = readOldFile(reader);
      if (!entry) return this.definedFile(definedFiles[index - number]);
      if (number === index) return entry;
    }
    throw tooLong(reader);
  }

  private definedFile(position: number | undefined): Entry | undefined {
    return position === undefined
      ? undefined
      : readOldFile(new DwarfReader(this.section, position, this.unit.program.end));
  }

  private readerOfTables(): DwarfReader {
    return new DwarfReader(this.section, this.unit.tables.start, this.unit.tables.end);
  }
}

/** Undefined at the end of the table. */
function readOldFile(reader: DwarfReader): Entry | undefined {
  const { position } = reader;
  if (reader.skipString() === 0) return undefined;
  const directory = reader.unsigned();
  // The time of its last change, and its length.
  reader.unsigned();
  reader.unsigned();
  return { name: { form: Form.STRING, position }, directory };
}

/** The tables of version 5: all numbers start at 0; directory 0 is that of the compilation. */
class Tables {
  constructor(
    private readonly section: Uint8Array,
    private readonly unit: LineUnit,
  ) {}

  directory(index: number): Entry | undefined {
    return this.entry(this.readerOfTables(), index).entry;
  }

  file(index: number, definedFiles: readonly number[]): Entry | undefined {
    const reader = this.readerOfTables();
    this.entry(reader, Infinity);
    const { entry, count } = this.entry(reader, index);
    const position = definedFiles[index - count];
    return position === undefined ? entry : readOldFile(new DwarfReader(this.section, position, this.unit.program.end));
  }

  /** Reads a table up to an entry, or skips all of it if it has fewer entries. */
  private entry(reader: DwarfReader, index: number): { readonly entry: Entry | undefined; readonly count: number } {
    const start = reader.position;
    const fields = Array.from({ length: reader.u8() }, () => ({ content: reader.unsigned(), form: reader.unsigned() }));
    const count = reader.unsigned();
    if (count > 0 && fields.length === 0) throw new DwarfFormatError('entries of nothing', start);
    let entry: Entry | undefined;
    for (let number = 0; number < Math.min(count, index + 1); number++) {
      if (number * fields.length > MAX_VALUES) throw tooLong(reader);
      entry = this.readEntry(reader, fields);
    }
    return { entry: index < count ? entry : undefined, count };
  }

  private readEntry(reader: DwarfReader, fields: readonly Field[]): Entry {
    let name: Place | undefined;
    let directory = 0;
    for (const { content, form } of fields) {
      const { position } = reader;
      const value = readForm(reader, form, this.unit.offsetBytes);
      if (content === DW_LNCT_PATH) name = { form, position };
      if (content === DW_LNCT_DIRECTORY_INDEX && typeof value === 'number') directory = value;
    }
    return { name, directory };
  }

  private readerOfTables(): DwarfReader {
    return new DwarfReader(this.section, this.unit.tables.start, this.unit.tables.end);
  }
}

/** A field of a table's entries: a content type, and the form of its value. */
interface Field {
  readonly content: number;
  readonly form: number;
}

function tooLong({ position }: DwarfReader): DwarfFormatError {
  return new DwarfFormatError(`a table of more than ${MAX_VALUES} values`, position);
}

/** A string or a number; undefined for any other value. Without `strings`, strings are skipped, and are undefined. */
function readForm(
  reader: DwarfReader,
  form: number,
  offsetBytes: OffsetBytes,
  strings?: LineStrings,
): string | number | undefined {
  switch (form) {
    case Form.STRING:
      if (strings) return reader.string();
      reader.skipString();
      return undefined;
    case Form.LINE_STRP:
    case Form.STRP: {
      const offset = reader.offset(offsetBytes);
      return form === Form.STRP ? strings?.string(offset) : strings?.lineString(offset);
    }
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
