import { hex } from '../../bits.js';
import type { SymbolMatch, SymbolTable } from './symbols.js';

/** Finds the symbol that contains a linear address. */
export type SymbolFinder = (linear: bigint) => SymbolMatch | undefined;

/** The symbols of an image loaded with its entry point at `entry`. */
export function placedSymbols(symbols: SymbolTable, entry: number): SymbolFinder {
  const moved = BigInt(entry - symbols.entry);
  return (linear) => symbols.find(Number(BigInt.asUintN(48, linear - moved)));
}

/** `main+0x12`, or `main` at its start. */
export function symbolText({ name, offset }: SymbolMatch): string {
  return offset === 0 ? name : `${name}+${hex(offset)}`;
}

/** `0x401012 <main+0x12>`, or the address alone if the symbol is unknown. */
export function addressText(linear: bigint, symbols?: SymbolFinder): string {
  const match = symbols?.(linear);
  return hex(linear) + (match ? ` <${symbolText(match)}>` : '');
}
