import { lookUpTlb } from '../../wasm/compiling/tlb-lookup.js';
import { maskOf, truncate, type Width } from '../../../bits.js';
import { thunkOfCode } from '../../meaning/flag-slots.js';
import { mapThunk, type FlagsThunk } from '../../meaning/flags.js';
import type {
  GprOperand,
  MemoryOperand,
  MmxOperand,
  RegisterField,
  StackOperand,
  XmmOperand,
} from '../../meaning/form.js';
import type { Instruction } from '../../decode/instruction.js';
import type { Access, Machine, Place } from '../../meaning/vocabulary.js';
import { FS, HIGH_BYTE, RCX, RDI, RSI, RSP, SEGMENT_BASE } from '../../state/layout.js';
import type { Code } from '../../wasm/encoding/code.js';
import { MeaningCompiler, withAllWords, type CompilerContext } from '../../wasm/compiling/meaning-compiler.js';
import { constantValue, localValue, type Emitter, type Origin, type WasmValue } from '../../wasm/encoding/value.js';
import type { CodeBase } from './code-base.js';
import { emitBulkRepeat, type BulkKind, type BulkTicks } from './bulk-repeat.js';
import { GENERAL_REGISTERS, HIGH_HALVES, type RegionRegisters, type RegisterPlaces } from './region-registers.js';
import { findExtent, withExtent, type CheckPlan, type CheckedExtent, type PlannedAccess } from './check-groups.js';

type V = WasmValue;

/**
 * The third reading of the meanings: code of a region. Registers are in Wasm locals (`RegionRegisters` says when), and everything
 * that the decoder knows is a constant; addresses of code are constants off the region's base.
 */
export type RegionCompiler = RegionCore & Machine<V>;

/** Returns the extent that the check at the next access covers, or records the access if nothing is planned yet. */
export type CheckPlanner = (access: Omit<PlannedAccess, 'crosses'>) => CheckPlan;

/** The context of a region's code. */
export interface RegionContext extends CompilerContext {
  /** Present if REP may use many ticks at once. */
  readonly bulkTicks?: BulkTicks;
}

/** What the code of a region is made of. */
export interface RegionCode {
  readonly emitter: Emitter;
  readonly base: CodeBase;
  readonly registers: RegionRegisters;
}

/** What is known at a point in the code, on every path to it. */
export interface Knowledge {
  /** Where the value of each general-purpose register comes from. */
  readonly origins: readonly Origin[];
  readonly extents: readonly CheckedExtent[];
  readonly flags: FlagsThunk<V> | undefined;
  /** Whether the locals of the flags hold them, so that an exit need not. */
  readonly flagsStored: boolean;
  readonly places: RegisterPlaces;
}

/** Origin roots: addresses relative to the code, and absolute constants. */
const CODE_ROOT = 0;
const ABSOLUTE_ROOT = 1;
const FIRST_ROOT = 2;

export function regionCompiler(
  { emitter, base, registers }: RegionCode,
  context: RegionContext,
  plan: CheckPlanner,
): RegionCompiler {
  return withAllWords(new RegionCore(emitter, context, base, registers, plan), emitter);
}

/** Locals for the values of one thunk, by type. */
type KeptFlags = Record<'i32' | 'i64', readonly number[]>;

class RegionCore extends MeaningCompiler {
  private instruction!: Instruction;
  private next = 0n;
  private origins: Origin[];
  private extents: readonly CheckedExtent[] = [];
  private rootsUsed = FIRST_ROOT;
  private readonly sums = new Map<string, number>();
  /** Locals for host addresses of checked extents, those in use first. */
  private readonly hosts = { locals: [] as number[], used: 0 };
  /** Two sets of locals for flags: new flags may depend on the previous ones. */
  private readonly kept: readonly [KeptFlags, KeptFlags];

  constructor(
    emitter: Emitter,
    protected override readonly context: RegionContext,
    private readonly base: CodeBase,
    private readonly registers: RegionRegisters,
    private readonly plan: CheckPlanner,
  ) {
    super(emitter, context);
    const three = (type: 'i32' | 'i64'): number[] => [0, 1, 2].map(() => this.code.newLocal(type));
    const six = (): KeptFlags => ({ i32: three('i32'), i64: three('i64') });
    this.kept = [six(), six()];
    this.origins = this.freshOrigins();
  }

