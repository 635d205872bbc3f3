import { hex } from '../../bits.js';
import type { TranslatedInstruction, TranslationEvent } from '../../cpu/translator/events.js';
import { addressText, type SymbolFinder } from '../reports/address-text.js';
import { formatInstruction } from '../reports/instruction-text.js';
import { wasmText, type WasmLine } from './wasm-text.js';

/** What formatting a translation needs from the machine. */
export interface TranslationContext {
  /** Reads bytes at a linear address, as many as are readable. */
  readonly readMemory: (linear: bigint, lengthBytes: number) => Uint8Array;
  readonly symbols?: SymbolFinder;
}

/** Columns for the bytes of an instruction; longer instructions overflow. */
const BYTES_COLUMNS = 7 * 3;

/** Describes a translation in one line: which region was compiled, its size, and why. */
export function describeTranslation(event: TranslationEvent, symbols?: SymbolFinder): string {
  const { base, entries, instructions, bytes, milliseconds, reason } = event;
  const size = [
    counted(entries.length, 'entry', 'entries'),
    counted(instructions.length, 'instruction', 'instructions'),
    `${bytes.length} bytes of Wasm in ${milliseconds.toFixed(2)} ms`,
  ];
  return `region ${addressText(base, symbols)}: ${size.join(', ')}${reason === undefined ? '' : `; ${reason}`}`;
}

/**
 * Formats a region as text: its entries, then its functions, with each guest instruction (address and bytes) followed
 * by the Wasm code generated for it, each line with its offset in the module. Functions that contain no guest
 * instruction are omitted. Throws if an instruction's offset is in no function.
 */
export function translationText(event: TranslationEvent, context: TranslationContext): string[] {
  const functions = functionsOf(wasmText(event.bytes));
  for (const { rip, wasmOffset } of event.instructions)
    if (!functions.some((lines) => isWithin(lines, wasmOffset)))
      throw new Error(
        `the code of the instruction at ${hex(rip)} begins at byte ${wasmOffset}, which is in no function`,
      );
  return [
    ...event.entries.map((rip) => `entry ${addressText(rip, context.symbols)}`),
    ...functions.flatMap((lines) => functionText(lines, event.instructions, context)),
  ];
}

/** The lines of each function of a module. */
function functionsOf(lines: readonly WasmLine[]): WasmLine[][] {
  const functions: WasmLine[][] = [];
  for (const line of lines) {
    if (line.text.startsWith('  (func ')) functions.push([line]);
    else functions.at(-1)?.push(line);
    if (line.text === '  )') functions.push([]);
  }
  return functions.filter(([first]) => first?.text.startsWith('  (func '));
}

function functionText(
  lines: readonly WasmLine[],
  instructions: readonly TranslatedInstruction[],
  context: TranslationContext,
): string[] {
  const here = instructions.filter(({ wasmOffset }) => isWithin(lines, wasmOffset));
  if (here.length === 0) return [];
  const columns = String(lines.at(-1)!.end).length;
  const texts: string[] = [];
  let next = 0;
  for (const { offset, text } of lines) {
    for (; next < here.length && here[next]!.wasmOffset <= offset; next++) texts.push(guestLine(here[next]!, context));
    texts.push(`${String(offset).padStart(columns)} ${text}`);
  }
  return texts;
}

function isWithin(lines: readonly WasmLine[], offset: number): boolean {
  return offset >= lines[0]!.offset && offset < lines.at(-1)!.end;
}

/** `0x100001000 <main>: 48 89 e5              mov rbp,rsp`. */
function guestLine({ rip, instruction }: TranslatedInstruction, { readMemory, symbols }: TranslationContext): string {
  const bytes = Array.from(readMemory(rip, instruction.length), (byte) => hex(byte, 2).slice(2)).join(' ');
  return `${addressText(rip, symbols)}: ${bytes.padEnd(BYTES_COLUMNS)} ${formatInstruction(instruction, rip, symbols)}`;
}

function counted(count: number, one: string, more: string): string {
  return `${count} ${count === 1 ? one : more}`;
}
