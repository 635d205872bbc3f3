import { hex } from '../../bits.js';
import { LONGEST_INSTRUCTION } from '../../cpu/decode/code-bytes.js';
import { Decoder } from '../../cpu/decode/decoder.js';
import { fullAddress } from '../reports/address-text.js';
import { formatInstruction } from '../reports/instruction-text.js';
import { lineText } from '../reports/placed-image.js';
import type { SymbolMatch } from '../reports/symbols.js';
import type { DebugTarget } from '../target.js';
import type { ProcessImages } from './places/process-images.js';

/** The lines of a source file; undefined if it cannot be read. */
export type SourceReader = (path: string) => readonly string[] | undefined;

/** A line of a disassembly. */
export interface CodeLine {
  readonly address: bigint;
  readonly next: bigint;
  /** `0x0000000100001012 <main+0x12>: mov eax,0x1`. */
  readonly text: string;
}

/**
 * `0x0000000100001012 in main+0x12, main.c:7`; the line is that of the instruction `back` bytes before, or around that. Without a
 * line, the library is named: `0x0000000100001012 in puts+0x12, libc.so.6`.
 */
export function placeText(images: ProcessImages, rip: bigint, back = 0): string {
  const symbol = images.symbolText(rip);
  const line = images.line(rip - BigInt(back));
  const file = line ? lineText(line) : images.library(rip);
  const known = [symbol, file].filter((text) => text !== undefined);
  return fullAddress(rip) + (known.length > 0 ? ` in ${known.join(', ')}` : '');
}

/** A line of a source with its number: `7	  return 3;`. */
export function numberedLine(line: number, text: string): string {
  return `${line}\t${text}`;
}

/** What a disassembly is made of. */
interface CodeSource {
  readonly target: DebugTarget;
  readonly images: ProcessImages;
  /** The process of which it is the code. */
  readonly pid: number | undefined;
}

/** Instructions from an address on; the last one may be a byte that is no instruction. */
export function disassemble({ target, images, pid }: CodeSource, from: bigint, count: number): CodeLine[] {
  const decoder = new Decoder();
  const lines: CodeLine[] = [];
  for (let at = from; lines.length < count; at = lines.at(-1)!.next) {
    const bytes = target.readMemory(at, LONGEST_INSTRUCTION, pid);
    if (bytes.length === 0) break;
    const found = decoder.decode(bytes, 0, bytes.length);
    const [text, length] =
      typeof found === 'string'
        ? [`(bad) ${hex(bytes[0]!, 2)}`, 1]
        : [formatInstruction(found, at, images.symbols), found.length];
    lines.push({ address: at, next: at + BigInt(length), text: `${labelText(at, images)}: ${text}` });
  }
  return lines;
}

/** The function of the current instruction, and instructions around it: from the start of the function on, or from itself. */
export function codeAround(
  source: CodeSource & { readonly frame: { readonly rip: bigint } },
  rows: number,
): { readonly symbol: SymbolMatch | undefined; readonly lines: readonly CodeLine[] } {
  const { rip } = source.frame;
  const symbol = source.images.symbols(rip);
  const before = symbol ? disassemble(source, rip - BigInt(symbol.offset), symbol.offset) : [];
  const at = before.findIndex(({ address }) => address === rip);
  const start = at < 0 ? rip : before[Math.max(0, at - Math.floor(rows / 2))]!.address;
  return { symbol, lines: disassemble(source, start, rows) };
}

/** `0x0000000100001012 <main+0x12>`, or the address alone if the symbol is unknown. */
export function labelText(at: bigint, images: ProcessImages): string {
  const symbol = images.symbolText(at);
  return fullAddress(at) + (symbol === undefined ? '' : ` <${symbol}>`);
}