  /** Emits code of which no checked extent is known behind it. Fewer locals make V8 faster, which merges all of them at every merge. */
  withinTree(emit: () => void): void {
    const { used } = this.hosts;
    emit();
    this.hosts.used = used;
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
    this.translated = 0;
    this.ended = false;
    this.form.row.semantics(this.words, this.form);
    const goesOn = !this.ended;
    [this.instruction, this.form, this.next, this.changed, this.ended] = outer;
    return goesOn;
  }

  get knowledge(): Knowledge {
    const { origins, extents, flags, flagsStored } = this;
    return { origins: [...origins], extents, flags, flagsStored, places: this.registers.places };
  }
  set knowledge({ origins, extents, flags, flagsStored, places }: Knowledge) {
    this.origins = [...origins];
    this.extents = extents;
    this.flags = flags;
    this.flagsStored = flagsStored;
    this.registers.places = places;
  }
  /** Reads flags of a known kind from locals after a merge; the locals do not change while these flags are used. */
  adoptFlags(kindCode: number, result: V, operand: V): void {
    const thunk = thunkOfCode(this.words, kindCode, { extra: constantValue('i32', 0n), result, operand });
    this.keepFlags(thunk);
    this.flagsStored = true;
  }
  freshOrigin(): Origin {
    return { root: this.rootsUsed++, offset: 0n };
  }
  freshOrigins(): Origin[] {
    const origins: Origin[] = [];
    for (let register = 0; register < GENERAL_REGISTERS; register++) origins.push(this.freshOrigin());
    return origins;
  }

  /** Keeps the flags in locals, which are valid until flags are set again. */
  override setFlags(thunk: FlagsThunk<V>): void {
    this.changed = true;
    this.flagsStored = false;
    this.keepFlags(thunk);
  }
  /** Copies flags to the set of locals that the current flags do not use. */
  private keepFlags(thunk: FlagsThunk<V>): void {
    const known = this.flags ? Object.values(this.flags as object) : [];
    const [first, second] = this.kept;
    const isInFirst = [...first.i32, ...first.i64].some((local) => known.some((value: V) => value.local === local));
    const free = isInFirst ? second : first;
    this.flags = mapThunk(thunk, (value, place) => {
      if (value.constant !== undefined) return value;
      const local = free[value.type === 'i64' ? 'i64' : 'i32'][place]!;
      this.emitter.push(value).code.set(local);
      return localValue(value.type, local);
    });
  }
  /** Stores the flags before a merge, invisibly to the guest; exits store them themselves. */
  override storeFlags(): void {
    if (this.flagsStored || !this.flags) return;
    this.flagsStored = true;
    this.context.storeFlags(this.words, this.flags);
  }
  override condition(code: number): V {
    if (!this.flags) this.flagBits();
    return super.condition(code);
  }
  override flagBits(): V {
    const bits = super.flagBits();
    if (this.flags) return bits;
    this.keepFlags({ kind: 'bits', bits });
    // The locals hold them in some other form, and where ways meet they are taken for bits.
    this.flagsStored = false;
    return bits;
  }

