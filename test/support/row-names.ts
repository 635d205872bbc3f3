/** Rows of the opcode table in words. */
import type { OperandType, Row } from '../../src/cpu/decode/row.js';

const GPR_NAMES = ['AX', 'CX', 'DX', 'BX', 'SP', 'BP', 'SI', 'DI'];
const SIZES: Readonly<Record<string, string>> = {
  0: '',
  8: 'b',
  16: 'w',
  32: 'd',
  64: 'q',
  128: 'dq',
  256: 'qq',
  v: 'v',
  z: 'z',
  y: 'y',
};
/** The letters of SDM Vol. 2D A.2 for vectors and MMX registers, by the place in the encoding. */
const VECTOR_LETTERS: Readonly<Record<string, string>> = { G: 'V', E: 'W', N: 'U', B: 'H' };
const MMX_LETTERS: Readonly<Record<string, string>> = { G: 'P', E: 'Q' };

/** An operand in the letters of SDM Vol. 2D A.2. */
function operandName({ where, file, size, memorySize, register }: OperandType): string {
  const bits = SIZES[String(size)]! + (memorySize === undefined ? '' : `/m${SIZES[String(memorySize)]}`);
  switch (file) {
    case 'stack':
      return register === undefined ? 'STi' : `ST${register}`;
    case 'xmm':
      return register === undefined ? (VECTOR_LETTERS[where] ?? where) + bits : `XMM${register}`;
    case 'mmx':
      return (MMX_LETTERS[where] ?? where) + bits;
    default:
      return register === undefined ? where + bits : GPR_NAMES[register]! + bits;
  }
}

/** The operands of a row, as in the manual's opcode map: `Ev, Gv`. */
export function operandNames({ operands }: Row): string {
  return operands.map(operandName).join(', ');
}

/** A row by its encoding, mnemonic and operands, which no other row has all of. */
export function rowName(row: Row): string {
  return [row.encoding, row.mnemonic, operandNames(row)].filter((part) => part !== '').join(' ');
}
