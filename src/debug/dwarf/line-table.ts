/** Source lines of an image's instructions, from .debug_line: DWARF versions 2 to 5, 6.2 "Line Number Information". */
import { findLast } from '../../sorted.js';
import type { ImageBytes } from '../../kernel/program/elf-fields.js';
import { finished, type Steps } from '../../vmo/steps.js';
import { RangeIndex } from '../range-index.js';
import { DwarfFormatError, DwarfReader } from './dwarf-reader.js';
import { ImageSections } from './image-sections.js';
import { filePath, type LineStrings } from './line-paths.js';
import { LineProgram } from './line-program.js';
import { ReadingEffort } from './reading-effort.js';
import { readLineUnit, type LineUnit } from './line-unit.js';

/** The source location that an instruction was compiled from. */
export interface LineMatch {
  /** Path of the file, as far as the image specifies it. */
  readonly path: string;
  /** From 1. */
  readonly line: number;
}

/** Consecutive instructions: part of a unit's line number program. */
interface Sequence {
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
  readonly unit: LineUnit;
  /** Offset of its part of the program in the section. */
  readonly position: number;
  /** Offsets of the entries of files that the program has defined. */
  readonly definedFiles: readonly number[];
}

/** A row: the instructions from its address to that of the next row belong to one line. */
interface Row {
  readonly start: number;
  readonly file: number;
  readonly line: number;
}

/*
 * An image may claim anything. A longer section is not read, nor is what lies behind the opcodes, units and sequences that
 * the effort covers, in opcodes: gcc's own compiler has about 3 million, a 250,000-line C file 400,000. Reading that many
 * takes up to half a second. The rows of one sequence are made in one step, so a longer one has no lines.
 */
const MAX_SECTION_BYTES = 2 ** 25;
const MAX_EFFORT = 2 ** 22;
const UNIT_EFFORT = 256;
const SEQUENCE_EFFORT = 16;
const MAX_SEQUENCE_OPCODES = 2 ** 20;

/**
 * The line table of an image. It is empty if the image has none or if it is malformed, since reports can do without
 * lines. Reading it runs all programs once to find the instructions that their sequences cover; the rows of sequences
 * that are looked up are kept, with the paths of their files.
 */
export class LineTable {
  private readonly rows = new Map<Sequence, Row[]>();
  private readonly paths = new Map<LineUnit, Map<number, string | undefined>>();

  private constructor(
    private readonly bytes: Uint8Array,
    private readonly strings: LineStrings,
    private readonly sequences: readonly Sequence[],
    private readonly index: RangeIndex,
  ) {}

  /** Reads the table at once. */
  static read(image: ImageBytes): LineTable {
    return finished(LineTable.readInSteps(image));
  }

  /** Reads the table in steps of a few milliseconds each. */
  static *readInSteps(image: ImageBytes, sections = ImageSections.read(image)): Steps<LineTable> {
    const section = sections.named('.debug_line');
    const bytes = (section && sections.bytesOf(section, MAX_SECTION_BYTES)) ?? new Uint8Array(0);
    const stringsOf = (name: string): ((offset: number) => string | undefined) => {
      const strings = sections.named(name);
      return (offset) => strings && sections.stringAt(strings, offset);
    };
    const strings = { lineString: stringsOf('.debug_line_str'), string: stringsOf('.debug_str') };
    const sequences = yield* sequencesOf(bytes, new ReadingEffort(MAX_EFFORT));
    const starts = Float64Array.from(sequences, ({ start }) => start);
    const ends = Float64Array.from(sequences, ({ end }) => end);
    return new LineTable(bytes, strings, sequences, yield* RangeIndex.of(starts, ends));
  }

  /** Finds the line of the instruction at an address of the file (before relocation). */
  find(address: number): LineMatch | undefined {
    const found = this.index.find(address);
    if (found === undefined) return undefined;
    try {
      return this.findWithin(this.sequences[found]!, address);
    } catch (error) {
      return ignoredIfMalformed(error);
    }
  }

