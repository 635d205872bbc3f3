import {
  arithmetic,
  comparison,
  comparisonOfTwo,
  ftst,
  fxam,
  fxtract,
  ofTwo,
  partialRemainder,
  pushingFunction,
  sign,
  sineOrCosine,
  unary,
} from '../isa/x87-arithmetic.js';
import {
  fldcw,
  fldenv,
  fnclex,
  fninit,
  fnop,
  fnsave,
  fnstcw,
  fnstenv,
  fnstsw,
  frstor,
  fwait,
} from '../isa/x87-control.js';
import {
  conditionalMove,
  fbld,
  fbstp,
  freeRegister,
  fxch,
  load,
  loadConstant,
  loadExtended,
  loadRegister,
  rotateStack,
  storeExtended,
  storeFloat,
  storeInteger,
  storeRegister,
  storeUnchecked,
} from '../isa/x87-data-transfer.js';
import { nop } from '../isa/miscellaneous.js';
import type { Semantics } from '../vocabulary.js';
import type { X87Binary, X87Constant } from '../x87-vocabulary.js';
import type { OperandType } from '../../decode/row.js';
import { AX, M, Md, Mq, Mw, ST0, STi } from './operand-types.js';
import { feature, row, type RowDraft } from './row-syntax.js';

/** An instruction that computes. */
function fpu(encoding: string, mnemonic: string, semantics: Semantics, ...operands: OperandType[]): RowDraft[] {
  return row(encoding, mnemonic, semantics, ...operands, 'F32');
}

/** SDM Vol. 1 5.2.1 "x87 FPU Data Transfer Instructions"; the second encodings of some are Intel's of old, and AMD's. */
const DATA_TRANSFER = [
  fpu('D9 /0', 'FLD', load('single'), Md),
  fpu('DD /0', 'FLD', load('double'), Mq),
  fpu('DB /5', 'FLD', loadExtended, M),
  fpu('D9 /0', 'FLD', loadRegister, STi),
  fpu('D9 /2', 'FST', storeFloat(32, false), Md),
  fpu('DD /2', 'FST', storeFloat(64, false), Mq),
  fpu('DD /2', 'FST', storeRegister(false), STi),
  fpu('D9 /3', 'FSTP', storeFloat(32, true), Md),
  fpu('DD /3', 'FSTP', storeFloat(64, true), Mq),
  fpu('DB /7', 'FSTP', storeExtended, M),
  fpu('DD /3', 'FSTP', storeRegister(true), STi),
  fpu('DF /2', 'FSTP', storeRegister(true), STi),
  fpu('DF /3', 'FSTP', storeRegister(true), STi),
  fpu('D9 /3', 'FSTPNCE', storeUnchecked, STi),
  fpu('DF /0', 'FILD', load('int16'), Mw),
  fpu('DB /0', 'FILD', load('int32'), Md),
  fpu('DF /5', 'FILD', load('int64'), Mq),
  fpu('DF /2', 'FIST', storeInteger(16, false), Mw),
  fpu('DB /2', 'FIST', storeInteger(32, false), Md),
  fpu('DF /3', 'FISTP', storeInteger(16, true), Mw),
  fpu('DB /3', 'FISTP', storeInteger(32, true), Md),
  fpu('DF /7', 'FISTP', storeInteger(64, true), Mq),
  fpu('DF /4', 'FBLD', fbld, M),
  fpu('DF /6', 'FBSTP', fbstp, M),
  fpu('D9 /1', 'FXCH', fxch, ST0, STi),
  fpu('DD /1', 'FXCH', fxch, ST0, STi),
  fpu('DF /1', 'FXCH', fxch, ST0, STi),
  fpu('DA /0', 'FCMOVB', conditionalMove(2), ST0, STi),
  fpu('DA /1', 'FCMOVE', conditionalMove(4), ST0, STi),
  fpu('DA /2', 'FCMOVBE', conditionalMove(6), ST0, STi),
  fpu('DA /3', 'FCMOVU', conditionalMove(10), ST0, STi),
  fpu('DB /0', 'FCMOVNB', conditionalMove(3), ST0, STi),
  fpu('DB /1', 'FCMOVNE', conditionalMove(5), ST0, STi),
  fpu('DB /2', 'FCMOVNBE', conditionalMove(7), ST0, STi),
  fpu('DB /3', 'FCMOVNU', conditionalMove(11), ST0, STi),
];

