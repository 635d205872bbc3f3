/** The part of the state after an instruction that the manual defines. */
import { STATUS_FLAGS } from '../../../src/cpu/meaning/flags.js';
import { RCX } from '../../../src/cpu/state/layout.js';
import type { MeaningCase } from './generate.js';

const ALL_FLAGS = 0xffff_ffff;

/** The count of a shift or rotation, masked as the processor does: by the immediate, CL, or 1. */
function shiftCount({ form, instruction, oracle }: MeaningCase): number {
  const last = form.operands.at(-1);
  const count =
    last?.kind === 'immediate'
      ? Number(instruction.immediate & 0xffn)
      : last?.kind === 'gpr' && last.field === RCX
        ? Number(oracle.gpr[RCX]! & 0xffn)
        : 1;
  return count & (form.width === 64 ? 63 : 31);
}

/** The bits of RFLAGS that the instruction of a case leaves defined. */
export function definedFlags(c: MeaningCase): number {
  const { flags = 0 } = c.form.row.leaves;
  const bits = typeof flags === 'number' ? flags : flags(c.form.width, shiftCount(c));
  return ALL_FLAGS ^ (bits & STATUS_FLAGS);
}

/** Whether the manual defines the result itself. */
export function hasDefinedResult(c: MeaningCase): boolean {
  return c.form.row.leaves.result?.(c.form.width, shiftCount(c)) !== true;
}
