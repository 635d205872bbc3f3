import { MASK64, isCanonical, maskOf, truncate, type Width } from '../../bits.js';
import { bigintArithmetic } from '../meaning/bigint-arithmetic.js';
import type { CpuState } from '../state/cpu-state.js';
import { GuestException, Vector } from '../state/exceptions.js';
import { floatOperations } from './float-operations.js';
import { STATUS_FLAGS, conditionOf, flagsOfRotate, type FlagsThunk } from '../meaning/flags.js';
import type { Form, GprOperand, MemoryOperand, RegisterField, XmmOperand } from '../meaning/form.js';
import type { Instruction } from '../decode/instruction.js';
import type { LinearMemory } from '../access/linear-memory.js';
import type {
  Access,
  Arithmetic,
  Floats,
  HostOperations,
  LeaveReason,
  Machine,
  Place,
  Vectors,
} from '../meaning/vocabulary.js';
import { RCX, RSP, SS, x87RegisterOffset } from '../state/layout.js';
import { FCW, FDP, FIP, FSW } from '../meaning/isa/x87-state.js';
import { bigintVectors } from './vector.js';
import { x87Operations } from './extended/operations.js';

/** The outcome of one instruction. `more`: REP is between two iterations, with rip still at the instruction. */
export type Outcome = 'next' | 'more' | 'trap' | LeaveReason;

/** The host operations that do not depend on the instruction. */
export type CpuOperations = Omit<HostOperations<bigint>, 'registerField' | 'x87'> & {
  timeStamp(): bigint;
  /** The segments outside 64-bit mode, on a machine with descriptor tables. */
  readonly segments?: SegmentChecks | undefined;
};

/** Checks against the segment registers, which raise #GP(0) and #SS(0). */
export interface SegmentChecks {
  checkAccess(segment: number, offset: number, bytes: number, access: Access): void;
  /** For an address that code goes to. */
  checkCode(offset: bigint, bytes: number): void;
}

type Core = Omit<Machine<bigint>, keyof Arithmetic<bigint> | keyof Vectors<bigint> | keyof Floats<bigint>>;

/**
 * Executes meanings on bigints, one instruction at a time, directly on the CPU state. It is the reference for the tests
 * and runs system and rare instructions at run time; clarity comes before speed.
 */
export class Evaluator {
  private readonly core: EvaluatorCore;
  private readonly machine: Machine<bigint>;

  constructor(state: CpuState, linearMemory: LinearMemory, host: CpuOperations) {
    const floats = floatOperations({
      readMxcsr: () => state.mxcsr,
      writeMxcsr: (value) => (state.mxcsr = value),
      raise: (vector) => {
        throw new GuestException(vector);
      },
    });
    this.core = new EvaluatorCore(state, linearMemory, host, floats);
    this.machine = withAllWords(this.core);
  }

  /**
   * Executes the instruction at rip (for REP, one iteration). Throws GuestException with the state, including rip, as
   * before the instruction. After `trap`, `trapVector` is the pending trap and rip is already at the next instruction.
   */
  execute(instruction: Instruction): Outcome {
    return this.core.execute(instruction, this.machine);
  }

  get trapVector(): number {
    return this.core.trapVector;
  }
}

class EvaluatorCore implements Core {
  form!: Form;
  trapVector = 0;
  readonly host: HostOperations<bigint>;
  private instruction!: Instruction;
  private outcome: Outcome = 'next';
  private start = 0n;
  private next = 0n;
  private changed = false;

  constructor(
    private readonly state: CpuState,
    private readonly linearMemory: LinearMemory,
    private readonly operations: CpuOperations,
    readonly floats: Floats<bigint>,
  ) {
    this.host = {
      ...operations,
      registerField: () => this.instruction.reg,
      x87: x87Operations({
        readControl: () => Number(state.x87Part(16, FCW)),
        readStatus: () => Number(state.x87Part(16, FSW)),
        writeStatus: (status) => state.setX87Part(16, FSW, BigInt(status)),
        registerNumber: ({ field }) => this.number(field),
        noteInstruction: (address) => {
          state.setX87Part(64, FIP, this.start);
          if (address !== undefined) state.setX87Part(64, FDP, address);
        },
      }),
    };
  }

  execute(instruction: Instruction, machine: Machine<bigint>): Outcome {
    const { state } = this;
    const start = state.rip;
    this.start = start;
    this.instruction = instruction;
    this.form = instruction.form;
    if (!this.host.system && this.form.mode !== 64 && this.form.row.attributes.has('SEGMENTS'))
      throw new Error(
        `${this.form.row.mnemonic} in ${this.form.mode}-bit code needs descriptor tables, which do not exist`,
      );
    this.next = truncate(instruction.form.mode === 64 ? 64 : 32, start + BigInt(instruction.length));
    this.outcome = 'next';
    this.changed = false;
    state.rip = this.next;
    try {
      instruction.form.row.semantics(machine, instruction.form);
    } catch (error) {
      // What goes wrong after a task switch belongs to the new task.
      if (state.rip === this.next) state.rip = start;
      throw error;
    }
    const outcome = this.outcome as Outcome;
    if (outcome === 'more') state.rip = start;
    return outcome;
  }

