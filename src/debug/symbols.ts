/** Names of an image's functions and objects, from its symbol table: System V gABI chapter 4 "Symbol Table". */

/** The bytes of an image: a VmoHandle is such. */
export interface SymbolSource {
  readonly length: number;
  read(offset: number, length: number): Uint8Array;
}

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

const HEADER_BYTES = 64;
const SECTION_HEADER_BYTES = 64;
const SYMBOL_BYTES = 24;

const SHT_SYMTAB = 2;
const SHT_DYNSYM = 11;
/** A label of assembly that was not declared a function is STT_NOTYPE. */
const STT_NOTYPE = 0;
const STT_OBJECT = 1;
const STT_FUNC = 2;

/** An image may claim anything: more symbols, and longer names, are not read. */
const MAX_SYMBOLS = 2 ** 20;
const MAX_NAME_BYTES = 4096;

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
  static read(image: SymbolSource): SymbolTable {
    const header = readBytes(image, 0, HEADER_BYTES);
    if (!header) return new SymbolTable(0);
    const entry = Number(header.getBigUint64(24, true));
    const sections = readSections(image, header);
    const symbols = [SHT_SYMTAB, SHT_DYNSYM].map((type) => sections.find((section) => section.type === type));
    const table = symbols[0] ?? symbols[1];
    const names = table && sections[table.link];
    if (!names) return new SymbolTable(entry);
    const ranges = readSymbols(image, table, sections).sort((a, b) => a.start - b.start || a.end - b.end);
    return new SymbolTable(entry, ranges, (offset) => readName(image, names, offset));
  }

  /** The symbol that an address of the file, before the image is placed, lies in. */
  find(address: number): SymbolMatch | undefined {
    let low = 0;
    let high = this.ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.ranges[middle]!.start <= address) low = middle + 1;
      else high = middle;
    }
    const found = this.ranges[low - 1];
    if (found === undefined || address >= found.end) return undefined;
    const name = this.nameAt(found.nameOffset);
    return name === undefined ? undefined : { name, offset: address - found.start };
  }
}

interface Section {
  readonly type: number;
  readonly link: number;
  readonly address: number;
  readonly offset: number;
  readonly size: number;
}

/*
 *  0 sh_name:u32    4 sh_type:u32     8 sh_flags:u64   16 sh_addr:u64   24 sh_offset:u64
 * 32 sh_size:u64   40 sh_link:u32    44 sh_info:u32    48 sh_addralign:u64   56 sh_entsize:u64
 */
function readSections(image: SymbolSource, header: DataView): Section[] {
  const offset = Number(header.getBigUint64(40, true));
  const count = header.getUint16(60, true);
  const table = readBytes(image, offset, count * SECTION_HEADER_BYTES);
  if (!table || header.getUint16(58, true) !== SECTION_HEADER_BYTES) return [];
  return Array.from({ length: count }, (_, index) => {
    const at = index * SECTION_HEADER_BYTES;
    return {
      type: table.getUint32(at + 4, true),
      link: table.getUint32(at + 40, true),
      address: Number(table.getBigUint64(at + 16, true)),
      offset: Number(table.getBigUint64(at + 24, true)),
      size: Number(table.getBigUint64(at + 32, true)),
    };
  });
}

/*
 *  0 st_name:u32    4 st_info:u8    5 st_other:u8    6 st_shndx:u16    8 st_value:u64    16 st_size:u64
 */
function readSymbols(image: SymbolSource, symbols: Section, sections: readonly Section[]): SymbolRange[] {
  const count = Math.min(Math.floor(symbols.size / SYMBOL_BYTES), MAX_SYMBOLS);
  const table = readBytes(image, symbols.offset, count * SYMBOL_BYTES);
  if (!table) return [];
  const ranges: SymbolRange[] = [];
  for (let at = 0; at < count * SYMBOL_BYTES; at += SYMBOL_BYTES) {
    const type = table.getUint8(at + 4) & 0xf;
    const section = sections[table.getUint16(at + 6, true)];
    const nameOffset = table.getUint32(at, true);
    if (![STT_NOTYPE, STT_OBJECT, STT_FUNC].includes(type) || !section?.address || nameOffset === 0) continue;
    const start = Number(table.getBigUint64(at + 8, true));
    const size = Number(table.getBigUint64(at + 16, true));
    // A label of assembly without a size stands for what follows it, up to the next symbol.
    ranges.push({ start, end: size > 0 ? start + size : section.address + section.size, nameOffset });
  }
  return ranges;
}

function readName(image: SymbolSource, names: Section, offset: number): string | undefined {
  const view = readBytes(image, names.offset + offset, Math.min(names.size - offset, MAX_NAME_BYTES));
  if (!view) return undefined;
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  const end = bytes.indexOf(0);
  return end > 0 ? new TextDecoder().decode(bytes.subarray(0, end)) : undefined;
}

/** Bytes of the image; undefined where it does not have them. */
function readBytes(image: SymbolSource, offset: number, length: number): DataView | undefined {
  if (!Number.isSafeInteger(offset) || length <= 0 || offset + length > image.length) return undefined;
  const bytes = image.read(offset, length);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
