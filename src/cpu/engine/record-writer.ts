import type { Form } from '../meaning/form.js';
import type { Instruction } from '../decode/instruction.js';
import { GPR, SEGMENT_BASE, ZERO } from '../state/layout.js';
import { Field } from './record.js';
import type { RecordPlan, RecordPlans } from './record-plan.js';

/** Writes the records of single instructions, but for what depends on their neighbours and on where branches lead. */
export class RecordWriter {
  constructor(
    private readonly view: DataView,
    private readonly plans: RecordPlans,
  ) {}

  /** Whether decoding stops after this instruction. */
  endsRun({ form }: { readonly form: Form }): boolean {
    return this.plans.of(form).endsRun;
  }

  /** Writes the record of an instruction at an offset in a linear page. */
  write(record: number, page: bigint, offset: number, instruction: Instruction): void {
    const { view } = this;
    const plan = this.plans.of(instruction.form);
    view.setUint16(record + Field.handler, plan.handler, true);
    const next = BigInt.asUintN(64, page + BigInt(offset + instruction.length));
    const { ripRelative, displacement } = instruction;
    view.setBigInt64(record + Field.displacement, ripRelative ? next + displacement : displacement, true);
    view.setBigUint64(record + Field.nextRip, next, true);
    view.setUint16(record + Field.join, plan.join, true);
    this.writeFields(record, instruction, plan);
  }

  /** Writes what does not depend on where the instruction lies. */
  private writeFields(record: number, instruction: Instruction, plan: RecordPlan): void {
    const { view } = this;
    const { base, index } = instruction;
    view.setUint16(record + Field.base, base < 0 ? ZERO : GPR + base * 8, true);
    view.setUint16(record + Field.index, index < 0 ? ZERO : GPR + index * 8, true);
    view.setUint16(record + Field.segmentBase, SEGMENT_BASE + instruction.segment * 8, true);
    view.setBigInt64(record + Field.immediate, instruction.immediate, true);
    // The register of a fourth operand stands in the place of the immediate that names it.
    for (const { field, register, valueOf } of plan.slots)
      view.setUint16(record + field, valueOf(typeof register === 'number' ? register : instruction[register]), true);
    if (plan.hasTwoImmediates) view.setUint8(record + Field.secondImmediate, instruction.immediate2);
    view.setUint8(record + Field.scale, instruction.scale);
    view.setUint8(record + Field.length, instruction.length);
  }
}
