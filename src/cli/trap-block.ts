import { placedSymbols } from '../debug/address-text.js';
import { SymbolTable } from '../debug/symbols.js';
import { describeTrap, type Process, type TrapReport, type VmoHandle } from '../index.js';

/** The report of a trap as a block of lines: who, why, at which instruction of which function, and what lies there. */
export async function trapBlock(report: TrapReport, process: Process, image: VmoHandle): Promise<string[]> {
  const [who, , ...where] = describeTrap(report);
  const match = placedSymbols(SymbolTable.read(image), process.description.entry)(report.rip);
  const symbol = match ? `${match.name}+0x${match.offset.toString(16)}` : 'no function';
  const rip = `rip 0x${report.rip.toString(16).padStart(16, '0')} in ${symbol}: ${await disassemble(report)}`;
  return [`bd0: ${who}`, ...[rip, ...where].map((line) => `  ${line}`)];
}

/** The instruction at rip as an assembler would write it. The disassembler takes 150 ms to load: only traps need it. */
async function disassemble({ code, rip }: TrapReport): Promise<string> {
  if (code.length === 0) return 'no bytes to read there';
  const iced = await import('iced-x86');
  const decoder = new iced.Decoder(64, code, iced.DecoderOptions.None);
  decoder.ip = rip;
  const instruction = decoder.decode();
  const formatter = new iced.Formatter(iced.FormatterSyntax.Nasm);
  try {
    return instruction.isInvalid ? 'no valid instruction' : formatter.format(instruction);
  } finally {
    for (const held of [formatter, instruction, decoder]) held.free();
  }
}
