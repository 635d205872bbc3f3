import type { Width } from '../../../bits.js';
import { flagsOfLogic } from '../flags.js';
import type { Arithmetic, Semantics } from '../vocabulary.js';
import { place, read } from './operands.js';

/** SDM Vol. 1 5.1.4 "Logical Instructions". */

type BitwiseOperation = 'and' | 'or' | 'xor';

/** DEST := DEST op SRC; sets SF ZF PF, clears OF and CF. */
function bitwise(operation: BitwiseOperation): Semantics {
  return (m, { dest, src, width }) => {
    const target = place(m, dest, 'write');
    const y = read(m, src, width);
    const result = m[operation](width, target.read(), y);
    target.write(result);
    m.setFlags(flagsOfLogic(m, width, result));
  };
}

/** AND. SDM Vol. 2A "AND—Logical AND". */
export const and = bitwise('and');
/** OR. SDM Vol. 2B "OR—Logical Inclusive OR". */
export const or = bitwise('or');
/** XOR. SDM Vol. 2D "XOR—Logical Exclusive OR". */
export const xor = bitwise('xor');

/** NOT: DEST := ~DEST; flags unchanged. SDM Vol. 2B "NOT". */
export const not: Semantics = (m, { dest, width }) => {
  const target = place(m, dest, 'write');
  target.write(m.not(width, target.read()));
};

/** TEST: sets the flags as AND does and drops the result. SDM Vol. 2B "TEST—Logical Compare". */
export const test: Semantics = (m, { dest, src, width }) => {
  const x = read(m, dest, width);
  m.setFlags(flagsOfLogic(m, width, m.and(width, x, read(m, src, width))));
};

/** ANDN: DEST := ~SRC1 & SRC2; flags as AND. SDM Vol. 2A "ANDN—Logical AND NOT". */
export const andn: Semantics = (m, { dest, src, third, width }) => {
  const y = read(m, third);
  const result = andNot(m, width, read(m, src), y);
  place(m, dest, 'write').write(result);
  m.setFlags(flagsOfLogic(m, width, result));
};

function andNot<V>(m: Arithmetic<V>, width: Width, x: V, y: V): V {
  return m.and(width, m.not(width, x), y);
}