  readGpr(operand: GprOperand): bigint {
    return this.state.gprPart(this.number(operand.field), operand.width);
  }
  writeGpr(operand: GprOperand, value: bigint): void {
    this.changed = true;
    this.state.setGprPart(this.number(operand.field), operand.width, value);
  }
  gpr(register: number, width: Width): bigint {
    return this.state.gprPart(register, width);
  }
  setGpr(register: number, width: Width, value: bigint): void {
    this.changed = true;
    this.state.setGprPart(register, width, value);
  }
  readXmm(operand: XmmOperand): bigint {
    return this.state.xmm(this.number(operand.field));
  }
  writeXmm(operand: XmmOperand, value: bigint): void {
    this.changed = true;
    this.state.setXmm(this.number(operand.field), value);
  }
  readYmmHigh(operand: XmmOperand): bigint {
    return this.state.ymmHigh(this.number(operand.field));
  }
  writeYmmHigh(operand: XmmOperand, value: bigint): void {
    this.changed = true;
    this.state.setYmmHigh(this.number(operand.field), value);
  }
  readXmmLow(operand: XmmOperand, width: 32 | 64): bigint {
    return truncate(width, this.readXmm(operand));
  }
  writeXmmLow(operand: XmmOperand, width: 32 | 64, value: bigint): void {
    const whole = this.readXmm(operand);
    this.writeXmm(operand, whole ^ truncate(width, whole) ^ value);
  }
  immediate(width: Width): bigint {
    return truncate(width, this.instruction.immediate);
  }
  secondImmediate(): bigint {
    return BigInt(this.instruction.immediate2);
  }
  timeStamp(): bigint {
    return this.operations.timeStamp();
  }
  nextRip(): bigint {
    return this.next;
  }
  cpl(): bigint {
    return BigInt(this.linearMemory.mmu.cpl);
  }
  selector(segment: number): bigint {
    return BigInt(this.state.selector(segment));
  }
  holdInterruptsIf(condition: bigint): void {
    if (condition) this.host.system?.holdInterrupts();
  }
  x87(width: Width, offset: number): bigint {
    return this.state.x87Part(width, offset);
  }
  setX87(width: Width, offset: number, value: bigint): void {
    this.changed = true;
    this.state.setX87Part(width, offset, value);
  }
  x87Register(register: bigint, width: Width, offset: number): bigint {
    return this.x87(width, x87RegisterOffset(Number(register)) + offset);
  }
  setX87Register(register: bigint, width: Width, offset: number, value: bigint): void {
    this.setX87(width, x87RegisterOffset(Number(register)) + offset, value);
  }

  addressScale(): bigint {
    return BigInt(this.instruction.scale);
  }
  effectiveAddress(_operand: MemoryOperand, popped = 0): bigint {
    const { base, index, scale, displacement, ripRelative } = this.instruction;
    let address = displacement;
    if (ripRelative) address += this.next;
    if (base >= 0) address += this.state.gpr(base);
    if (base === RSP) address += BigInt(popped);
    if (index >= 0) address += this.state.gpr(index) << BigInt(scale);
    return truncate(this.form.addressWidth, address);
  }
  linearAddress(operand: MemoryOperand, popped = 0): bigint {
    const linear = this.effectiveAddress(operand, popped) + this.sourceSegmentBase();
    return truncate(this.form.mode === 64 ? 64 : 32, linear);
  }
  segmentBase(segment: number): bigint {
    return this.state.segmentBase(segment);
  }
  stackMask(): bigint {
    return BigInt(this.state.stackMask);
  }
  sourceSegmentBase(): bigint {
    return this.state.segmentBase(this.instruction.segment);
  }
  requireAligned(linear: bigint, bytes: number): void {
    if (linear % BigInt(bytes) !== 0n) throw new GuestException(Vector.GP);
  }
  translate(linear: bigint, bytes: number, access: Access, segment = this.instruction.segment): Place<bigint> {
    if (this.changed) throw new Error(`${this.form.row.mnemonic} translates an address after it has changed something`);
    if (this.form.mode !== 64) this.checkSegment(linear, bytes, access, segment);
    const located = this.linearMemory.locate(linear, bytes, access, segment === SS);
    return {
      load: (width, offset = 0) => located.load(offset, width / 8),
      store: (width, value, offset = 0) => {
        this.changed = true;
        located.store(offset, width / 8, value);
      },
    };
  }

