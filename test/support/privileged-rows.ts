import type { Row } from '../../src/cpu/decode/row.js';

/** Rows with a privilege whose meaning does something at CPL 3 besides #GP: IOPL may allow it, or EFER.SCE forbid it. */
const OTHERS = ['STI', 'CLI', 'SYSRET', 'SYSEXIT'];

/** Whether an instruction does nothing but raise #GP(0) at CPL 3, on the machine of BD0. */
export function isPrivileged({ privilege, mnemonic }: Pick<Row, 'privilege' | 'mnemonic'>): boolean {
  return privilege !== undefined && !OTHERS.includes(mnemonic);
}
