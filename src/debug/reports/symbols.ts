/** Names of an image's functions and objects, from its symbol table: System V gABI chapter 4 "Symbol Table". */

import { findLast } from '../../sorted.js';
import { ImageSections, type Section } from '../dwarf/image-sections.js';
import type { ImageBytes } from '../../kernel/program/elf-fields.js';

/** A symbol, and how far behind it an address lies. */
export interface SymbolMatch {
  readonly name: string;
  /** Bytes. */
  readonly offset: number;
}

interface SymbolRange {
  readonly start: number;
  /** One past the last byte. */
  readonly end: number;
  /** Where the name lies in the string table. */
  readonly nameOffset: number;
}

const SYMBOL_BYTES = 24;

const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
/** A label of assembly that was not declared a function is STT_NOTYPE. */
const STT_NOTYPE = 0;
const STT_OBJECT = 1;
const STT_FUNC = 2;

/** An image may claim anything: those of one that claims more are not read. */
const MAX_SYMBOLS = 2 ** 20;

/**
 * The functions and objects of an image. A stripped image has none, and neither has one whose tables are malformed: who
 * asks for a name can do without.
 */
export class SymbolTable {
  private constructor(
    /** e_entry, which tells how far the image was moved. */
    readonly entry: number,
    /** Ascending by start. */
    private readonly ranges: readonly SymbolRange[] = [],
    private readonly nameAt: (offset: number) => string | undefined = () => undefined,
  ) {}

  /** Reads .symtab, or .dynsym where there is no other, of an ELF64 image. Names are read when asked for. */
  static read(image: ImageBytes): SymbolTable {
    const sections = ImageSections.read(image);
    const { entry, all } = sections;
    const symbols = [SHT_SYMTAB, SHT_DYNSYM].map((type) => all.find((section) => section.type === type));
    const table = symbols[0] ?? symbols[1];
    const names = table && all[table.link];
    if (!names) return new SymbolTable(entry);
    const ranges = readSymbols(sections, table).sort((a, b) => a.start - b.start || a.end - b.end);
    return new SymbolTable(entry, ranges, (offset) => sections.stringAt(names, offset));
  }

  /** The symbol that an address of the file, before the image is placed, lies in. */
  find(address: number): SymbolMatch | undefined {
    const found = this.ranges[findLast(this.ranges, address)];
    if (found === undefined || address >= found.end) return undefined;
    const name = this.nameAt(found.nameOffset);
    return name === undefined ? undefined : { name, offset: address - found.start };
  }
}

/*
 *  0 st_name:u32    4 st_info:u8    5 st_other:u8    6 st_shndx:u16    8 st_value:u64    16 st_size:u64
 */
function readSymbols(sections: ImageSections, symbols: Section): SymbolRange[] {
  const bytes = sections.bytesOf(symbols, MAX_SYMBOLS * SYMBOL_BYTES);
  if (!bytes) return [];
  const table = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ranges: SymbolRange[] = [];
  for (let at = 0; at + SYMBOL_BYTES <= bytes.length; at += SYMBOL_BYTES) {
    const type = table.getUint8(at + 4) & 0xf;
    const section = sections.all[table.getUint16(at + 6, true)];
    const nameOffset = table.getUint32(at, true);
    if (![STT_NOTYPE, STT_OBJECT, STT_FUNC].includes(type) || !section?.address || nameOffset === 0) continue;
    const start = Number(table.getBigUint64(at + 8, true));
    const size = Number(table.getBigUint64(at + 16, true));
    // A label of assembly without a size stands for what follows it, up to the next symbol.
    ranges.push({ start, end: size > 0 ? start + size : section.address + section.size, nameOffset });
  }
  return ranges;
}
