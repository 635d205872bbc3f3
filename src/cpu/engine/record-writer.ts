import { isCanonical } from '../../bits.js';
import type { Form, OperandForm, RegisterField } from '../meaning/form.js';
import type { Instruction } from '../decode/instruction.js';
import type { FormRules } from './engine-cpu.js';
import type { CodeStops } from '../stops.js';
import { GPR, SEGMENT_BASE, ZERO, gprAddress, xmmAddress } from '../state/layout.js';
import { Field, Handler, RECORD_BYTES } from './record.js';

/** Handler numbers of forms and of fused pairs of them, by form id. */
export interface HandlerNumbers {
  readonly handlerOfForm: readonly number[];
  readonly handlerOfPair: Readonly<Record<string, number>>;
}

/** A register of an instruction: where it is in the record, and as what: an address, or the number of ST(i) or MMi. */
interface RegisterSlot {
  readonly field: number;
  readonly register: RegisterField;
  readonly valueOf: (register: number) => number;
}

/** What all records of a form have in common. */
interface RecordPlan {
  readonly handler: number;
  readonly slots: readonly RegisterSlot[];
  readonly hasTwoImmediates: boolean;
  readonly isDirectBranch: boolean;
  /** Whether the block ends after it: at branches, and at REP, which takes a tick per iteration. */
  readonly endsBlock: boolean;
  /**
   * Whether decoding stops after it: bytes after an unconditional jump are often not code, or are reached from elsewhere.
   */
  readonly endsRun: boolean;
  /** The handlers of the pairs that it begins, by the id of the second form. */
  readonly pairs: ReadonlyMap<number, number> | undefined;
}

/** The plans of the forms for some handlers, made when they are first needed. */
class RecordPlans {
  /** The handlers of fused pairs. */
  readonly ofPairs: ReadonlySet<number>;
  private readonly plans: (RecordPlan | undefined)[] = [];
  private readonly pairs: Map<number, number>[] = [];

  constructor(private readonly handlers: HandlerNumbers) {
    this.ofPairs = new Set(Object.values(handlers.handlerOfPair));
    for (const [pair, handler] of Object.entries(handlers.handlerOfPair)) {
      const [first, second] = pair.split(',').map(Number) as [number, number];
      (this.pairs[first] ??= new Map<number, number>()).set(second, handler);
    }
  }

  of(form: Form): RecordPlan {
    return (this.plans[form.id] ??= this.make(form));
  }

  private make(form: Form): RecordPlan {
    const { row, operands, dest, src } = form;
    const isBranch = row.attributes.has('BRANCH');
    return {
      handler: this.handlers.handlerOfForm[form.id] ?? Handler.evaluate,
      slots: operands.flatMap((operand, place) => registerSlot(operand, place) ?? []),
      hasTwoImmediates: operands.length === 2 && dest.kind === 'immediate' && src.kind === 'immediate',
      isDirectBranch: operands.some(({ kind }) => kind === 'relative'),
      endsBlock: isBranch || form.repeat !== 'none',
      endsRun: isBranch && (row.mnemonic === 'JMP' || row.mnemonic.startsWith('RET')),
      pairs: this.pairs[form.id],
    };
  }
}

/** What all machines of a process share. */
const knownPlans = new WeakMap<HandlerNumbers, RecordPlans>();

function plansFor(handlers: HandlerNumbers): RecordPlans {
  const plans = knownPlans.get(handlers) ?? new RecordPlans(handlers);
  knownPlans.set(handlers, plans);
  return plans;
}

/** A direct branch among instructions whose records were written, which is to be linked to its target. */
export interface WrittenBranch {
  readonly record: number;
  readonly target: bigint;
}

/** Writes the records of consecutive instructions, except for branch targets. */
export class RecordWriter {
  private readonly plans: RecordPlans;