  translateElements(
    linears: readonly bigint[],
    bytes: number,
    keep: (places: readonly Place<bigint>[]) => void,
  ): Place<bigint>[] {
    const places: Place<bigint>[] = [];
    for (const linear of linears)
      try {
        places.push(this.translate(linear, bytes, 'read'));
      } catch (error) {
        if (error instanceof GuestException) keep(places);
        throw error;
      }
    return places;
  }

  /** Checks an access outside 64-bit mode against its segment, on a machine that has descriptor tables. */
  private checkSegment(linear: bigint, bytes: number, access: Access, segment: number): void {
    const offset = truncate(32, linear - this.state.segmentBase(segment));
    this.operations.segments?.checkAccess(segment, Number(offset), bytes, access);
  }

  setFlags(thunk: FlagsThunk<bigint>): void {
    this.changed = true;
    this.state.setFlagsThunk(thunk);
  }
  setFlagBits(mask: number, bits: bigint): void {
    const kept = BigInt(this.state.statusFlags & ~mask);
    this.setFlags({ kind: 'bits', bits: kept | (bits & BigInt(mask & STATUS_FLAGS)) });
  }
  setRotateFlags(kind: 'rol' | 'ror', width: Width, rotated: bigint): void {
    this.setFlags(flagsOfRotate(bigintArithmetic, this.state.flagsThunk(), kind, width, rotated));
  }
  flagBits(): bigint {
    return BigInt(this.state.statusFlags);
  }
  condition(code: number): bigint {
    return conditionOf(bigintArithmetic, this.state.flagsThunk(), code);
  }
  systemFlags(): bigint {
    return this.state.systemFlags;
  }
  setSystemFlags(value: bigint): void {
    this.changed = true;
    this.state.systemFlags = value & ~BigInt(STATUS_FLAGS);
  }

  jumpDirect(): void {
    if (!this.changed) this.requireDirectTarget();
    this.jumpIndirect(this.directTarget());
  }
  branch(condition: bigint): void {
    if (condition) this.jumpDirect();
  }
  jumpIndirect(target: bigint): void {
    if (!isCanonical(target)) throw new Error(`${this.form.row.mnemonic} goes to an address that is not canonical`);
    this.state.rip = target;
  }
  requireCanonical(target: bigint): void {
    if (this.form.mode !== 64) this.operations.segments?.checkCode(target, 1);
    else if (!isCanonical(target)) throw new GuestException(Vector.GP);
  }
  requireDirectTarget(): void {
    this.requireCanonical(this.directTarget());
  }

  if(condition: bigint, then: () => void, otherwise?: () => void): void {
    if (condition) then();
    else otherwise?.();
  }
  while(
    _widths: readonly (Width | 128)[],
    initial: bigint[],
    condition: (values: bigint[]) => bigint,
    step: (values: bigint[]) => bigint[],
  ): bigint[] {
    let values = initial;
    while (condition(values)) values = step(values);
    return values;
  }
  repeat(body: () => bigint | undefined): void {
    const width = this.form.addressWidth;
    const count = this.state.gprPart(RCX, width);
    if (count === 0n) return;
    const goesOn = body();
    this.state.setGprPart(RCX, width, count - 1n);
    if (count !== 1n && goesOn !== 0n) this.outcome = 'more';
  }
  rarely(condition: bigint, then: () => void, otherwise: () => void): void {
    this.if(condition, then, otherwise);
  }
  raise(vector: number, errorCode = 0n): void {
    throw new GuestException(vector, Number(errorCode));
  }
  raiseIf(condition: bigint, vector: number, errorCode = 0n): void {
    if (condition) this.raise(vector, errorCode);
  }
  trap(vector: number): void {
    this.outcome = 'trap';
    this.trapVector = vector;
  }
  leave(reason: LeaveReason): void {
    this.outcome = reason;
  }

  private directTarget(): bigint {
    const { mode, width } = this.form;
    return (this.next + this.instruction.immediate) & (mode === 64 ? MASK64 : maskOf(width));
  }
  private number(field: RegisterField): number {
    return typeof field === 'number' ? field : this.instruction[field];
  }
}

type Words = Readonly<Record<string, (...parameters: unknown[]) => unknown>>;

/**
 * Adds the words of arithmetic, vectors and floats. They go into the prototype: V8 looks up each property of an object
 * with so many of its own in a hash table, and instructions took 1.6 times as long.
 */
function withAllWords(core: EvaluatorCore): Machine<bigint> {
  const prototype = Object.getPrototypeOf(core) as object;
  if (!('float' in prototype)) {
    Object.assign(prototype, bigintArithmetic, bigintVectors);
    for (const name of Object.keys(core.floats))
      Object.defineProperty(prototype, name, {
        value(this: EvaluatorCore, ...parameters: unknown[]): unknown {
          return (this.floats as unknown as Words)[name]!(...parameters);
        },
      });
  }
  return core as EvaluatorCore & Machine<bigint>;
}