  override jumpDirect(): void {
    this.context.jumpDirect();
    this.ended = true;
  }
  override branch(condition: V): void {
    this.emitter.push(condition).code.if();
    const { knowledge } = this;
    this.context.jumpDirect();
    this.knowledge = knowledge;
    this.code.end();
  }
  override jumpIndirect(target: V): void {
    this.context.jumpIndirect(target);
    this.ended = true;
  }
  override if(condition: V, then: () => void, otherwise?: () => void): void {
    this.joining(() => super.if(condition, then, otherwise));
  }
  override while(...parameters: Parameters<MeaningCompiler['while']>): V[] {
    return this.joining(() => super.while(...parameters));
  }
  override repeat(body: () => V | undefined, bulk?: BulkKind): void {
    this.storeFlags();
    this.joining(() => {
      for (const register of [RCX, RSI, RDI]) this.origins[register] = this.freshOrigin();
      super.repeat(body, bulk);
      for (const register of [RCX, RSI, RDI]) this.origins[register] = this.freshOrigin();
    });
  }
  protected override repeatInBulk(kind: BulkKind): void {
    const isFlat = kind === 'fill' || this.instruction.segment < FS;
    const { bulkTicks, tlbSet } = this.context;
    if (this.form.addressWidth !== 64 || !isFlat || !bulkTicks) return;
    emitBulkRepeat(this.words, this.emitter, kind, this.form, { bulkTicks, tlbSet });
    this.changed = false;
  }
  /** Emits code that may run any number of times; knowledge from within it is discarded afterwards. */
  private joining<T>(emit: () => T): T {
    const { origins, extents } = this;
    const { registers } = this;
    const { isJoining } = registers;
    this.origins = [...origins];
    registers.isJoining = true;
    const result = emit();
    registers.isJoining = isJoining;
    this.origins = this.origins.map((origin, i) => (origin === origins[i] ? origin : this.freshOrigin()));
    this.extents = extents;
    return result;
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
    this.origins[target] = originOf(whole) ?? this.freshOrigin();
    this.emitter.push(whole);
    this.registers.pop(target);
  }
  readXmm(operand: XmmOperand): V {
    this.pushXmm(operand);
    return this.emitter.pop('v128');
  }
  writeXmm(operand: XmmOperand, value: V): void {
    this.emitter.push(value);
    this.popXmm(operand);
  }
  readYmmHigh(operand: XmmOperand): V {
    this.registers.push(HIGH_HALVES + this.number(operand.field));
    return this.emitter.pop('v128');
  }
  writeYmmHigh(operand: XmmOperand, value: V): void {
    this.changed = true;
    this.emitter.push(value);
    this.registers.pop(HIGH_HALVES + this.number(operand.field));
  }
  /** As a number and as its bits; V8 eliminates the unused one. */
  readXmmLow(operand: XmmOperand, width: 32 | 64): V {
    const { code, emitter } = this;
    const float = emitter.local(width === 64 ? 'f64' : 'f32');
    this.pushXmm(operand)
      .laneOp(width === 64 ? 'f64x2.extract_lane' : 'f32x4.extract_lane', 0)
      .set(float);
    this.pushXmm(operand);
    code.laneOp(width === 64 ? 'i64x2.extract_lane' : 'i32x4.extract_lane', 0);
    return emitter.pop(width === 64 ? 'i64' : 'i32', undefined, float);
  }
  writeXmmLow(operand: XmmOperand, width: 32 | 64, value: V): void {
    const { code } = this;
    this.pushXmm(operand);
    if (value.float !== undefined)
      code.get(value.float).laneOp(width === 64 ? 'f64x2.replace_lane' : 'f32x4.replace_lane', 0);
    else this.emitter.push(value).code.laneOp(width === 64 ? 'i64x2.replace_lane' : 'i32x4.replace_lane', 0);
    this.popXmm(operand);
  }
  immediate(width: Width): V {
    return this.words.constant(width, truncate(width, this.instruction.immediate));
  }
  protected rip(): V {
    return this.addressOfCode(this.next - BigInt(this.instruction.length));
  }
  protected registerNumber(operand: StackOperand | MmxOperand): V {
    return constantValue('i32', BigInt(this.number(operand.field)));
  }
  secondImmediate(): V {
    return this.words.constant(8, this.instruction.immediate2);
  }
  nextRip(): V {
    return this.addressOfCode(this.next);
  }
  /** Pushes an address that lies a constant away from the code, and returns its distance from the base. */
  pushCodeAddress(address: bigint): bigint {
    return this.base.pushAddress(address);
  }
  /** An address that lies a constant away from the code. */
  addressOfCode(address: bigint): V {
    const offset = this.pushCodeAddress(address);
    return this.emitter.pop('i64', { root: CODE_ROOT, offset });
  }
  addressScale(): V {
    return constantValue('i64', BigInt(this.instruction.scale));
  }
  effectiveAddress(_operand: MemoryOperand, popped = 0): V {
    const m = this.words;
    const { base, index, scale, displacement, ripRelative } = this.instruction;
    const constant = constantValue('i64', truncate(64, base === RSP ? displacement + BigInt(popped) : displacement));
    let address: V | undefined = base >= 0 ? this.copy(base) : undefined;
    if (ripRelative) address = this.addressOfCode(this.next + displacement);
    else if (index >= 0) address = this.addIndex(address, index, scale);
    if (!address) address = constant;
    else if (!ripRelative && constant.constant !== 0n) address = m.add(64, address, constant);
    return this.form.addressWidth === 32 ? m.and(64, address, constantValue('i64', 0xffff_ffffn)) : address;
  }
  /** Only FS and GS have bases in 64-bit mode. SDM Vol. 1 3.4.2.1. */
  sourceSegmentBase(): V {
    const { segment } = this.instruction;
    if (segment < FS) return constantValue('i64', 0n);
    this.code.i32(0);
    return this.load(64, SEGMENT_BASE + segment * 8);
  }

