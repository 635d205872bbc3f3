/** Names of an image's functions and objects, from its symbol table: System V gABI chapter 4 "Symbol Table". */

import { demangled } from '../symbols/demangler-at-hand.js';
import { ImageSections, SECTION, SYMBOL, type Section } from '../dwarf/image-sections.js';
import type { ImageBytes } from '../../kernel/program/elf-fields.js';
import { finished, type Steps } from '../../vmo/steps.js';
import { RangeIndex } from '../range-index.js';

/** A symbol, and the offset of an address from it. */
export interface SymbolMatch {
  /** As programmers write it: names of C++ are demangled. */
  readonly name: string;
  /** Offset of the address from the symbol, in bytes. */
  readonly offset: number;
}

/** The addresses in the file that a symbol covers. */
interface Extent {
  readonly start: number;
  /** One past the last. */
  readonly end: number;
}

/** Symbols by number: the addresses that they cover, and where their names lie in the string table. */
interface SymbolRanges {
  readonly starts: Float64Array;
  /** One past the last byte. */
  readonly ends: Float64Array;
  readonly nameOffsets: Uint32Array;
}

/** STT_NOTYPE: an assembly label that was not declared a function. */
const STT_NOTYPE = 0;
const STT_OBJECT = 1;
const STT_FUNC = 2;

/** Larger symbol tables are not read, since images are not trusted. */
const MAX_SYMBOLS = 2 ** 20;
/** Symbols read in a step: a few milliseconds. */
const SYMBOLS_IN_STEP = 2 ** 16;

/**
 * The functions and objects of an image. The table is empty for a stripped image and for one with malformed tables,
 * since reports can do without names.
 */
export class SymbolTable {
  private constructor(
    /** e_entry, from which the load offset of the image follows. */
    readonly entry: number,
    private readonly ranges?: { readonly index: RangeIndex; readonly symbols: SymbolRanges },
    private readonly nameAt: (offset: number) => string | undefined = () => undefined,
  ) {}

  /** What names were found to be. */
  private readonly extents = new Map<string, Extent | undefined>();

  /** The names of symbols that were found. */
  private readonly usualNames = new Map<number, string | undefined>();

  /** The name found last: lines of a trace mostly find the one of the line before. */
  private lastName: { readonly mangled: string; readonly name: string } = { mangled: '', name: '' };

  /** Reads .symtab of an ELF64 image, or .dynsym if there is none. Names are read on demand. */
  static read(image: ImageBytes): SymbolTable {
    return finished(SymbolTable.readInSteps(image));
  }

  /** As `read`, in steps of a few milliseconds each. */
  static *readInSteps(image: ImageBytes, sections = ImageSections.read(image)): Steps<SymbolTable> {
    const { entry, all } = sections;
    const tables = [SECTION.symtab, SECTION.dynsym].map((type) => all.find((section) => section.type === type));
    const table = tables[0] ?? tables[1];
    const names = table && all[table.link];
    if (!names) return new SymbolTable(entry);
    const symbols = yield* readSymbols(sections, table);
    const index = yield* RangeIndex.of(symbols.starts, symbols.ends);
    return new SymbolTable(entry, { index, symbols }, (offset) => sections.stringAt(names, offset));
  }

  /** Finds the symbol that contains an address of the file (before relocation). */
  find(address: number): SymbolMatch | undefined {
    const found = this.ranges?.index.find(address);
    if (found === undefined) return undefined;
    const { starts } = this.ranges!.symbols;
    const mangled = this.usualName(address, found);
    if (mangled === undefined) return undefined;
    if (mangled !== this.lastName.mangled) this.lastName = { mangled, name: demangled(mangled) };
    return { name: this.lastName.name, offset: address - starts[found]! };
  }