/** FISTTP came with SSE3. SDM Vol. 1 5.7.1. */
const TRUNCATION = [
  fpu('DF /1', 'FISTTP', storeInteger(16, true, true), Mw),
  fpu('DB /1', 'FISTTP', storeInteger(32, true, true), Md),
  fpu('DD /1', 'FISTTP', storeInteger(64, true, true), Mq),
];

/** The encodings of one operation: `n` in memory and with ST(0), `reverse` with ST(i) as DEST. SDM Vol. 2D A.5. */
function arithmeticRows(n: number, reverse: number, name: string, operation: X87Binary, reversed: boolean): RowDraft[] {
  const suffix = reversed ? 'R' : '';
  const [plain, pops] = [`F${name}${suffix}`, `F${name}${suffix}P`];
  const integer = `FI${name}${suffix}`;
  return [
    fpu(`D8 /${n}`, plain, arithmetic(operation, { reversed, format: 'single' }), Md),
    fpu(`DC /${n}`, plain, arithmetic(operation, { reversed, format: 'double' }), Mq),
    fpu(`D8 /${n}`, plain, arithmetic(operation, { reversed }), ST0, STi),
    fpu(`DC /${reverse}`, plain, arithmetic(operation, { reversed }), STi, ST0),
    fpu(`DE /${reverse}`, pops, arithmetic(operation, { reversed, pops: true }), STi, ST0),
    fpu(`DA /${n}`, integer, arithmetic(operation, { reversed, format: 'int32' }), Md),
    fpu(`DE /${n}`, integer, arithmetic(operation, { reversed, format: 'int16' }), Mw),
  ].flat();
}

/** SDM Vol. 1 5.2.2 "x87 FPU Basic Arithmetic Instructions". */
const ARITHMETIC = [
  arithmeticRows(0, 0, 'ADD', 'add', false),
  arithmeticRows(4, 5, 'SUB', 'subtract', false),
  arithmeticRows(5, 4, 'SUB', 'subtract', true),
  arithmeticRows(1, 1, 'MUL', 'multiply', false),
  arithmeticRows(6, 7, 'DIV', 'divide', false),
  arithmeticRows(7, 6, 'DIV', 'divide', true),
  fpu('D9 F8', 'FPREM', partialRemainder(false)),
  fpu('D9 F5', 'FPREM1', partialRemainder(true)),
  fpu('D9 E1', 'FABS', sign('clear')),
  fpu('D9 E0', 'FCHS', sign('change')),
  fpu('D9 FC', 'FRNDINT', unary('round')),
  fpu('D9 FD', 'FSCALE', ofTwo('scale', false)),
  fpu('D9 FA', 'FSQRT', unary('squareRoot')),
  fpu('D9 F4', 'FXTRACT', fxtract),
];

/** SDM Vol. 1 5.2.3 "x87 FPU Comparison Instructions". */
const COMPARISON = [
  fpu('D8 /2', 'FCOM', comparison({ format: 'single' }), Md),
  fpu('DC /2', 'FCOM', comparison({ format: 'double' }), Mq),
  fpu('D8 /2', 'FCOM', comparison(), ST0, STi),
  fpu('DC /2', 'FCOM', comparison(), ST0, STi),
  fpu('D8 /3', 'FCOMP', comparison({ format: 'single', pops: 1 }), Md),
  fpu('DC /3', 'FCOMP', comparison({ format: 'double', pops: 1 }), Mq),
  fpu('D8 /3', 'FCOMP', comparison({ pops: 1 }), ST0, STi),
  fpu('DC /3', 'FCOMP', comparison({ pops: 1 }), ST0, STi),
  fpu('DE /2', 'FCOMP', comparison({ pops: 1 }), ST0, STi),
  fpu('DE D9', 'FCOMPP', comparisonOfTwo(false)),
  fpu('DD /4', 'FUCOM', comparison({ quiet: true }), ST0, STi),
  fpu('DD /5', 'FUCOMP', comparison({ quiet: true, pops: 1 }), ST0, STi),
  fpu('DA E9', 'FUCOMPP', comparisonOfTwo(true)),
  fpu('DA /2', 'FICOM', comparison({ format: 'int32' }), Md),
  fpu('DE /2', 'FICOM', comparison({ format: 'int16' }), Mw),
  fpu('DA /3', 'FICOMP', comparison({ format: 'int32', pops: 1 }), Md),
  fpu('DE /3', 'FICOMP', comparison({ format: 'int16', pops: 1 }), Mw),
  fpu('DB /6', 'FCOMI', comparison({ to: 'flags' }), ST0, STi),
  fpu('DB /5', 'FUCOMI', comparison({ quiet: true, to: 'flags' }), ST0, STi),
  fpu('DF /6', 'FCOMIP', comparison({ to: 'flags', pops: 1 }), ST0, STi),
  fpu('DF /5', 'FUCOMIP', comparison({ quiet: true, to: 'flags', pops: 1 }), ST0, STi),
  fpu('D9 E4', 'FTST', ftst),
  fpu('D9 E5', 'FXAM', fxam),
];