  /**
   * Addresses of the file at which the code of a line begins, the first one of each sequence. If the line has no code, the
   * next line with code counts. `isWanted` chooses the source file by its path.
   */
  addressesOf(
    line: number,
    isWanted: (path: string) => boolean,
  ): { readonly address: number; readonly line: number }[] {
    let least = Infinity;
    const found = new Map<number, Map<Sequence, number>>();
    for (const sequence of this.sequences) {
      try {
        for (const row of this.rowsOf(sequence)) {
          if (row.line < line || row.line > least || !isWanted(this.pathOf(sequence, row.file) ?? '')) continue;
          least = row.line;
          const firsts = found.get(least) ?? new Map<Sequence, number>();
          found.set(least, firsts);
          firsts.set(sequence, Math.min(firsts.get(sequence) ?? Infinity, row.start));
        }
      } catch (error) {
        ignoredIfMalformed(error);
      }
    }
    return [...(found.get(least)?.values() ?? [])].map((address) => ({ address, line: least }));
  }

  private rowsOf(sequence: Sequence): readonly Row[] {
    const rows = this.rows.get(sequence) ?? rowsOf(this.bytes, sequence);
    this.rows.set(sequence, rows);
    return rows;
  }

  private findWithin(sequence: Sequence, address: number): LineMatch | undefined {
    const rows = this.rowsOf(sequence);
    const { file, line } = rows[findLast(rows, address)]!;
    // Line 0 marks code that belongs to no line.
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

/** The rows of a sequence. Rows followed by another row at the same address cover no bytes and are omitted. */
function rowsOf(section: Uint8Array, { unit, position }: Sequence): Row[] {
  const rows: Row[] = [];
  const program = new LineProgram(unit, new DwarfReader(section, position, unit.program.end));
  while (!program.isEnd)
    if (program.step()) rows.push({ start: program.address, file: program.file, line: program.line });
  rows.pop();
  return rows;
}

/** The sequences of all well-formed units, as far as the effort suffices. */
function* sequencesOf(section: Uint8Array, effort: ReadingEffort): Steps<Sequence[]> {
  const sequences: Sequence[] = [];
  const reader = new DwarfReader(section);
  try {
    while (!reader.isAtEnd && effort.charge(UNIT_EFFORT)) {
      if (effort.takesPause()) yield;
      const { length, offsetBytes } = reader.initialLength();
      const unit = reader.part(length);
      try {
        for (const sequence of yield* sequencesOfUnit(section, readLineUnit(unit, offsetBytes), effort))
          sequences.push(sequence);
      } catch (error) {
        ignoredIfMalformed(error);
      }
    }
  } catch (error) {
    ignoredIfMalformed(error);
  }
  return sequences;
}

/** The sequences of a unit; none if the effort is spent before the unit ends. */
function* sequencesOfUnit(section: Uint8Array, unit: LineUnit, effort: ReadingEffort): Steps<Sequence[]> {
  const sequences: Sequence[] = [];
  const program = new LineProgram(unit, new DwarfReader(section, unit.program.start, unit.program.end));
  let start: number | undefined;
  let end = 0;
  let opcodes = 0;
  let { position } = program;
  while (!program.isAtEnd) {
    if (!effort.charge(1)) return [];
    if (effort.takesPause()) yield;
    opcodes++;
    if (!program.step()) continue;
    const { address } = program;
    if (start !== undefined && address < end) throw new DwarfFormatError('a row before the last one', program.position);
    start ??= address;
    end = address;
    if (!program.isEnd) continue;
    // Sequences of code that the linker dropped are placed at 0, where no image has code, or have no valid address.
    const isThere = start > 0 && end > start && opcodes <= MAX_SEQUENCE_OPCODES;
    if (isThere && effort.charge(SEQUENCE_EFFORT))
      sequences.push({ start, end, unit, position, definedFiles: program.definedFiles });
    start = undefined;
    opcodes = 0;
    ({ position } = program);
  }
  return sequences;
}

/** Treats malformed data as missing; rethrows all other errors. */
function ignoredIfMalformed(error: unknown): undefined {
  if (!(error instanceof DwarfFormatError)) throw error;
  return undefined;
}
