import type { Width } from '../../bits.js';
import type {
  Form,
  GprOperand,
  MemoryOperand,
  MmxOperand,
  OperandForm,
  StackOperand,
  XmmOperand,
} from '../meaning/form.js';
import type { Machine } from '../meaning/vocabulary.js';
import * as at from '../state/layout.js';
import { MeaningCompiler, withAllWords } from '../wasm/compiling/meaning-compiler.js';
import type { Emitter, WasmValue } from '../wasm/encoding/value.js';
import type { HandlerContext } from './handler-context.js';
import { Field } from '../engine/record.js';

type V = WasmValue;

/**
 * Compiles meanings to the code of the interpreter's handlers. Register numbers, immediates and displacements are read
 * from the decoded record; the context determines how a handler ends.
 */
export type HandlerMachine = HandlerCompiler & Machine<V>;

export function handlerMachine(emitter: Emitter, context: HandlerContext): HandlerMachine {
  return withAllWords(new HandlerCompiler(emitter, context), emitter);
}

class HandlerCompiler extends MeaningCompiler {
  /** Offset of the record from the record pointer: not 0 for the second instruction of a fused pair. */
  private recordOffset = 0;

  constructor(
    emitter: Emitter,
    private readonly handler: HandlerContext,
  ) {
    super(emitter, handler);
  }

  /** Emits the meaning of an instruction of this form, whose record lies `recordOffset` bytes from the record pointer. */
  emit(form: Form, recordOffset: number): void {
    this.form = form;
    this.recordOffset = recordOffset;
    this.ended = false;
    this.translated = 0;
    this.handler.recordOffset = recordOffset;
    if (recordOffset === 0) {
      this.changed = false;
      this.flags = undefined;
      this.flagsStored = true;
    }
    form.row.semantics(this.words, form);
  }

  /** Ends the handler by continuing with the next record, unless the meaning has branched. */
  finish(): void {
    if (this.ended) return;
    this.storeFlags();
    this.handler.next(this.form.row.attributes.has('BRANCH') || this.form.repeat !== 'none');
  }

  readGpr(operand: GprOperand): V {
    this.pushOperandAddress(operand);
    return this.load(operand.width, 0);
  }
  writeGpr(operand: GprOperand, value: V): void {
    this.changed = true;
    this.pushOperandAddress(operand);
    this.storeGpr(operand.width, value, 0);
  }
  gpr(register: number, width: Width): V {
    this.code.i32(0);
    return this.load(width, at.gprAddress(register));
  }
  setGpr(register: number, width: Width, value: V): void {
    this.changed = true;
    this.code.i32(0);
    this.storeGpr(width, value, at.gprAddress(register));
  }
  readXmm(operand: XmmOperand): V {
    this.pushOperandAddress(operand);
    return this.load(128, 0);
  }
  writeXmm(operand: XmmOperand, value: V): void {
    this.changed = true;
    this.pushOperandAddress(operand);
    this.store(128, value, 0);
  }
  readYmmHigh(operand: XmmOperand): V {
    this.pushOperandAddress(operand);
    return this.load(128, at.YMM_HIGH - at.XMM);
  }
  writeYmmHigh(operand: XmmOperand, value: V): void {
    this.changed = true;
    this.pushOperandAddress(operand);
    this.store(128, value, at.YMM_HIGH - at.XMM);
  }
  readXmmLow(operand: XmmOperand, width: 32 | 64): V {
    this.pushOperandAddress(operand);
    return this.load(width, 0);
  }
  writeXmmLow(operand: XmmOperand, width: 32 | 64, value: V): void {
    this.changed = true;
    this.pushOperandAddress(operand);
    this.store(width, value, 0);
  }
  immediate(width: Width): V {
    this.pushRecord();
    return this.load(width, this.field(Field.immediate));
  }
  protected rip(): V {
    this.pushRecord();
    this.code.memory('i64.load', this.field(Field.nextRip));
    this.pushRecord();
    this.code.memory('i64.load8_u', this.field(Field.length)).op('i64.sub');
    return this.emitter.pop('i64');
  }
  protected registerNumber(operand: StackOperand | MmxOperand): V {
    this.pushRecord();
    return this.load(16, this.field(Field.operands[this.form.operands.indexOf(operand)]!));
  }
  secondImmediate(): V {
    this.pushRecord();
    return this.load(8, this.field(Field.secondImmediate));
  }
  nextRip(): V {
    this.pushRecord();
    return this.load(64, this.field(Field.nextRip));
  }
  addressScale(): V {
    this.pushRecord();
    this.code.memory('i64.load8_u', this.field(Field.scale));
    return this.emitter.pop('i64');
  }
  effectiveAddress(operand: MemoryOperand, popped = 0): V {
    const { code, emitter } = this;
    this.pushThroughRecord(Field.base);
    this.pushRecord();
    code.memory('i64.load', this.field(Field.displacement)).op('i64.add');
    if (popped !== 0) {
      this.pushRecord();
      code.memory('i32.load16_u', this.field(Field.base)).i32(at.gprAddress(at.RSP)).op('i32.eq');
      code.op('i64.extend_i32_u').i64(BigInt(popped)).op('i64.mul').op('i64.add');
    }
    if (operand.shape !== 'base') {
      this.pushThroughRecord(Field.index);
      this.pushRecord();
      code.memory('i64.load8_u', this.field(Field.scale)).op('i64.shl').op('i64.add');
    }
    if (this.form.addressWidth === 32) code.i64(0xffff_ffffn).op('i64.and');
    return emitter.pop('i64');
  }
  sourceSegmentBase(): V {
    this.pushThroughRecord(Field.segmentBase);
    return this.emitter.pop('i64');
  }

  private field(offset: number): number {
    return this.recordOffset + offset;
  }
  private pushRecord(): void {
    this.code.get(this.handler.record);
  }
  /** Pushes the 64-bit value at the host address that a field of the record holds. */
  private pushThroughRecord(field: number): void {
    this.pushRecord();
    this.code.memory('i32.load16_u', this.field(field)).memory('i64.load', 0);
  }
  private pushOperandAddress(operand: GprOperand | XmmOperand): void {
    const slot = this.form.operands.indexOf(operand as OperandForm);
    if (slot < 0) return this.pushImpliedAddress(operand);
    this.pushRecord();
    this.code.memory('i32.load16_u', this.field(Field.operands[slot]!));
  }
  /** Pushes the address of a register that a meaning names by number rather than as an operand of the form (FXSAVE). */
  private pushImpliedAddress({ kind, field }: GprOperand | XmmOperand): void {
    if (typeof field !== 'number') throw new Error(`${this.form.row.mnemonic} has no operand in ${field}`);
    this.code.i32(kind === 'gpr' ? at.gprAddress(field) : at.xmmAddress(field));
  }
  private storeGpr(width: Width, value: V, offset: number): void {
    if (width !== 32) return this.store(width, value, offset);
    this.emitter.push(value).code.op('i64.extend_i32_u').memory('i64.store', offset);
  }
}