  private addIndex(base: V | undefined, index: number, scale: number): V {
    const m = this.words;
    const offset = this.copy(index);
    const scaled = m.shl(64, offset, constantValue('i64', BigInt(scale)));
    const sum = base ? m.add(64, base, scaled) : scaled;
    const start = base ? base.origin : { root: ABSOLUTE_ROOT, offset: 0n };
    if (!start || !offset.origin || sum.constant !== undefined) return sum;
    const key = `${start.root} ${offset.origin.root} ${scale}`;
    let root = this.sums.get(key);
    if (root === undefined) this.sums.set(key, (root = this.rootsUsed++));
    const distance = start.offset + (offset.origin.offset << BigInt(scale));
    return localValue(sum.type, sum.local, { root, offset: BigInt.asIntN(64, distance) }, sum.float);
  }

  override translate(linear: V, bytes: number, access: Access): Place<V> {
    this.requireUnchanged('translates an address');
    const origin = originOf(linear);
    const plan = this.plan({ origin, bytes, access });
    const known = origin && findExtent(this.extents, origin, bytes, access);
    if (origin && known) return this.placeAt(known.host, Number(origin.offset - known.low));
    if (plan.crosses) return super.translate(linear, bytes, access);
    const start = this.words.sub(64, linear, constantValue('i64', BigInt(plan.before)));
    const host = this.check(start, plan.before + plan.after, plan.writes);
    if (origin) {
      const [low, high] = [origin.offset - BigInt(plan.before), origin.offset + BigInt(plan.after)];
      this.extents = withExtent(this.extents, { root: origin.root, low, high, writable: plan.writes, host });
    }
    return this.placeAt(host, plan.before);
  }

  /** Exits unless the extent is in one page that the TLB has. Returns a new local with its host address. */
  private check(start: V, bytes: number, writes: boolean): number {
    const { code, emitter } = this;
    const found = lookUpTlb(emitter, start, bytes, writes ? 'write' : 'read', this.context.tlbSet);
    found.pushMiss();
    this.context.exitIf('miss');
    found.pushHost();
    const host = (this.hosts.locals[this.hosts.used++] ??= code.newLocal('i32'));
    code.set(host);
    return host;
  }
  private placeAt(host: number, distance: number): Place<V> {
    return {
      load: (width, offset = 0) => {
        this.code.get(host);
        return this.load(width, distance + offset);
      },
      store: (width, value, offset = 0) => {
        this.changed = true;
        this.code.get(host);
        this.store(width, value, distance + offset);
      },
    };
  }

  /** The current value of the register, which does not change when the register is written. */
  private copy(register: number): V {
    this.registers.push(register);
    return this.emitter.pop('i64', this.origins[register]);
  }
  private number(field: RegisterField): number {
    return typeof field === 'number' ? field : this.instruction[field];
  }
  private pushXmm(operand: XmmOperand): Code {
    return this.registers.push(GENERAL_REGISTERS + this.number(operand.field));
  }
  private popXmm(operand: XmmOperand): void {
    this.changed = true;
    this.registers.pop(GENERAL_REGISTERS + this.number(operand.field));
  }
}

/** The origin of a value; that of a constant is the absolute root. */
function originOf({ origin, constant }: V): Origin | undefined {
  return constant === undefined ? origin : { root: ABSOLUTE_ROOT, offset: BigInt.asIntN(64, constant) };
}
