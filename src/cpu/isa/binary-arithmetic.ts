import { flagsOfAdd, flagsOfSub } from '../flags.js';
import type { Semantics } from '../machine.js';
import { place, read } from './operands.js';

/** ADD: DEST := DEST + SRC; sets OF SF ZF AF CF PF. SDM Vol. 2A "ADD—Add". */
export const add: Semantics = (m, { dest, src, width }) => {
  const target = place(m, dest, 'write');
  const y = read(m, src, width);
  const x = target.read();
  const sum = m.add(width, x, y);
  target.write(sum);
  m.setFlags(flagsOfAdd(width, x, y, sum));
};

/** CMP: sets the flags as SUB does and drops the difference. SDM Vol. 2A "CMP—Compare Two Operands". */
export const cmp: Semantics = (m, { dest, src, width }) => {
  const x = read(m, dest, width);
  const y = read(m, src, width);
  m.setFlags(flagsOfSub(width, x, y, m.sub(width, x, y)));
};