  /** Of several names for the same thing, the one that programs call it by: `puts`, not `_IO_puts`. */
  private usualName(address: number, found: number): string | undefined {
    if (this.usualNames.has(found)) return this.usualNames.get(found);
    const { index, symbols } = this.ranges!;
    const names = index.findEqual(address).flatMap((symbol) => this.nameAt(symbols.nameOffsets[symbol]!) ?? []);
    const plain = names.find((name) => !name.startsWith('_'));
    const usual = plain ?? names[0];
    this.usualNames.set(found, usual);
    return usual;
  }

  /**
   * The address of a symbol in the file; the first of several that have the name. Names of C++ are found as they stand in the
   * symbol table, as programmers write them, and without their parameters: `_ZN4shop4sellEi`, `shop::sell(int)`, `shop::sell`.
   */
  addressOf(name: string): number | undefined {
    return this.extentOf(name)?.start;
  }

  /** The addresses in the file that a symbol covers, found as by `addressOf`. `end` is one past the last. */
  extentOf(name: string): Extent | undefined {
    if (!this.extents.has(name)) this.extents.set(name, this.lookUp(name));
    return this.extents.get(name);
  }

  private lookUp(name: string): Extent | undefined {
    if (!this.ranges || name === '') return undefined;
    const { starts, ends, nameOffsets } = this.ranges.symbols;
    const find = (has: (found: string) => boolean): number =>
      starts.findIndex((_, i) => has(this.nameAt(nameOffsets[i]!) ?? ''));
    const exact = find((found) => found === name);
    const found = exact >= 0 ? exact : find((mangled) => isNameOf(mangled, name));
    return found < 0 ? undefined : { start: starts[found]!, end: ends[found]! };
  }

  /** The names that begin with some text, at most `most`, in the order of the table; those of C++ without parameters. */
  namesFrom(start: string, most: number): string[] {
    const names = new Set<string>();
    for (const offset of this.ranges?.symbols.nameOffsets ?? []) {
      const found = this.nameAt(offset) ?? '';
      const name = found.startsWith(start) ? found : withoutParameters(demangled(found));
      if (name.startsWith(start)) names.add(name);
      if (names.size >= most) break;
    }
    return [...names];
  }
}

/** Whether a name of C++ is that of a symbol: with its parameters, or without. */
function isNameOf(mangled: string, name: string): boolean {
  const text = demangled(mangled);
  return text !== mangled && (text === name || text.startsWith(`${name}(`));
}

function withoutParameters(name: string): string {
  return /^[^(]+(?=\()/.exec(name)?.[0] ?? name;
}

function* readSymbols(sections: ImageSections, symbols: Section): Steps<SymbolRanges> {
  const table = sections.viewOf(symbols, MAX_SYMBOLS * SYMBOL.bytes);
  const count = Math.floor(table.byteLength / SYMBOL.bytes);
  const [starts, ends] = [new Float64Array(count), new Float64Array(count)];
  const nameOffsets = new Uint32Array(count);
  let used = 0;
  for (let symbol = 0; symbol < count; symbol++) {
    if (symbol % SYMBOLS_IN_STEP === SYMBOLS_IN_STEP - 1) yield;
    const at = symbol * SYMBOL.bytes;
    const type = table.getUint8(at + SYMBOL.info) & 0xf;
    const section = sections.all[table.getUint16(at + SYMBOL.section, true)];
    const nameOffset = table.getUint32(at + SYMBOL.name, true);
    if (![STT_NOTYPE, STT_OBJECT, STT_FUNC].includes(type) || !section?.address || nameOffset === 0) continue;
    const start = numberAt(table, at + SYMBOL.value);
    const size = numberAt(table, at + SYMBOL.size);
    // An assembly label without a size extends to the next symbol.
    ends[used] = size > 0 ? start + size : section.address + section.size;
    starts[used] = start;
    nameOffsets[used++] = nameOffset;
  }
  return { starts: starts.subarray(0, used), ends: ends.subarray(0, used), nameOffsets };
}

/** A 64-bit number as the nearest double; nothing is at addresses above 2^53. */
function numberAt(table: DataView, at: number): number {
  return table.getUint32(at + 4, true) * 2 ** 32 + table.getUint32(at, true);
}