  constructor(
    private readonly view: DataView,
    handlers: HandlerNumbers,
    /** Instructions with a code stop are left to the evaluator. */
    private readonly stops: Pick<CodeStops, 'isEmpty' | 'has'>,
    /** So are, while these rules are strict, those that they look at. */
    private readonly rules?: FormRules,
  ) {
    this.plans = plansFor(handlers);
  }

  /** The handlers of fused pairs. */
  get pairHandlers(): ReadonlySet<number> {
    return this.plans.ofPairs;
  }

  /** Whether decoding stops after this instruction. */
  endsRun({ form }: Instruction): boolean {
    return this.plans.of(form).endsRun;
  }

  /**
   * Writes the records, starting at `first`, of instructions that begin at an offset in a linear page. Returns the direct branches
   * that the interpreter can run.
   */
  write(first: number, page: bigint, offset: number, instructions: readonly Instruction[]): readonly WrittenBranch[] {
    const branches: WrittenBranch[] = [];
    const high = Number(page >> 32n);
    const low = Number(BigInt.asUintN(32, page));
    for (let i = 0, start = offset; i < instructions.length; i++) {
      const instruction = instructions[i]!;
      const record = first + i * RECORD_BYTES;
      const end = start + instruction.length;
      const plan = this.plans.of(instruction.form);
      const target = plan.isDirectBranch ? addressAt(page, end, instruction.immediate) : undefined;
      // The evaluator handles branches to addresses that are not canonical.
      const goesNowhere = target !== undefined && !isCanonical(target);
      if (target !== undefined && !goesNowhere) branches.push({ record, target });
      const isEvaluated =
        goesNowhere ||
        (!this.stops.isEmpty && this.stops.has(addressAt(page, start))) ||
        (this.rules?.isStrict === true && this.rules.concerns(instruction.form));
      this.view.setUint16(record + Field.handler, isEvaluated ? Handler.evaluate : plan.handler, true);
      const { ripRelative, displacement } = instruction;
      const value = ripRelative ? addressAt(page, end, displacement) : displacement;
      this.view.setBigInt64(record + Field.displacement, value, true);
      // In words, which is quicker. An instruction may end in the next page.
      this.view.setUint32(record + Field.nextRip, low + end, true);
      this.view.setUint32(record + Field.nextRip + 4, low + end < 2 ** 32 ? high : high + 1, true);
      this.writeFields(record, instruction, plan);
      start = end;
    }
    this.finishBlocks(first, instructions);
    return branches;
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

  /**
   * Fills in the tick counts and fuses pairs of instructions, from the end backwards: a branch is fused with its comparison rather
   * than the comparison with its predecessor.
   */
  private finishBlocks(first: number, instructions: readonly Instruction[]): void {
    const { view } = this;
    let ticks = 0;
    /** The id of the next form, if a pair may end with it: it is neither evaluated nor the first of a pair. */
    let second: number | undefined;
    for (let i = instructions.length - 1; i >= 0; i--) {
      const { form } = instructions[i]!;
      const { endsBlock, pairs } = this.plans.of(form);
      const record = first + i * RECORD_BYTES;
      ticks = endsBlock ? 1 : ticks + 1;
      view.setUint16(record + Field.ticksToEnd, ticks, true);
      const isEvaluated = view.getUint16(record + Field.handler, true) === Handler.evaluate;
      const fused: number | undefined = isEvaluated || second === undefined ? undefined : pairs?.get(second);
      if (fused !== undefined) view.setUint16(record + Field.handler, fused, true);
      second = isEvaluated || fused !== undefined ? undefined : form.id;
    }
  }
}

/** The address at an offset from a page, plus a distance. */
function addressAt(page: bigint, offset: number, distance = 0n): bigint {
  return BigInt.asUintN(64, page + BigInt(offset) + distance);
}

function registerSlot(operand: OperandForm, place: number): RegisterSlot | undefined {
  const field = Field.operands[place];
  if (!('field' in operand) || field === undefined) return undefined;
  const { kind, field: register } = operand;
  return { field, register, valueOf: kind === 'gpr' ? gprAddress : kind === 'xmm' ? xmmAddress : (number) => number };
}
