import { isCanonical } from '../../bits.js';
import type { OperandForm } from '../meaning/form.js';
import type { Instruction } from '../decode/instruction.js';
import { GPR, SEGMENT_BASE, ZERO, gprAddress, xmmAddress } from '../state/layout.js';
import { Field, Handler, RECORD_BYTES } from './record.js';

/** Handler numbers of forms and of fused pairs of them, by form id. */
export interface HandlerNumbers {
  readonly handlerOfForm: readonly number[];
  readonly handlerOfPair: Readonly<Record<string, number>>;
}

/** The handlers of fused pairs. */
interface FusedPairs {
  /** Their numbers: by the id of the first form, then of the second. */
  readonly ofForms: readonly (ReadonlyMap<number, number> | undefined)[];
  readonly all: ReadonlySet<number>;
}

/** What all machines of a process share. */
const knownPairs = new WeakMap<HandlerNumbers, FusedPairs>();

/** The handlers of fused pairs among some handlers. */
export function fusedPairs(handlers: HandlerNumbers): FusedPairs {
  const known = knownPairs.get(handlers);
  if (known) return known;
  const ofForms: Map<number, number>[] = [];
  for (const [pair, handler] of Object.entries(handlers.handlerOfPair)) {
    const [first, second] = pair.split(',').map(Number) as [number, number];
    (ofForms[first] ??= new Map<number, number>()).set(second, handler);
  }
  const pairs = { ofForms, all: new Set(Object.values(handlers.handlerOfPair)) };
  knownPairs.set(handlers, pairs);
  return pairs;
}

/** Writes the records of consecutive instructions, except for branch targets. */
export class RecordWriter {
  private readonly pairs: FusedPairs['ofForms'];

  constructor(
    private readonly view: DataView,
    private readonly handlers: HandlerNumbers,
    /** Whether there is a code stop at an address: its instruction is left to the evaluator. */
    private readonly hasStop: (rip: bigint) => boolean,
  ) {
    this.pairs = fusedPairs(handlers).ofForms;
  }

  /** Writes the records, starting at `first`. `rips` are the addresses after each instruction. */
  write(first: number, instructions: readonly Instruction[], rips: readonly bigint[]): void {
    instructions.forEach((instruction, i) => this.writeRecord(first + i * RECORD_BYTES, instruction, rips[i]!));
    this.countTicks(first, instructions);
    this.fusePairs(first, instructions);
  }

  private writeRecord(record: number, instruction: Instruction, nextRip: bigint): void {
    const { view } = this;
    const { form } = instruction;
    const displacement = instruction.ripRelative ? nextRip + instruction.displacement : instruction.displacement;
    const isEvaluated = goesNowhere(instruction, nextRip) || this.hasStop(nextRip - BigInt(instruction.length));
    const handler = isEvaluated ? undefined : this.handlers.handlerOfForm[form.id];
    view.setUint16(record + Field.handler, handler ?? Handler.evaluate, true);
    view.setUint16(record + Field.base, instruction.base < 0 ? ZERO : GPR + instruction.base * 8, true);
    view.setUint16(record + Field.index, instruction.index < 0 ? ZERO : GPR + instruction.index * 8, true);
    view.setUint16(record + Field.segmentBase, SEGMENT_BASE + instruction.segment * 8, true);
    view.setBigInt64(record + Field.immediate, instruction.immediate, true);
    // The register of a fourth operand stands in the place of the immediate that names it.
    form.operands.forEach((operand, slot) => {
      const value = operandValue(operand, instruction);
      const field = Field.operands[slot];
      if (value !== undefined && field !== undefined) view.setUint16(record + field, value, true);
    });
    const hasTwo = form.operands.length === 2 && form.dest.kind === 'immediate' && form.src.kind === 'immediate';
    if (hasTwo) view.setUint8(record + Field.secondImmediate, instruction.immediate2);
    view.setBigInt64(record + Field.displacement, displacement, true);
    view.setBigUint64(record + Field.nextRip, nextRip, true);
    view.setUint8(record + Field.scale, instruction.scale);
    view.setUint8(record + Field.length, instruction.length);
  }

  /** Fills in the tick counts. Blocks end at branches and at REP, which takes a tick per iteration. */
  private countTicks(first: number, instructions: readonly Instruction[]): void {
    let ticks = 0;
    for (let i = instructions.length - 1; i >= 0; i--) {
      ticks = endsBlock(instructions[i]!) ? 1 : ticks + 1;
      this.view.setUint16(first + i * RECORD_BYTES + Field.ticksToEnd, ticks, true);
    }
  }

  /**
   * Fuses pairs of instructions, from the end backwards: a branch is fused with its comparison rather than the
   * comparison with its predecessor.
   */
  private fusePairs(first: number, instructions: readonly Instruction[]): void {
    let nextIsFused = false;
    for (let i = instructions.length - 2; i >= 0; i--) {
      const seconds = this.pairs[instructions[i]!.form.id];
      const record = first + i * RECORD_BYTES;
      const standsAlone: boolean = nextIsFused || this.isEvaluated(record) || this.isEvaluated(record + RECORD_BYTES);
      const handler: number | undefined = standsAlone ? undefined : seconds?.get(instructions[i + 1]!.form.id);
      nextIsFused = handler !== undefined;
      if (handler !== undefined) this.view.setUint16(record + Field.handler, handler, true);
    }
  }

  private isEvaluated(record: number): boolean {
    return this.view.getUint16(record + Field.handler, true) === Handler.evaluate;
  }
}

/** The address of a register, or the number of ST(i) or MMi. */
function operandValue(operand: OperandForm, instruction: Instruction): number | undefined {
  if (!('field' in operand)) return undefined;
  const register = typeof operand.field === 'number' ? operand.field : instruction[operand.field];
  if (operand.kind === 'gpr') return gprAddress(register);
  return operand.kind === 'xmm' ? xmmAddress(register) : register;
}

function isDirectBranch(instruction: Instruction): boolean {
  return instruction.form.operands.some((operand) => operand.kind === 'relative');
}

function targetOf(instruction: Instruction, nextRip: bigint): bigint {
  return BigInt.asUintN(64, nextRip + instruction.immediate);
}

/** The target of a direct branch that the interpreter can run; undefined for other instructions. */
export function branchTarget(instruction: Instruction, nextRip: bigint): bigint | undefined {
  if (!isDirectBranch(instruction) || goesNowhere(instruction, nextRip)) return undefined;
  return targetOf(instruction, nextRip);
}

/** Whether the instruction is a direct branch to a non-canonical address, which the evaluator handles. */
function goesNowhere(instruction: Instruction, nextRip: bigint): boolean {
  return isDirectBranch(instruction) && !isCanonical(targetOf(instruction, nextRip));
}

function endsBlock(instruction: Instruction): boolean {
  return instruction.form.row.attributes.has('BRANCH') || instruction.form.repeat !== 'none';
}

/**
 * Whether decoding stops after this instruction: bytes after an unconditional jump are often not code, or are reached
 * from elsewhere.
 */
export function endsRun(instruction: Instruction): boolean {
  const { mnemonic } = instruction.form.row;
  return instruction.form.row.attributes.has('BRANCH') && (mnemonic === 'JMP' || mnemonic.startsWith('RET'));
}
