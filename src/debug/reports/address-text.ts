import { hex } from '../../bits.js';
import type { SymbolMatch, SymbolTable } from './symbols.js';

const CUT = '...';
const ADDRESS_DIGITS = 16;

/** Finds the symbol that contains a linear address. */
export type SymbolFinder = (linear: bigint) => SymbolMatch | undefined;

/** `0x0000000100001012`. */
export function fullAddress(linear: bigint): string {
  return hex(linear, ADDRESS_DIGITS);
}

/** The symbols of an image loaded with its entry point at `entry`. */
export function placedSymbols(symbols: SymbolTable, entry: number): SymbolFinder {
  return movedSymbols(symbols, BigInt(entry - symbols.entry));
}

/** The symbols of an image whose addresses in memory are `moved` more than those in the file, modulo 2^64. */
export function movedSymbols(symbols: SymbolTable, moved: bigint): SymbolFinder {
  return (linear) => symbols.find(Number(BigInt.asUintN(48, linear - moved)));
}

/** `main+0x12`, or `main` at its start. A name that does not fit into `columns` is cut: `std::vector<std::...+0x12`. */
export function symbolText({ name, offset }: SymbolMatch, columns = Infinity): string {
  const behind = offset === 0 ? '' : `+${hex(offset)}`;
  const fits = name.length + behind.length <= columns;
  return (fits ? name : `${name.slice(0, Math.max(0, columns - behind.length - CUT.length))}${CUT}`) + behind;
}

/** `0x401012 <main+0x12>`, or the address alone if the symbol is unknown. */
export function addressText(linear: bigint, symbols?: SymbolFinder): string {
  const match = symbols?.(linear);
  return hex(linear) + (match ? ` <${symbolText(match)}>` : '');
}
