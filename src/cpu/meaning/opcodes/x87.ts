import {
  emms,
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
import { AX, M, Mw } from './operand-types.js';
import { feature, row, type RowDraft } from './row-syntax.js';

/** SDM Vol. 1 5.2.7 "x87 FPU Control Instructions"; the assembler puts FWAIT before the forms that wait. */
const CONTROL = [
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
];

/**
 * SDM Vol. 1 5.4.8 "EMMS Instruction", the only one of MMX so far. CPUID reports MMX all the same: the C library of Linux
 * refuses to start a program without it.
 */
const MMX = [row('NP 0F 77', 'EMMS', emms)];

/** The rows of the x87 FPU. */
export const X87_ROWS: RowDraft[] = [feature('FPU', ...CONTROL), feature('MMX', ...MMX)].flat();
