import { hex } from '../../bits.js';
import { Decoder } from '../../cpu/decode/decoder.js';
import { Vector } from '../../cpu/state/exceptions.js';
import { toLinear } from '../../kernel/memory/linear-address.js';
import { pidText } from '../../kernel/tasks/process-table.js';
import { describeStores } from '../../kernel/reports/spurious-write.js';
import { describeSurroundings, type SymbolAt } from '../../kernel/reports/surroundings.js';
import { describeCause, type TrapReport } from '../../kernel/reports/trap-report.js';
import { symbolText, type SymbolFinder } from './address-text.js';
import { formatInstruction } from './instruction-text.js';
import { codePlaceText, type PlacedImage } from './placed-image.js';

/** The image of a process as it lies in memory. */
export type ImageFinder = (pid: number) => PlacedImage | undefined;

/** Columns of a line; the first one leaves room for the name of who tells it. */
const WIDTH = 80;
const FIRST_WIDTH = 75;
const INDENT = '  ';

/**
 * The report of a trap as a short block of lines: who and why; where, as symbol and source line; the instruction; what it
 * wanted, and what lies there.
 */
export function trapText(report: TrapReport, images: ImageFinder): string[] {
  const { pid, name, tid, refused, spuriousWrite } = report;
  const symbolAt: SymbolAt = (address, surroundings) => {
    const match = surroundings?.part.kind === 'image' && images(surroundings.pid)?.symbols(toLinear(address));
    return match ? symbolText(match) : undefined;
  };
  const lines = [...placeLines(report, images), instructionLine(report, images)];
  if (refused) {
    const { address, access, surroundings } = refused;
    lines.push(`${access} of ${hex(toLinear(address), 16)}`);
    lines.push(describeSurroundings(address, surroundings, symbolAt(address, surroundings)));
  }
  if (spuriousWrite) lines.push(...describeStores(spuriousWrite, symbolAt));
  const first = `process ${pidText(pid)} (${name}), thread ${tid}: ${describeCause(report)}`;
  return [fitted(first, FIRST_WIDTH), ...lines.map((line) => fitted(`${INDENT}${line}`, WIDTH))];
}

/** Where the instruction lies: in an image, or in what else. */
function placeLines({ rip, place, ...report }: TrapReport, images: ImageFinder): string[] {
  const inImage = place?.part.kind === 'image' && place.mapping !== undefined;
  const text = `rip ${codePlaceText(rip, inImage ? images(place.pid) : undefined, isBehind(report))}`;
  const isFetch = report.refused?.access === 'execute' && toLinear(report.refused.address) === rip;
  // What lies there is told of the access that was refused.
  if (inImage || isFetch) return [text];
  const address = Number(BigInt.asUintN(48, rip));
  return [text, describeSurroundings(address, place)];
}

/** rip is one past the instruction: in traps, and where a kernel-call was made. */
function isBehind({ vector, spuriousWrite }: Pick<TrapReport, 'vector' | 'spuriousWrite'>): boolean {
  if (vector === undefined) return spuriousWrite === undefined || spuriousWrite.call !== undefined;
  return vector === Vector.BP || vector === Vector.DB || vector === Vector.OF;
}

function instructionLine(report: TrapReport, images: ImageFinder): string {
  const { code, rip, place } = report;
  if (code.length === 0) return 'no instruction: nothing can be read there';
  const symbols: SymbolFinder = (linear) => images(place?.pid ?? report.pid)?.symbols(linear);
  const decoded = new Decoder().decode(code, 0, code.length);
  if (typeof decoded === 'string') return `no instruction of this CPU: ${bytesText(code)}`;
  return `${isBehind(report) ? 'next: ' : ''}${formatInstruction(decoded, rip, symbols)}`;
}

function bytesText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** Cut to so many columns; what would move the cursor of a terminal is shown as a question mark. */
function fitted(line: string, columns: number): string {
  const characters = [...line.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')];
  return characters.length <= columns ? characters.join('') : `${characters.slice(0, columns - 3).join('')}...`;
}
