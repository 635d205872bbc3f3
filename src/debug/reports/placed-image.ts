import { hex } from '../../bits.js';
import type { LinearAddress } from '../../kernel/memory/linear-address.js';
import { placedSymbols, symbolText, type SymbolFinder } from './address-text.js';
import type { ImageBytes } from '../../kernel/program/elf-fields.js';
import { LineTable, type LineMatch } from '../dwarf/line-table.js';
import { SymbolTable } from './symbols.js';

/** What an image that lies in memory knows of addresses: names, and source lines. It is read when it is first asked. */
export class PlacedImage {
  private symbolTable: SymbolTable | undefined;
  private lineTable: LineTable | undefined;

  /** `entry` is where the first instruction lies in memory. */
  constructor(
    private readonly image: ImageBytes,
    private readonly entry: LinearAddress,
  ) {}

  /** The symbol that a linear address lies in. */
  readonly symbols: SymbolFinder = (linear) => placedSymbols(this.table, this.entry)(linear);

  /** The source line of the instruction that a linear address lies in. */
  line(linear: bigint): LineMatch | undefined {
    this.lineTable ??= LineTable.read(this.image);
    return this.lineTable.find(Number(BigInt.asUintN(48, linear - BigInt(this.entry - this.table.entry))));
  }

  private get table(): SymbolTable {
    return (this.symbolTable ??= SymbolTable.read(this.image));
  }
}

/**
 * Where an instruction lies, for people: `0x0000000100001012 in main+0x12, main.c:7`, as far as the image knows it; the
 * address alone without an image. `isBehind`: the address is one past the instruction, which may end its function.
 */
export function codePlaceText(linear: bigint, image: PlacedImage | undefined, isBehind = false): string {
  const back = isBehind ? 1 : 0;
  const symbol = image?.symbols(linear - BigInt(back));
  const line = image?.line(linear - BigInt(back));
  const known = [
    ...(symbol ? [symbolText({ name: symbol.name, offset: symbol.offset + back })] : []),
    ...(line ? [lineText(line)] : []),
  ];
  return hex(linear, 16) + (known.length > 0 ? ` in ${known.join(', ')}` : '');
}

/** `main.c:7`: without the directory, which the function's name makes up for. */
export function lineText({ path, line }: LineMatch): string {
  return `${path.slice(path.lastIndexOf('/') + 1)}:${line}`;
}
