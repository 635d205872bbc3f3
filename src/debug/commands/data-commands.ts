import { hex } from '../../bits.js';
import { addressText, fullAddress } from '../reports/address-text.js';
import { SCALAR_REGISTERS, type RegisterFile, type ScalarRegister } from '../target.js';
import { pageWalkLines } from '../inspect/page-walk.js';
import { CommandError } from './command-error.js';
import { addressOf, type Command } from './command.js';
import { disassemble, labelText } from './place-text.js';
import { flagsText, registerNamed, shownName } from './register-names.js';
import type { DebugSession } from './session.js';
import {
  numberOfBytes,
  numberText,
  parseFormat,
  plainNumberText,
  stringText,
  USUAL_FORMAT,
  type Format,
} from './value-text.js';

/** Units on a line of `x`, by their size. */
const ON_LINE: Readonly<Record<number, number>> = { 1: 8, 2: 8, 4: 4, 8: 2 };
const LONGEST_STRING = 200;
const NAME_COLUMNS = 9;
const CONTROL_COLUMNS = 11;

/** Commands that show and change registers and memory. */
export const DATA_COMMANDS: readonly Command[] = [
  {
    usage: 'print[/FORMAT] EXPRESSION',
    aliases: ['p'],
    summary: 'value of an expression: numbers, $rax, names (their addresses), *ADDRESS, u8(ADDRESS) to i64(ADDRESS)',
    run: (session, rest) => {
      const { format, text } = splitFormat(rest);
      if (text === '') throw new CommandError('print needs an expression');
      if (format === undefined) return [session.valueText(text)];
      const { letter } = parseFormat(format, { ...USUAL_FORMAT, unitBytes: 8 });
      if (letter === 's' || letter === 'i') throw new CommandError(`print has no format ${letter}: x has`);
      const value = session.value(text);
      return [letter === 'a' ? addressText(value, session.images.symbols) : numberText(value, letter, 8)];
    },
  },
  {
    usage: 'x[/COUNT FORMAT SIZE] [ADDRESS]',
    summary: 'memory: x/8xb, formats x d u c t a, s for strings, i for instructions, sizes b h w g',
    run: (session, rest) => {
      const { format, text } = splitFormat(rest);
      const parsed = parseFormat(format ?? '', { ...session.examined.format, count: 1 });
      const address = text === '' ? session.examined.next : addressOf(session, text);
      return examine(session, address, parsed);
    },
  },
  {
    usage: 'pages ADDRESS',
    summary: 'the entries of the page tables that translate an address',
    run: (session, rest) => {
      if (rest === '') throw new CommandError('pages needs an address');
      return pageWalkLines(session.target.walkPages(session.thread.tid, addressOf(session, rest)));
    },
  },
  {
    usage: 'registers [NAME]',
    aliases: ['r'],
    summary: 'registers of the selected thread; those of the system are registers control, or cr0 to efer',
    run: registerLines,
  },
  {
    usage: 'set REGISTER = VALUE, or set u8(ADDRESS) = VALUE',
    summary: 'change a register, or memory in 1 to 8 bytes: u8, u16, u32, u64',
    run: (session, rest) => {
      const parts = /^(?:var\s+)?(.*?[^=!<>])\s*=(?!=)\s*(.+)$/.exec(rest);
      if (!parts) throw new CommandError('usage: set $rax = VALUE, or set u32(ADDRESS) = VALUE');
      const [target, value] = [parts[1]!.trim(), session.value(parts[2]!)];
      const load = /^([ui])(8|16|32|64)\s*\((.+)\)$/.exec(target) ?? /^(\*)()(.+)$/.exec(target);
      if (load) store(session, addressOf(session, load[3]!), load[2] === '' ? 8 : Number(load[2]) / 8, value);
      else setRegister(session, target, value);
    },
  },
];

/** `registers` and `info registers`. */
export function registerLines(session: DebugSession, rest: string): string[] {
  const file = session.target.readRegisters(session.thread.tid);
  if (rest !== '') {
    const control = controlLines(file, rest.replace(/^\$/, ''));
    if (control.length > 0) return control;
    const known = registerNamed(rest.replace(/^\$/, ''));
    if (known === undefined) throw new CommandError(`there is no register '${rest}'`);
    if (/^[xy]mm/.test(known)) return [vectorLine(file, known)];
    return [registerLine(session, file, known as ScalarRegister)];
  }
  return SCALAR_REGISTERS.map((name) => registerLine(session, file, name));
}

