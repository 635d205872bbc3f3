import { hex, truncate, type Width } from '../../bits.js';
import type { MemoryOperand, OperandForm, RegisterField } from '../../cpu/meaning/form.js';
import type { Instruction } from '../../cpu/decode/instruction.js';
import { FS, HIGH_BYTE, RBX, RDI, RSI } from '../../cpu/state/layout.js';
import { addressText, type SymbolFinder } from './address-text.js';
import { mnemonicText, prefixText, saysImmediate } from './mnemonics.js';

const LEGACY_REGISTERS = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
const LOW_BYTES = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'];
const HIGH_BYTES = ['ah', 'ch', 'dh', 'bh'];
const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];
const SIZES: Readonly<Record<number, string>> = {
  8: 'byte',
  16: 'word',
  32: 'dword',
  64: 'qword',
  128: 'xmmword',
  256: 'ymmword',
};

/** Text of operands that a row implies but the manual prints. */
const IMPLIED: Readonly<Record<string, string>> = { '0F A0': 'fs', '0F A1': 'fs', '0F A8': 'gs', '0F A9': 'gs' };

/** Sizes of far pointers in memory by operand size: the offset followed by a 16-bit selector. */
const FAR_POINTERS: Readonly<Record<Width, string>> = { 8: '', 16: 'dword', 32: 'fword', 64: 'tbyte' };
const FAR_MNEMONICS = ['JMP', 'CALL', 'LSS', 'LFS', 'LGS'];

/**
 * Formats an instruction in lower-case Intel syntax, like GNU `objdump -M intel`: `mov rax,qword ptr [rip+0x2ee0]  #
 * 0x404028 <stdout>`. `rip` is its own address. Prefixes without effect are not shown, since the decoded instruction
 * does not contain them.
 */
export function formatInstruction(instruction: Instruction, rip: bigint, symbols?: SymbolFinder): string {
  const { form, length, ripRelative, displacement } = instruction;
  const next = rip + BigInt(length);
  const operands = operandTexts(instruction, next, symbols);
  const text = `${prefixText(form)}${mnemonicText(instruction)} ${operands.join(',')}`.trimEnd();
  if (!ripRelative) return text;
  return `${text}  # ${addressText(truncate(form.addressWidth, next + displacement), symbols)}`;
}

/** `eax` for number 0 and width 32; numbers 16 to 19 are AH, CH, DH and BH. */
export function registerName(number: number, width: Width): string {
  if (number >= HIGH_BYTE) return HIGH_BYTES[number - HIGH_BYTE]!;
  if (number >= 8) return `r${number}${{ 8: 'b', 16: 'w', 32: 'd', 64: '' }[width]}`;
  if (width === 8) return LOW_BYTES[number]!;
  return { 16: '', 32: 'e', 64: 'r' }[width] + LEGACY_REGISTERS[number]!;
}

function operandTexts(instruction: Instruction, next: bigint, symbols?: SymbolFinder): string[] {
  const { form } = instruction;
  const { row, width } = form;
  const { mnemonic, encoding, pattern } = row;
  const ofString = stringOperands(instruction);
  if (ofString) return ofString;
  if (encoding in IMPLIED) return [IMPLIED[encoding]!];
  if (mnemonic === 'NOP' && encoding === '90' && width === 16) return ['ax', 'ax'];
  // The register of a fence is ignored.
  if (mnemonic.endsWith('FENCE')) return [];
  // Of these, ST(0) is not said.
  if (/^F(XCH|U?COMP?)$/.test(mnemonic) && instruction.form.src.kind === 'stack')
    return [operandText(instruction, instruction.form.src, 1, next)];
  // The last operand of a gather is the index in its address.
  const shown = saysImmediate(instruction) || isGather(mnemonic) ? form.operands.slice(0, -1) : form.operands;
  const texts = shown.map((operand, i) => operandText(instruction, operand, i, next, symbols));
  const shiftsByOne = pattern.map === '1' && (pattern.opcode === 0xd0 || pattern.opcode === 0xd1);
  return shiftsByOne ? [...texts, '1'] : texts;
}

function operandText(
  instruction: Instruction,
  operand: OperandForm,
  position: number,
  next: bigint,
  symbols?: SymbolFinder,
): string {
  const { form, reg, immediate, immediate2 } = instruction;
  switch (operand.kind) {
    case 'gpr': {
      // MOV to a segment register reads 16 bits, but the register is named by the operand size.
      const loadsSegment = form.dest.kind === 'segment';
      return registerName(numberOf(instruction, operand.field), loadsSegment ? form.width : operand.width);
    }
    case 'xmm':
      return `${operand.width === 256 ? 'ymm' : 'xmm'}${numberOf(instruction, operand.field)}`;
    case 'mmx':
      return `mm${numberOf(instruction, operand.field)}`;
    case 'stack':
      return operand.field === 0 ? 'st' : `st(${numberOf(instruction, operand.field)})`;
    case 'memory':
      return `${sizeText(instruction, operand)}${memoryText(instruction)}`;
    case 'immediate':
      if (position > 0 && form.dest.kind === 'immediate' && form.src.kind === 'immediate') return hex(immediate2);
      return hex(truncate(operand.width, immediate));
    case 'relative':
      return addressText(truncate(64, next + immediate), symbols);
    case 'segment':
      return SEGMENTS[reg]!;
    case 'control':
      return `cr${reg}`;
    case 'debug':
      return `dr${reg}`;
  }
}