/** SDM Vol. 1 5.2.4 "x87 FPU Transcendental Instructions". */
const TRANSCENDENTAL = [
  fpu('D9 FE', 'FSIN', sineOrCosine('sine')),
  fpu('D9 FF', 'FCOS', sineOrCosine('cosine')),
  fpu('D9 FB', 'FSINCOS', pushingFunction('sineAndCosine')),
  fpu('D9 F2', 'FPTAN', pushingFunction('tangent')),
  fpu('D9 F3', 'FPATAN', ofTwo('arctangent', true)),
  fpu('D9 F0', 'F2XM1', unary('power')),
  fpu('D9 F1', 'FYL2X', ofTwo('log', true)),
  fpu('D9 F9', 'FYL2XP1', ofTwo('log1', true)),
];

const CONSTANTS: readonly (readonly [mnemonic: string, X87Constant])[] = [
  ['FLD1', 'one'],
  ['FLDL2T', 'log2Of10'],
  ['FLDL2E', 'log2OfE'],
  ['FLDPI', 'pi'],
  ['FLDLG2', 'log10Of2'],
  ['FLDLN2', 'logEOf2'],
  ['FLDZ', 'zero'],
];

/** SDM Vol. 1 5.2.5 "x87 FPU Load Constants Instructions": D9 E8 to D9 EE. */
const LOAD_CONSTANTS = CONSTANTS.map(([mnemonic, constant], i) =>
  fpu(`D9 ${(0xe8 + i).toString(16).toUpperCase()}`, mnemonic, loadConstant(constant)),
);

/** SDM Vol. 1 5.2.6 "x87 FPU Control Instructions"; the assembler puts FWAIT before the forms that wait. */
const CONTROL = [
  fpu('D9 F7', 'FINCSTP', rotateStack(1)),
  fpu('D9 F6', 'FDECSTP', rotateStack(-1)),
  fpu('DD /0', 'FFREE', freeRegister(false), STi),
  fpu('DF /0', 'FFREEP', freeRegister(true), STi),
  row('DB E3', 'FNINIT', fninit, 'F32'),
  row('DB E2', 'FNCLEX', fnclex, 'F32'),
  row('D9 /7', 'FNSTCW', fnstcw, Mw, 'F32'),
  row('D9 /5', 'FLDCW', fldcw, Mw, 'F32'),
  row('D9 /6', 'FNSTENV', fnstenv, M),
  row('D9 /4', 'FLDENV', fldenv, M),
  row('DD /6', 'FNSAVE', fnsave, M),
  row('DD /4', 'FRSTOR', frstor, M),
  row('DD /7', 'FNSTSW', fnstsw, Mw, 'F32'),
  row('DF E0', 'FNSTSW', fnstsw, AX, 'F32'),
  row('9B', 'WAIT', fwait, 'F32'),
  row('D9 D0', 'FNOP', fnop, 'F32'),
  // Of the 8087 and 80287: later processors ignore them. SDM Vol. 3B, "Obsolete Instructions" of the x87 FPU.
  row('DB E0', 'FNENI', nop, 'F32'),
  row('DB E1', 'FNDISI', nop, 'F32'),
  row('DB E4', 'FNSETPM', nop, 'F32'),
];

const FPU = [DATA_TRANSFER, ARITHMETIC, COMPARISON, TRANSCENDENTAL, LOAD_CONSTANTS, CONTROL].flat();

/** The rows of the x87 FPU. */
export const X87_ROWS: RowDraft[] = [feature('FPU', ...FPU), feature('SSE3', ...TRUNCATION)].flat();
