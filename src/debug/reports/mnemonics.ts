import type { Width } from '../../bits.js';
import type { Form } from '../../cpu/meaning/form.js';
import type { Instruction } from '../../cpu/decode/instruction.js';

type NamesByWidth = Partial<Record<Width, string>>;

/** Predicates of floating-point comparisons: eight without VEX, 32 with it. SDM Vol. 2A table 3-1. */
const COMPARISONS =
  'eq lt le unord neq nlt nle ord eq_uq nge ngt false neq_oq ge gt true eq_os lt_oq le_oq unord_s neq_us nlt_uq nle_uq ord_s eq_us nge_uq ngt_uq false_os neq_os ge_oq gt_oq true_us'.split(
    ' ',
  );
const COMPARISONS_WITHOUT_VEX = 8;

const COMPARES = /^(v?cmp)([ps][sd])$/;

/** Which halves a carry-less product is of, by its immediate. SDM Vol. 2B "PCLMULQDQ". */
const PRODUCTS: Readonly<Record<number, string>> = { 0: 'lql', 1: 'hql', 16: 'lqh', 17: 'hqh' };

const MULTIPLIES = /^(v?pclmul)(qdq)$/;

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
export function mnemonicText(instruction: Instruction): string {
  const { row, width, addressWidth } = instruction.form;
  const { form } = instruction;
  const { mnemonic, encoding } = row;
  const lower = mnemonic.toLowerCase();
  const said = saidImmediate(instruction);
  if (said !== undefined) return lower.replace(COMPARES, `$1${said}$2`).replace(MULTIPLIES, `$1${said}$2`);
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
    case 'PCMPESTRM64':
    case 'PCMPESTRI64':
    case 'VPCMPESTRM64':
    case 'VPCMPESTRI64':
      return lower.replace('64', 'q');
    default:
      return SIZED[mnemonic]?.[width] ?? lower;
  }
}

/** Whether the mnemonic already expresses the immediate. */
export function saysImmediate(instruction: Instruction): boolean {
  return saidImmediate(instruction) !== undefined;
}

/** What the mnemonic says of the immediate of a floating-point comparison or a carry-less product, if it does. */
function saidImmediate({ form, immediate }: Instruction): string | undefined {
  const lower = form.row.mnemonic.toLowerCase();
  const number = Number(immediate);
  if (MULTIPLIES.test(lower)) return PRODUCTS[number];
  if (!COMPARES.test(lower)) return undefined;
  return lower.startsWith('v') || number < COMPARISONS_WITHOUT_VEX ? COMPARISONS[number] : undefined;
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
  const hidesAddressWidth =
    /^(LOOP|MASKMOV|VMASKMOVDQU)/.test(row.mnemonic) || row.operands.some(({ where }) => where === 'O');
  const address = addressWidth === 32 && hidesAddressWidth ? 'addr32 ' : '';
  return (lock ? 'lock ' : '') + REPEATS[repeat] + address;
}
