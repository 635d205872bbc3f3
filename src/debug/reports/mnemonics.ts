import type { Width } from '../../bits.js';
import type { Form } from '../../cpu/meaning/form.js';
import type { Instruction } from '../../cpu/decode/instruction.js';

type NamesByWidth = Partial<Record<Width, string>>;

const COMPARISONS = ['eq', 'lt', 'le', 'unord', 'neq', 'nlt', 'nle', 'ord'];

/** Mnemonics that include the operand size, for rows that cover all sizes. */
const SIZED: Readonly<Record<string, NamesByWidth>> = {
  CBW: { 32: 'cwde', 64: 'cdqe' },
  CWD: { 32: 'cdq', 64: 'cqo' },
  IRET: { 16: 'iretw', 64: 'iretq' },
  RETF: { 16: 'retfw', 64: 'retfq' },
  SYSRET: { 16: 'sysretd', 32: 'sysretd', 64: 'sysretq' },
  SYSEXIT: { 16: 'sysexitd', 32: 'sysexitd', 64: 'sysexitq' },
  PUSHF: { 16: 'pushfw' },
  POPF: { 16: 'popfw' },
  ENTER: { 16: 'enterw' },
  LEAVE: { 16: 'leavew' },
};

/** The mnemonic that GNU assemblers use in Intel syntax, without prefixes. */
export function mnemonicText({ form, immediate }: Instruction): string {
  const { row, width, addressWidth } = form;
  const { mnemonic, encoding } = row;
  const lower = mnemonic.toLowerCase();
  switch (mnemonic) {
    case 'MOV':
      return hasWideConstant(form) ? 'movabs' : lower;
    case 'NOP':
      return encoding === '90' && width === 16 ? 'xchg' : lower;
    case 'SAL':
      return 'shl';
    case 'JRCXZ':
      return addressWidth === 32 ? 'jecxz' : lower;
    case 'WAIT':
      return 'fwait';
    case 'FNSTENV':
    case 'FLDENV':
    case 'FNSAVE':
    case 'FRSTOR':
      return width === 16 ? `${lower}w` : lower;
    case 'PUSH':
    case 'POP':
      return width === 16 && !namesItsSize(form) ? `${lower}w` : lower;
    case 'CMPPS':
    case 'CMPPD':
    case 'CMPSS':
    case 'CMPSD':
      return `cmp${COMPARISONS[Number(immediate)] ?? ''}${lower.slice(3)}`;
    default:
      return SIZED[mnemonic]?.[width] ?? lower;
  }
}

/** Whether the mnemonic already expresses the immediate of a floating-point comparison. */
export function saysImmediate({ form, immediate }: Instruction): boolean {
  return /^CMP[PS][SD]$/.test(form.row.mnemonic) && immediate < COMPARISONS.length;
}

/** A 64-bit immediate or absolute address. */
function hasWideConstant({ row, width, addressWidth }: Form): boolean {
  if (row.operands.some(({ where }) => where === 'O')) return addressWidth === 64;
  return width === 64 && row.operands.some(({ where, size }) => where === 'I' && size === 'v');
}

/** Whether an operand implies the operand size: a general-purpose register, or memory. */
function namesItsSize({ dest }: Form): boolean {
  return dest.kind === 'gpr' || dest.kind === 'memory';
}

const REPEATS: Readonly<Record<Form['repeat'], string>> = { none: '', rep: 'rep ', repe: 'repz ', repne: 'repnz ' };

/** LOCK, REP, and the address size if no operand shows it; each followed by a space. */
export function prefixText({ lock, repeat, row, addressWidth }: Form): string {
  const hidesAddressWidth = /^(LOOP|MASKMOV)/.test(row.mnemonic) || row.operands.some(({ where }) => where === 'O');
  const address = addressWidth === 32 && hidesAddressWidth ? 'addr32 ' : '';
  return (lock ? 'lock ' : '') + REPEATS[repeat] + address;
}
