import { maskOf, truncate, type Width } from '../../bits.js';
import type { FlagsThunk } from '../flags.js';
import type { GprOperand, MemoryOperand, RegisterField, XmmOperand } from '../form.js';
import type { Instruction } from '../instruction.js';
import type { Machine } from '../machine.js';
import { HIGH_BYTE, RSP, SEGMENT_BASE, xmmAddress } from '../state.js';
import { MeaningCompiler, withAllWords, type CompilerContext } from '../wasm/meaning-compiler.js';
import { constantValue, type Emitter, type WasmValue } from '../wasm/value.js';

type V = WasmValue;

/**
 * The third reading of the meanings: code of a region. General-purpose registers are Wasm locals, and everything that the
 * decoder knows is a constant.
 */
export type RegionCompiler = RegionCore & Machine<V>;

export function regionCompiler(
  emitter: Emitter,
  context: CompilerContext,
  registers: readonly number[],
): RegionCompiler {
  return withAllWords(new RegionCore(emitter, context, registers), emitter);
}

class RegionCore extends MeaningCompiler {
  /** Registers that some instruction has read or written: they are loaded on the way in. */
  readonly used = new Set<number>();
  /** Registers that some instruction has written: they are stored on the way out. */
  readonly written = new Set<number>();
  private instruction!: Instruction;
  private next = 0n;
  private readonly kept: { readonly i32: readonly number[]; readonly i64: readonly number[] };

  constructor(
    emitter: Emitter,
    context: CompilerContext,
    /** Local of each general-purpose register. */
    private readonly registers: readonly number[],
  ) {
    super(emitter, context);
    const three = [0, 1, 2];
    this.kept = { i32: three.map(() => this.code.newLocal('i32')), i64: three.map(() => this.code.newLocal('i64')) };
  }

  /** Emits the meaning of an instruction whose next one lies at `nextRip`; false if it has gone elsewhere. */
  emit(instruction: Instruction, nextRip: bigint): boolean {
    // What a branch leads to may be emitted within the branch.
    const outer = [this.instruction, this.form, this.next, this.changed, this.ended] as const;
    this.emitter.reuseLocals();
    this.instruction = instruction;
    this.form = instruction.form;
    this.next = nextRip;
    this.changed = false;
    this.ended = false;
    this.form.row.semantics(this.words, this.form);
    const goesOn = !this.ended;
    [this.instruction, this.form, this.next, this.changed, this.ended] = outer;
    return goesOn;
  }

  /** What is known of the flags here, for a block that is entered from here only. */
  get knownFlags(): FlagsThunk<V> | undefined {
    return this.flags;
  }
  set knownFlags(thunk: FlagsThunk<V> | undefined) {
    this.flags = thunk;
    this.flagsStored = true;
  }

  /**
   * Flags go to their locals at once, where an exit finds them; the optimiser drops what nobody reads. What is known of
   * them moves to locals of its own, which last until flags are set again.
   */
  override setFlags(thunk: FlagsThunk<V>): void {
    super.setFlags(thunk);
    this.storeFlags();
    this.changed = true;
    if (thunk.kind === 'bits') this.flags = { kind: 'bits', bits: this.keep(0, thunk.bits) };
    else if (thunk.kind === 'result')
      this.flags = { ...thunk, result: this.keep(0, thunk.result), bits: this.keep(1, thunk.bits) };
    else
      this.flags = { ...thunk, x: this.keep(0, thunk.x), y: this.keep(1, thunk.y), result: this.keep(2, thunk.result) };
  }
  private keep(place: number, value: V): V {
    if (value.constant !== undefined) return value;
    const local = this.kept[value.type === 'i64' ? 'i64' : 'i32'][place]!;
    this.emitter.push(value).code.set(local);
    return { type: value.type, local };
  }

  readGpr(operand: GprOperand): V {
    return this.gpr(this.number(operand.field), operand.width);
  }
  writeGpr(operand: GprOperand, value: V): void {
    this.setGpr(this.number(operand.field), operand.width, value);
  }
  gpr(register: number, width: Width): V {
    const whole = this.copy(register >= HIGH_BYTE ? register - HIGH_BYTE : register);
    if (register < HIGH_BYTE) return this.words.truncate(64, width, whole);
    return this.words.truncate(64, 8, this.words.shr(64, whole, constantValue('i64', 8n)));
  }
  setGpr(register: number, width: Width, value: V): void {
    this.changed = true;
    const m = this.words;
    const target = register >= HIGH_BYTE ? register - HIGH_BYTE : register;
    let whole = m.zeroExtend(width, 64, value);
    if (width < 32) {
      const shift = register >= HIGH_BYTE ? 8 : 0;
      const kept = maskOf(64) ^ (maskOf(width) << BigInt(shift));
      if (shift) whole = m.shl(64, whole, constantValue('i64', 8n));
      whole = m.or(64, m.and(64, this.copy(target), constantValue('i64', kept)), whole);
    }
    this.used.add(target);
    this.written.add(target);
    this.emitter.push(whole).code.set(this.registers[target]!);
  }
  readXmm(operand: XmmOperand): V {
    this.code.i32(0);
    return this.load(128, this.xmmAddress(operand));
  }
  writeXmm(operand: XmmOperand, value: V): void {
    this.changed = true;
    this.code.i32(0);
    this.store(128, value, this.xmmAddress(operand));
  }
  readXmmLow(operand: XmmOperand, width: 32 | 64): V {
    this.code.i32(0);
    return this.load(width, this.xmmAddress(operand));
  }
  writeXmmLow(operand: XmmOperand, width: 32 | 64, value: V): void {
    this.changed = true;
    this.code.i32(0);
    this.store(width, value, this.xmmAddress(operand));
  }
  immediate(width: Width): V {
    return this.words.constant(width, truncate(width, this.instruction.immediate));
  }
  nextRip(): V {
    return constantValue('i64', this.next);
  }
  effectiveAddress(_operand: MemoryOperand, popped = 0): V {
    const m = this.words;
    const { base, index, scale, displacement, ripRelative } = this.instruction;
    let constant = displacement + (ripRelative ? this.next : 0n);
    if (base === RSP) constant += BigInt(popped);
    let address: V | undefined = base >= 0 ? this.copy(base) : undefined;
    if (index >= 0) {
      const scaled = m.shl(64, this.copy(index), constantValue('i64', BigInt(scale)));
      address = address ? m.add(64, address, scaled) : scaled;
    }
    const offset = constantValue('i64', truncate(64, constant));
    if (!address) address = offset;
    else if (constant !== 0n) address = m.add(64, address, offset);
    return this.form.addressWidth === 32 ? m.and(64, address, constantValue('i64', 0xffff_ffffn)) : address;
  }
  sourceSegmentBase(): V {
    this.code.i32(0);
    return this.load(64, SEGMENT_BASE + this.instruction.segment * 8);
  }

  /** The register's value now, which stays what it is when the register is written. */
  private copy(register: number): V {
    this.used.add(register);
    this.code.get(this.registers[register]!);
    return this.emitter.pop('i64');
  }
  private number(field: RegisterField): number {
    return typeof field === 'number' ? field : this.instruction[field];
  }
  private xmmAddress(operand: XmmOperand): number {
    return xmmAddress(this.number(operand.field));
  }
}
