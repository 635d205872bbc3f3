import { Decoder } from '../../cpu/decode/decoder.js';
import { Vector } from '../../cpu/state/exceptions.js';
import { toLinear } from '../../kernel/memory/linear-address.js';
import { pidText } from '../../kernel/tasks/process-table.js';
import { describeStores } from '../../kernel/reports/spurious-write.js';
import { describeSurroundings, type Surroundings, type SymbolAt } from '../../kernel/reports/surroundings.js';
import { describeCause, type TrapReport } from '../../kernel/reports/trap-report.js';
import { fullAddress, symbolText, type SymbolFinder } from './address-text.js';
import { formatInstruction } from './instruction-text.js';
import { extensionOf, isLinuxCall } from './missing-instruction.js';
import { codePlaceText, type CodeNames } from './placed-image.js';

/** Finds the image of a process as loaded in memory, such as a `PlacedImage`, or its code with its libraries. */
export type ImageFinder = (pid: number) => CodeNames | undefined;

/** Columns per line; the first line leaves room for the name of the reporting program. */
const WIDTH = 80;
const FIRST_WIDTH = 75;
const INDENT = '  ';
/** The first byte of INT n. */
const INT = 0xcd;
const RIP = 'rip ';
/** Of a symbol in the description of a place. */
const SYMBOL_COLUMNS = 40;

/**
 * Formats the report of a trap as a few lines: the process and the reason; the location as symbol and source line; the
 * instruction; the access it attempted, and what is at that address.
 */
export function trapText(report: TrapReport, images: ImageFinder): string[] {
  const { pid, name, tid, refused, spuriousWrite } = report;
  const symbolAt: SymbolAt = (address, surroundings) => placeName(toLinear(address), surroundings, images);
  const lines = [...placeLines(report, images), instructionLine(report, images)];
  if (isLinuxCall(report.code) && !isBehind(report))
    lines.push(
      report.code[0] === INT
        ? 'a system call of 32-bit Linux, which bd0 does not have'
        : 'a Linux system call, in a program that was not started as a Linux program',
    );
  if (refused) {
    const { address, access, surroundings } = refused;
    lines.push(`${access} of ${fullAddress(toLinear(address))}`);
    lines.push(describeSurroundings(address, surroundings, symbolAt(address, surroundings)));
  }
  if (spuriousWrite) lines.push(...describeStores(spuriousWrite, symbolAt));
  const first = `process ${pidText(pid)} (${name}), thread ${tid}: ${describeCause(report)}`;
  return [fitted(first, FIRST_WIDTH), ...lines.map((line) => fitted(`${INDENT}${line}`, WIDTH))];
}

/** The location of the instruction: in an image or elsewhere. */
function placeLines({ rip, place, ...report }: TrapReport, images: ImageFinder): string[] {
  const ofProcess = place?.mapping && images(place.pid);
  const inImage = place?.mapping !== undefined && (place.part.kind === 'image' || isInLibrary(ofProcess, rip));
  const image = inImage ? ofProcess : undefined;
  const columns = WIDTH - INDENT.length - RIP.length;
  const text = RIP + codePlaceText(rip, image, { isBehind: isBehind(report), columns });
  const isFetch = report.refused?.access === 'execute' && toLinear(report.refused.address) === rip;
  // The line on what is at the address belongs to the refused access.
  if (inImage || isFetch) return [text];
  const address = Number(BigInt.asUintN(48, rip));
  return [text, describeSurroundings(address, place)];
}

function isInLibrary(names: CodeNames | undefined, linear: bigint): boolean {
  return names?.library?.(linear) !== undefined;
}

/** The name of what an image has at an address: `counter+0x4`; `stdout in libc.so.6`, or the library alone, in a library. */
function placeName(linear: bigint, surroundings: Surroundings | undefined, images: ImageFinder): string | undefined {
  const names = surroundings && images(surroundings.pid);
  const library = names?.library?.(linear);
  if (!names || (surroundings.part.kind !== 'image' && library === undefined)) return undefined;
  const match = names.symbols(linear);
  const symbol = match && symbolText(match, SYMBOL_COLUMNS);
  return symbol !== undefined && library !== undefined ? `${symbol} in ${library}` : (symbol ?? library);
}

/** Whether rip is one past the instruction: after traps and in kernel calls. */
function isBehind({ vector, spuriousWrite }: Pick<TrapReport, 'vector' | 'spuriousWrite'>): boolean {
  if (vector === undefined) return spuriousWrite === undefined || spuriousWrite.call !== undefined;
  return vector === Vector.BP || vector === Vector.DB || vector === Vector.OF;
}

function instructionLine(report: TrapReport, images: ImageFinder): string {
  const { code, rip, place } = report;
  if (code.length === 0) return 'no instruction: nothing can be read there';
  const symbols: SymbolFinder = (linear) => images(place?.pid ?? report.pid)?.symbols(linear);
  const decoded = new Decoder().decode(code, 0, code.length);
  const lacked = report.vector === Vector.UD && typeof decoded !== 'string' ? decoded.form.row.feature : '';
  if (typeof decoded === 'string' || lacked !== '') {
    // A model of the processor may lack what others have.
    const extension = lacked === '' ? extensionOf(code) : lacked.replace('_', '.');
    const which =
      extension === undefined
        ? 'no instruction of this CPU'
        : `an instruction of ${extension}, which this CPU does not have`;
    return `${which}: ${bytesText(code)}`;
  }
  return `${isBehind(report) ? 'next: ' : ''}${formatInstruction(decoded, rip, symbols)}`;
}

function bytesText(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** Cuts a line to `columns`; control characters are shown as question marks. */
function fitted(line: string, columns: number): string {
  const characters = [...line.replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '?')];
  return characters.length <= columns ? characters.join('') : `${characters.slice(0, columns - 3).join('')}...`;
}
