import { toLinear, type LinearAddress } from '../../kernel/memory/linear-address.js';
import { fullAddress, movedSymbols, symbolText, type SymbolFinder } from './address-text.js';
import type { ImageBytes } from '../../kernel/program/elf-fields.js';
import { ImageSections } from '../dwarf/image-sections.js';
import { LineTable, type LineMatch } from '../dwarf/line-table.js';
import { IndirectFunctions } from './indirect-functions.js';
import { SymbolTable } from './symbols.js';
import { finished, type Steps } from '../../vmo/steps.js';

/** Names are not cut shorter than this. */
const SHORTEST_NAME = 16;

/** Finds names and source lines, by linear addresses. */
export interface CodeNames {
  /** Finds the symbol that contains an address. */
  readonly symbols: SymbolFinder;
  /** Finds the source line of the instruction that contains an address. */
  line(linear: bigint): LineMatch | undefined;
  /** The name of the library that an address lies in: `libc.so.6`. */
  library?(linear: bigint): string | undefined;
}

/** Symbols and source lines for an image loaded in memory. */
export class PlacedImage implements CodeNames {
  /** Finds the symbol that contains a linear address. */
  readonly symbols: SymbolFinder;

  private constructor(
    private readonly symbolTable: SymbolTable,
    private readonly lineTable: LineTable,
    /** Added to the addresses in the file, modulo 2^64. */
    private readonly moved: bigint,
    private readonly indirect: IndirectFunctions,
  ) {
    this.symbols = movedSymbols(symbolTable, moved);
  }

  /** Reads an image whose first instruction is at `entry` in memory. */
  static read(image: ImageBytes, entry: LinearAddress): PlacedImage {
    return finished(PlacedImage.readInSteps(image, entry));
  }

  /** As `read`, in steps of a few milliseconds each. */
  static readInSteps(image: ImageBytes, entry: LinearAddress): Steps<PlacedImage> {
    return tables(image, (symbols, lines, indirect) => {
      return new PlacedImage(symbols, lines, BigInt(entry - symbols.entry), indirect);
    });
  }

  /** Reads an image whose addresses in memory are `base` more than those in the file, modulo 2^64: in steps, as `readInSteps`. */
  static readAtBaseInSteps(image: ImageBytes, base: bigint): Steps<PlacedImage> {
    return tables(image, (symbols, lines, indirect) => new PlacedImage(symbols, lines, base, indirect));
  }

  /** The linear address of a symbol; the first of several that have the name. */
  addressOf(name: string): bigint | undefined {
    return this.extentOf(name)?.start;
  }

  /** Where a symbol lies: its linear address and its size; the first of several that have the name. */
  extentOf(name: string): { readonly start: bigint; readonly lengthBytes: number } | undefined {
    const extent = this.symbolTable.extentOf(name);
    return extent && { start: this.placed(extent.start), lengthBytes: extent.end - extent.start };
  }

  /** Whether it has a function of which there are several, for different processors: see IndirectFunctions. */
  hasIndirect(name: string): boolean {
    return this.indirect.has(name);
  }

  /** The words through which it calls such a function, and what is there before one was chosen. */
  slotsOf(name: string): { readonly address: bigint; readonly unresolved: readonly bigint[] }[] {
    return this.indirect.slots(name).map(({ address, initial }) => {
      return { address: this.placed(address), unresolved: [0n, initial, BigInt.asUintN(64, initial + this.moved)] };
    });
  }

  /** The names of symbols that begin with some text, at most `most`. */
  namesFrom(start: string, most: number): string[] {
    return this.symbolTable.namesFrom(start, most);
  }

  /** Linear addresses at which the code of a line begins; if it has none, the next line with code counts. */
  addressesOfLine(
    line: number,
    isWanted: (path: string) => boolean,
  ): { readonly address: bigint; readonly line: number }[] {
    const found = this.lineTable.addressesOf(line, isWanted);
    return found.map(({ address, line }) => ({ address: this.placed(address), line }));
  }

  /** Finds the source line of the instruction that contains a linear address. */
  line(linear: bigint): LineMatch | undefined {
    return this.lineTable.find(Number(BigInt.asUintN(48, linear - this.moved)));
  }

  private placed(address: number): bigint {
    return toLinear(Number(BigInt.asUintN(48, BigInt(address) + this.moved)));
  }
}

type MakeImage = (symbols: SymbolTable, lines: LineTable, indirect: IndirectFunctions) => PlacedImage;

function* tables(image: ImageBytes, make: MakeImage): Steps<PlacedImage> {
  const sections = ImageSections.read(image);
  const symbols = yield* SymbolTable.readInSteps(image, sections);
  yield;
  return make(symbols, yield* LineTable.readInSteps(image, sections), new IndirectFunctions(sections));
}

/**
 * A readable location of an instruction: `0x0000000100001012 in main+0x12, main.c:7`, as far as the image provides it;
 * the address alone without an image. Without a line, the library is named: `0x0000000100001012 in puts+0x12, libc.so.6`. `isBehind` means that the address is one past the instruction, which may be the
 * last one of its function. A long name is cut, so that all fits into `columns`.
 */
export function codePlaceText(
  linear: bigint,
  image: CodeNames | undefined,
  { isBehind = false, columns = Infinity }: { readonly isBehind?: boolean; readonly columns?: number } = {},
): string {
  const back = isBehind ? 1 : 0;
  const symbol = image?.symbols(linear - BigInt(back));
  const line = image?.line(linear - BigInt(back));
  const offset = symbol && symbol.offset + back;
  const place = fullAddress(linear);
  const library = line ? undefined : image?.library?.(linear - BigInt(back));
  const source = [...(line ? [lineText(line)] : []), ...(library === undefined ? [] : [library])];
  const left = columns - [place, ' in ', ...source, ', '].join('').length - SHORTEST_NAME;
  const known = [
    ...(symbol ? [symbolText({ name: symbol.name, offset: offset! }, SHORTEST_NAME + Math.max(left, 0))] : []),
    ...source,
  ];
  return place + (known.length > 0 ? ` in ${known.join(', ')}` : '');
}

/** `main.c:7`, without the directory, since the function name is shown as well. */
export function lineText({ path, line }: LineMatch): string {
  return `${fileName(path)}:${line}`;
}

/** The part of a path behind the last slash. */
export function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
