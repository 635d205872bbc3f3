import { add, cmp } from '../isa/binary-arithmetic.js';
import { Eb, Ev, Gb, Gv, Iz, sIb } from './operand-types.js';
import { row, type RowDraft } from './row-syntax.js';

export const GENERAL_ROWS: RowDraft[] = [
  row('00 /r', 'ADD', add, Eb, Gb, 'LOCK'),
  row('01 /r', 'ADD', add, Ev, Gv, 'LOCK'),
  row('81 /0', 'ADD', add, Ev, Iz, 'LOCK'),
  row('83 /0', 'ADD', add, Ev, sIb, 'LOCK'),
  row('39 /r', 'CMP', cmp, Ev, Gv),
].flat();