function numberOf(instruction: Instruction, field: RegisterField): number {
  return typeof field === 'number' ? field : instruction[field];
}

/** FLD, FSTP, FBLD and FBSTP of ten bytes. */
const EXTENDED = /^(DB \/[57]|DF \/[46])$/;

/** `qword ptr `, or nothing if the instruction itself determines the size. */
function sizeText({ form }: Instruction, { width }: MemoryOperand): string {
  const { mnemonic, operands } = form.row;
  if (operands.some(({ where }) => where === 'O')) return '';
  if (/^(V?LDDQU|INVPCID)$/.test(mnemonic)) return '';
  if (mnemonic === 'CMPXCHG16B') return 'oword ptr ';
  if (width !== 0) return `${SIZES[width]} ptr `;
  if (EXTENDED.test(form.row.encoding)) return 'tbyte ptr ';
  return FAR_MNEMONICS.includes(mnemonic) ? `${FAR_POINTERS[form.width]} ptr ` : '';
}

/** `fs:[rax+rcx*4-0x8]`, `[rip+0x10]`, `ds:0x1000`. */
function memoryText(instruction: Instruction): string {
  const { form, base, index, scale, displacement, ripRelative } = instruction;
  const { addressWidth } = form;
  const vectorIndex = isGather(form.row.mnemonic) ? form.operands.at(-1) : undefined;
  const isAbsolute = base < 0 && index < 0 && !ripRelative && !vectorIndex;
  const segment = segmentText(instruction, isAbsolute);
  if (isAbsolute) return segment + hex(truncate(addressWidth, displacement));
  const parts: string[] = [];
  if (ripRelative) parts.push(addressWidth === 32 ? 'eip' : 'rip');
  if (base >= 0) parts.push(registerName(base, addressWidth));
  if (index >= 0) parts.push(`${registerName(index, addressWidth)}*${1 << scale}`);
  if (vectorIndex) parts.push(`${operandText(instruction, vectorIndex, 0, 0n)}*${1 << scale}`);
  return `${segment}[${parts.join('+')}${displacementText(instruction)}]`;
}

/** Whether an address has a vector of indexes. */
function isGather(mnemonic: string): boolean {
  return /^VP?GATHER/.test(mnemonic);
}

/** The displacement with its sign; 0 is shown only if every encoding of the address has a displacement. */
function displacementText({ base, displacement, ripRelative }: Instruction): string {
  if (ripRelative) return `+${hex(truncate(64, displacement))}`;
  const isAlwaysThere = base < 0 || (base & 7) === 5;
  if (displacement === 0n && !isAlwaysThere) return '';
  return displacement < 0n ? `-${hex(-displacement)}` : `+${hex(displacement)}`;
}

/** An effective segment override with a colon, or `ds:` if it must be `shown`. */
function segmentText({ segment }: Instruction, shown: boolean): string {
  return segment >= FS || shown ? `${SEGMENTS[segment]}:` : '';
}

/** The operands of string instructions and XLAT, which are all implicit; undefined for other instructions. */
function stringOperands(instruction: Instruction): string[] | undefined {
  const { row, width, addressWidth } = instruction.form;
  const isPort = row.mnemonic === 'INS' || row.mnemonic === 'OUTS';
  const bits = isPort && width === 64 ? 32 : width;
  const at = (segment: string, register: number): string =>
    `${SIZES[bits]} ptr ${segment}[${registerName(register, addressWidth)}]`;
  const source = at(segmentText(instruction, true), RSI);
  const target = at('es:', RDI);
  const accumulator = registerName(0, bits);
  switch (row.mnemonic) {
    case 'MOVS':
      return [target, source];
    case 'CMPS':
      return [source, target];
    case 'SCAS':
      return [accumulator, target];
    case 'LODS':
      return [accumulator, source];
    case 'STOS':
      return [target, accumulator];
    case 'INS':
      return [target, 'dx'];
    case 'OUTS':
      return ['dx', source];
    case 'XLAT':
      return [`byte ptr ${segmentText(instruction, true)}[${registerName(RBX, addressWidth)}]`];
    default:
      return undefined;
  }
}