/** The control register of a name, or for `control` all of them; none for another name. */
function controlLines({ control }: RegisterFile, name: string): string[] {
  const shown = Object.entries(control).map(
    ([own, value]) => [own.replace('kernelGsBase', 'k_gs_base'), value] as const,
  );
  return shown
    .filter(([own]) => name === own || name === 'control')
    .map(([own, value]) => `${own.padEnd(CONTROL_COLUMNS)}${fullAddress(value)}`);
}

function registerLine({ images }: DebugSession, file: RegisterFile, name: ScalarRegister): string {
  const value = file[name];
  const isSmall = /^[cdefgs]s$/.test(name) || name === 'mxcsr';
  const symbol = images.symbolText(value);
  const meaning =
    name === 'rflags' ? flagsText(value) : symbol === undefined ? String(BigInt.asIntN(64, value)) : `<${symbol}>`;
  return `${shownName(name).padEnd(NAME_COLUMNS)}${isSmall ? hex(value) : `${fullAddress(value)}  ${meaning}`.trimEnd()}`;
}

function vectorLine({ xmm, ymmHigh }: RegisterFile, name: string): string {
  const bytes = (name.startsWith('x') ? xmm : ymmHigh)[parseInt(name.slice(3), 10)]!;
  return `${name.padEnd(NAME_COLUMNS)}${hex(numberOfBytes(bytes), 32)}`;
}

function splitFormat(rest: string): { readonly format: string | undefined; readonly text: string } {
  const parts = /^\/(\S*)\s*(.*)$/.exec(rest);
  return parts ? { format: parts[1], text: parts[2]! } : { format: undefined, text: rest };
}

/** Lines for `x`; notes where the next `x` continues. */
function examine(session: DebugSession, address: bigint, format: Format): string[] {
  const { target, images } = session;
  const { count, letter, unitBytes } = format;
  if (letter === 'i') {
    const code = disassemble(session, address, count);
    session.examined = { start: address, next: code.at(-1)?.next ?? address, format };
    return code.length < count
      ? [...code.map(({ text }) => text), unmapped(code.at(-1)?.next ?? address)]
      : code.map(({ text }) => text);
  }
  if (letter === 's') return examineStrings(session, address, format);
  const lines: string[] = [];
  const lineBytes = unitBytes * ON_LINE[unitBytes]!;
  const end = address + BigInt(count * unitBytes);
  session.examined = { start: address, next: end, format };
  for (let at = address; at < end; at += BigInt(lineBytes)) {
    const bytes = target.readMemory(at, Math.min(lineBytes, Number(end - at)), session.pid);
    const texts: string[] = [];
    for (let unit = 0; unit + unitBytes <= bytes.length; unit += unitBytes) {
      const value = numberOfBytes(bytes.subarray(unit, unit + unitBytes));
      texts.push(letter === 'a' ? addressText(value, images.symbols) : numberText(value, letter, unitBytes));
    }
    if (texts.length > 0) lines.push(`${labelText(at, images)}: ${texts.join(' ')}`);
    if (bytes.length < Math.min(lineBytes, Number(end - at))) return [...lines, unmapped(at + BigInt(bytes.length))];
  }
  return lines;
}

function examineStrings(session: DebugSession, address: bigint, format: Format): string[] {
  const lines: string[] = [];
  let at = address;
  for (let left = format.count; left > 0; left--) {
    const bytes = session.target.readMemory(at, LONGEST_STRING, session.pid);
    if (bytes.length === 0) {
      lines.push(unmapped(at));
      break;
    }
    lines.push(`${labelText(at, session.images)}: ${stringText(bytes)}`);
    const end = bytes.indexOf(0);
    at += BigInt(end < 0 ? bytes.length : end + 1);
  }
  session.examined = { start: address, next: at, format };
  return lines;
}

function unmapped(address: bigint): string {
  if (address >> 64n) return 'there the address space ends';
  return `${fullAddress(address)}: not mapped`;
}

function store({ target, pid }: DebugSession, address: bigint, lengthBytes: number, value: bigint): void {
  const bytes = Uint8Array.from({ length: lengthBytes }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
  if (target.writeMemory(address, bytes, pid) < lengthBytes)
    throw new CommandError(unmapped(address).replace(':', ' is'));
}

function setRegister(session: DebugSession, name: string, value: bigint): void {
  const known = registerNamed(name.replace(/^\$/, ''));
  if (known === undefined) throw new CommandError(`'${name}' is neither a register nor u8(ADDRESS) to u64(ADDRESS)`);
  if (!session.target.writeRegister(session.thread.tid, known, value))
    throw new CommandError(`${name} cannot be set to ${plainNumberText(value)}`);
}
