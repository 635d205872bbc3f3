/** Source lines of an image's instructions, from .debug_line: DWARF versions 2 to 5, 6.2 "Line Number Information". */
import { findLast } from '../../sorted.js';
import { DwarfFormatError, DwarfReader } from './dwarf-reader.js';
import { ImageSections } from './image-sections.js';
import type { ImageBytes } from '../../kernel/program/elf-fields.js';
import { filePath, type LineStrings } from './line-paths.js';
import { LineProgram } from './line-program.js';
import { readLineUnit, type LineUnit } from './line-unit.js';

/** The place in a source text from which an instruction was compiled. */
export interface LineMatch {
  /** Of the file, as far as the image tells it. */
  readonly path: string;
  /** From 1. */
  readonly line: number;
}

/** Instructions that follow one another: part of a unit's line number program. */
interface Sequence {
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
  readonly unit: LineUnit;
  /** Where its part of the program begins, in the section. */
  readonly position: number;
  /** Where the files lie that the program has defined. */
  readonly definedFiles: readonly number[];
}

/** The instructions from an address to the next row come from a line. */
interface Row {
  readonly start: number;
  readonly file: number;
  readonly line: number;
}

/** An image may claim anything: a longer section is not read. */
const MAX_SECTION_BYTES = 2 ** 28;

/**
 * The line table of an image. One without has no lines, and neither has one that is malformed: who asks for a line can do
 * without. The first question runs all programs once, to learn which instructions their parts are of; then the parts that
 * questions come to are kept as rows, with the paths of their files.
 */
export class LineTable {
  private readonly bytes: Uint8Array;
  private readonly strings: LineStrings;
  private sorted: readonly Sequence[] | undefined;
  private readonly rows = new Map<Sequence, Row[]>();
  private readonly paths = new Map<LineUnit, Map<number, string | undefined>>();

  private constructor(sections: ImageSections) {
    const section = sections.named('.debug_line');
    this.bytes = (section && sections.bytesOf(section, MAX_SECTION_BYTES)) ?? new Uint8Array(0);
    const stringsOf = (name: string): ((offset: number) => string | undefined) => {
      const strings = sections.named(name);
      return (offset) => strings && sections.stringAt(strings, offset);
    };
    this.strings = { lineString: stringsOf('.debug_line_str'), string: stringsOf('.debug_str') };
  }

  static read(image: ImageBytes): LineTable {
    return new LineTable(ImageSections.read(image));
  }

  /** The line of the instruction at an address of the file, before the image is placed. */
  find(address: number): LineMatch | undefined {
    this.sorted ??= sequencesOf(this.bytes).sort((a, b) => a.start - b.start || a.end - b.end);
    const found = this.sorted[findLast(this.sorted, address)];
    if (!found || address >= found.end) return undefined;
    try {
      return this.findWithin(found, address);
    } catch (error) {
      return ignoredIfMalformed(error);
    }
  }

  private findWithin(sequence: Sequence, address: number): LineMatch | undefined {
    const rows = this.rows.get(sequence) ?? rowsOf(this.bytes, sequence);
    this.rows.set(sequence, rows);
    const { file, line } = rows[findLast(rows, address)]!;
    // Line 0 stands for code that comes from no line.
    if (!Number.isSafeInteger(line) || line < 1) return undefined;
    const path = this.pathOf(sequence, file);
    return path === undefined ? undefined : { path, line };
  }

  private pathOf({ unit, definedFiles }: Sequence, file: number): string | undefined {
    const known = this.paths.get(unit) ?? new Map<number, string | undefined>();
    this.paths.set(unit, known);
    if (!known.has(file)) known.set(file, filePath(this.bytes, unit, file, definedFiles, this.strings));
    return known.get(file);
  }
}

/** The rows of a sequence. Those that a later row follows at the same address stand for no byte. */
function rowsOf(section: Uint8Array, { unit, position }: Sequence): Row[] {
  const rows: Row[] = [];
  const program = new LineProgram(unit, new DwarfReader(section, position, unit.program.end));
  while (program.next() && !program.isEnd)
    rows.push({ start: program.address, file: program.file, line: program.line });
  return rows;
}

/** The sequences of all units that are well-formed. */
function sequencesOf(section: Uint8Array): Sequence[] {
  const sequences: Sequence[][] = [];
  const reader = new DwarfReader(section);
  try {
    while (!reader.isAtEnd) {
      const { length, offsetBytes } = reader.initialLength();
      const unit = reader.part(length);
      try {
        sequences.push(sequencesOfUnit(section, readLineUnit(unit, offsetBytes)));
      } catch (error) {
        ignoredIfMalformed(error);
      }
    }
  } catch (error) {
    ignoredIfMalformed(error);
  }
  return sequences.flat();
}

function sequencesOfUnit(section: Uint8Array, unit: LineUnit): Sequence[] {
  const sequences: Sequence[] = [];
  const program = new LineProgram(unit, new DwarfReader(section, unit.program.start, unit.program.end));
  let start: number | undefined;
  let end = 0;
  let { position } = program;
  while (program.next()) {
    const { address } = program;
    if (start !== undefined && address < end) throw new DwarfFormatError('a row before the last one', program.position);
    start ??= address;
    end = address;
    if (!program.isEnd) continue;
    // What the linker leaves out is placed at 0, where no image has code, or where nothing is.
    if (start > 0 && end > start) sequences.push({ start, end, unit, position, definedFiles: program.definedFiles });
    start = undefined;
    ({ position } = program);
  }
  return sequences;
}

/** What is malformed is as if it were not there; all other errors are thrown again. */
function ignoredIfMalformed(error: unknown): undefined {
  if (!(error instanceof DwarfFormatError)) throw error;
  return undefined;
}
