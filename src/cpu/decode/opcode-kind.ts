import type { RowPlan } from './form-table.js';
import type { OpcodeRows } from './opcode-lookup.js';

/**
 * What the quick decoder of runs (interpreter/run-decoder.ts) must know of an opcode before it knows the form: a sum of these, and
 * in bits 15:8 the bits of ModRM that select among its rows. The operands of a form and what follows ModRM depend on nothing else
 * but prefixes and whether ModRM names memory.
 */
export const OpcodeKind = {
  isKnown: 1,
  /** All its rows are of the usual kind; others are left to the decoder. */
  isUsual: 2,
  hasModRM: 4,
  /** REX.B selects among the rows too. */
  usesRexB: 8,
  modRMShift: 8,
} as const;

/** The kind of an opcode with these rows, if it has any. */
export function opcodeKind(rows: OpcodeRows | undefined, plans: readonly RowPlan[]): number {
  if (!rows?.candidates.every(({ row }) => isUsual(plans[row.id]!))) return OpcodeKind.isKnown;
  let kind: number = OpcodeKind.isKnown | OpcodeKind.isUsual;
  if (rows.hasModRM) kind |= OpcodeKind.hasModRM;
  for (const { modRMMask, withoutRexB } of rows.candidates) {
    kind |= modRMMask << OpcodeKind.modRMShift;
    if (withoutRexB) kind |= OpcodeKind.usesRexB;
  }
  return kind;
}

/** Whether ModRM and all that follows is read as for most instructions, and every register number names a register. */
function isUsual({ reg, modIgnored, moffs, extra }: RowPlan): boolean {
  const isGeneral = reg === 'none' || reg === 'byte' || reg === 'general' || reg === 'of eight';
  return isGeneral && !modIgnored && !moffs && extra === undefined;
}
