import { lookUpTlb, type TlbSetPlace } from './tlb-lookup.js';
import type { Width } from '../../../bits.js';
import { STATUS_FLAGS, bitsOf, conditionOf, flagsOfRotate, type FlagsThunk } from '../../meaning/flags.js';
import type { Form, GprOperand, MemoryOperand, MmxOperand, StackOperand, XmmOperand } from '../../meaning/form.js';
import type { Access, Arithmetic, Floats, HostOperations, Machine, Place, Vectors } from '../../meaning/vocabulary.js';
import * as at from '../../state/layout.js';
import { WasmArithmetic } from './arithmetic.js';
import type { Code } from '../encoding/code.js';
import type { CompiledFunction } from '../functions/functions.js';
import { COPIES_END, CROSSING_PLACES, mayCross } from '../functions/page-crossing.js';
import { WasmFloats } from './floats.js';
import { NotCompiled } from './not-compiled.js';
import { CompiledX87 } from './x87.js';
import { localValue, typeOfWidth, type Emitter, type WasmValue } from '../encoding/value.js';
import { WasmVectors } from './vectors.js';

type V = WasmValue;

/** The words of the vocabulary other than arithmetic, vectors and floats. */
export type CompilerCore = Omit<Machine<V>, keyof Arithmetic<V> | keyof Vectors<V> | keyof Floats<V>>;

/** Reasons for a side exit taken before the instruction has had any effect. */
export type MidExit = 'evaluate' | 'miss';

/** How compiled code continues or exits, and where it keeps the flags. */
export interface CompilerContext {
  jumpDirect(): void;
  jumpIndirect(target: V): void;
  exit(why: MidExit): void;
  /** Exits if the i32 on the stack is not 0. */
  exitIf(why: MidExit): void;
  /** Between two iterations of REP: takes a tick, or exits if none is left. */
  tickOrExit(): void;
  storeFlags(m: Arithmetic<V>, thunk: FlagsThunk<V>): void;
  /**
   * Pushes the truth value of an even condition code (0, 2, ... 14, given halved) for flags whose kind is known only at
   * run time.
   */
  callCondition(even: number): void;
  callFlagBits(): void;
  /** Pushes the CPU's ticks, those of this instruction included; i64. */
  pushTime(): void;
  /** Calls one of the functions of wasm/functions, whose parameters are on the stack. */
  callFunction(name: CompiledFunction): void;
  /** Absent if the TLB has one set of tables only. */
  readonly tlbSet?: TlbSetPlace | undefined;
}

/** Adds the words of arithmetic, vectors and floats to a compiler, which makes it a complete machine. */
export function withAllWords<T extends MeaningCompiler>(core: T, emitter: Emitter): T & Machine<V> {
  const callFunction = (name: CompiledFunction): void => core.callFunction(name);
  const floats = new WasmFloats(emitter, { sideExitIf: () => core.sideExitIf(), callFunction });
  core.parts = [new WasmArithmetic(emitter, callFunction), new WasmVectors(emitter, callFunction), floats];
  const prototype = Object.getPrototypeOf(core) as object;
  if (!haveWords.has(prototype)) {
    haveWords.add(prototype);
    core.parts.forEach((part, number) => addWords(prototype, part, number));
  }
  const machine = core as T & Machine<V>;
  core.words = machine;
  return machine;
}

/** Prototypes that already have all words. */
const haveWords = new Set<object>();

/**
 * Compiles meanings to Wasm; the common base for the interpreter's handlers and the translator's regions. Subclasses
 * define where registers and immediates come from and how an instruction ends.
 */
export abstract class MeaningCompiler implements CompilerCore {
  form!: Form;
  /** Objects that implement the remaining words; calls are delegated to them. */
  parts: readonly object[] = [];
  /** This compiler as a complete machine. */
  words!: Machine<V>;
  protected readonly code: Code;
  protected flags: FlagsThunk<V> | undefined;
  protected flagsStored = true;
  protected changed = false;
  /** Addresses that the instruction has translated so far. */
  protected translated = 0;
  /** Addresses are those of elements: see `translateElements`. */
  private isElement = false;
  protected ended = false;
  private readonly x87Operations: CompiledX87;

  constructor(
    protected readonly emitter: Emitter,
    protected readonly context: CompilerContext,
  ) {
    this.code = emitter.code;
    this.x87Operations = new CompiledX87(emitter, {
      sideExitIf: () => this.sideExitIf(),
      callFunction: (name) => this.callFunction(name),
      pushRip: () => void emitter.push(this.rip()),
      registerNumber: (operand) => this.registerNumber(operand),
    });
  }

  abstract readGpr(operand: GprOperand): V;
  abstract writeGpr(operand: GprOperand, value: V): void;
  abstract gpr(register: number, width: Width): V;
  abstract setGpr(register: number, width: Width, value: V): void;
  abstract readXmm(operand: XmmOperand): V;
  abstract writeXmm(operand: XmmOperand, value: V): void;
  abstract addressScale(): V;
  abstract readYmmHigh(operand: XmmOperand): V;
  abstract writeYmmHigh(operand: XmmOperand, value: V): void;
  abstract readXmmLow(operand: XmmOperand, width: 32 | 64): V;
  abstract writeXmmLow(operand: XmmOperand, width: 32 | 64, value: V): void;
  abstract immediate(width: Width): V;
  abstract secondImmediate(): V;
  /** Address of this instruction; 64 bits. */
  protected abstract rip(): V;
  /** The number i of an operand ST(i) or MMi, 32 bits. */
  protected abstract registerNumber(operand: StackOperand | MmxOperand): V;
  abstract nextRip(): V;
  abstract effectiveAddress(operand: MemoryOperand, popped?: number): V;
  segmentBase(segment: number): V {
    this.code.i32(0);
    return this.load(64, at.SEGMENT_BASE + segment * 8);
  }
  stackMask(): V {
    this.code.i32(0);
    return this.load(32, at.STACK_MASK);
  }
  abstract sourceSegmentBase(): V;

  /** Exits to the evaluator if the i32 on the stack is not 0. */
  sideExitIf(): void {
    this.requireUnchanged('has a side exit');
    this.context.exitIf('evaluate');
  }
  callFunction(name: CompiledFunction): void {
    this.context.callFunction(name);
  }

  timeStamp(): V {
    this.context.pushTime();
    return this.emitter.pop('i64');
  }
  cpl(): V {
    this.code.i32(0);
    return this.load(8, at.CPL);
  }
  selector(segment: number): V {
    this.code.i32(0);
    return this.load(16, at.SELECTORS + 2 * segment);
  }
  /** While an interrupt waits, the evaluator finds out when it comes. */
  holdInterruptsIf(condition: V): void {
    const { code, emitter } = this;
    code.i32(0).memory('i32.load', at.INTERRUPT_WAITS);
    this.sideExitIf();
    emitter.push(condition).code.if();
    code.i32(0);
    this.context.pushTime();
    code.memory('i64.store', at.HELD_UNTIL).end();
  }
  x87(width: Width, offset: number): V {
    this.code.i32(0);
    return this.load(width, at.X87 + offset);
  }
  setX87(width: Width, offset: number, value: V): void {
    this.changed = true;
    this.code.i32(0);
    this.store(width, value, at.X87 + offset);
  }
  x87Register(register: V, width: Width, offset: number): V {
    this.pushX87Register(register);
    return this.load(width, at.X87 + at.X87_REGISTERS + offset);
  }
  setX87Register(register: V, width: Width, offset: number, value: V): void {
    this.changed = true;
    this.pushX87Register(register);
    this.store(width, value, at.X87 + at.X87_REGISTERS + offset);
  }
  private pushX87Register(register: V): void {
    this.emitter.push(register).code.i32(7).op('i32.and').i32(4).op('i32.shl');
  }

  linearAddress(operand: MemoryOperand, popped = 0): V {
    const effective = this.effectiveAddress(operand, popped);
    return operand.shape === 'general' ? this.words.add(64, effective, this.sourceSegmentBase()) : effective;
  }
  requireAligned(linear: V, bytes: number): void {
    this.emitter
      .push(linear)
      .code.op('i32.wrap_i64')
      .i32(bytes - 1)
      .op('i32.and');
    this.sideExitIf();
  }
  translateElements(linears: readonly V[], bytes: number): Place<V>[] {
    this.isElement = true;
    const places = linears.map((linear) => this.translate(linear, bytes, 'read'));
    this.isElement = false;
    return places;
  }
  /**
   * Looks up the address in the TLB; a miss is handled in TypeScript, unless the access lies beside the watched bytes of a page, or
   * the TLB has both pages of an access to two.
   */
  translate(linear: V, bytes: number, access: Access): Place<V> {
    this.requireUnchanged('translates an address');
    const { code, emitter } = this;
    const number = this.translated++;
    const found = lookUpTlb(emitter, linear, bytes, access, this.context.tlbSet);
    const host = localValue('i32', emitter.local('i32'));
    const kind = (access === 'write' ? 1 : this.isElement ? at.ACCESS_ELEMENT : 0) | (bytes << 8);
    const crosses = mayCross(bytes) && number < CROSSING_PLACES;
    found.pushMiss();
    code.if();
    if (crosses) {
      emitter.push(linear).code.i32(kind).i32(number);
      this.context.callFunction('cross');
      code.set(host.local).get(host.local).op('i32.eqz').if();
    }
    emitter.push(linear).code.i32(number > 0 ? kind | 2 : kind);
    this.context.callFunction('lookUpPart');
    code.set(host.local).get(host.local).op('i32.eqz').if();
    this.context.exit('miss');
    if (crosses) code.end();
    code.end().else();
    found.pushHost();
    code.set(host.local).end();
    return {
      load: (width, offset = 0) => {
        emitter.push(host);
        return this.load(width, offset);
      },
      store: (width, value, offset = 0) => {
        this.changed = true;
        emitter.push(host);
        this.store(width, value, offset);
        if (!crosses) return;
        emitter.push(host).code.i32(COPIES_END).op('i32.lt_u').if();
        code.i32(number);
        this.context.callFunction('uncross');
        code.end();
      },
    };
  }

  setFlags(thunk: FlagsThunk<V>): void {
    this.flags = thunk;
    this.flagsStored = false;
  }
  setFlagBits(mask: number, bits: V): void {
    const m = this.words;
    const kept = m.and(32, this.flagBits(), m.constant(32, ~mask & STATUS_FLAGS));
    this.setFlags({ kind: 'bits', bits: m.or(32, kept, m.and(32, bits, m.constant(32, mask & STATUS_FLAGS))) });
  }
  setRotateFlags(kind: 'rol' | 'ror', width: Width, rotated: V): void {
    const before = this.flags ?? { kind: 'bits', bits: this.flagBits() };
    this.setFlags(flagsOfRotate(this.words, before, kind, width, rotated));
  }
  flagBits(): V {
    if (this.flags) return bitsOf(this.words, this.flags);
    this.context.callFlagBits();
    return this.emitter.pop('i32');
  }
  condition(code: number): V {
    if (this.flags) return conditionOf(this.words, this.flags, code);
    this.context.callCondition(code >> 1);
    if (code & 1) this.code.op('i32.eqz');
    return this.emitter.pop('i32');
  }
  systemFlags(): V {
    this.code.i32(0);
    return this.load(64, at.RFLAGS);
  }
  setSystemFlags(value: V): void {
    this.changed = true;
    this.code.i32(0);
    this.emitter.push(value).code.i64(~BigInt(STATUS_FLAGS)).op('i64.and').i64(2n).op('i64.or');
    this.code.memory('i64.store', at.RFLAGS);
  }

  jumpDirect(): void {
    this.storeFlags();
    this.context.jumpDirect();
    this.ended = true;
  }
  branch(condition: V): void {
    this.storeFlags();
    this.emitter.push(condition);
    this.code.if();
    this.context.jumpDirect();
    this.code.end();
  }
  jumpIndirect(target: V): void {
    this.storeFlags();
    this.context.jumpIndirect(target);
    this.ended = true;
  }
  requireCanonical(target: V): void {
    const { emitter } = this;
    emitter.push(target).code.i64(16n).op('i64.shl').i64(16n).op('i64.shr_s');
    emitter.push(target).code.op('i64.ne');
    this.sideExitIf();
  }
  requireDirectTarget(): void {
    // Branches to non-canonical targets are left to the evaluator.
  }

  if(condition: V, then: () => void, otherwise?: () => void): void {
    if (condition.constant !== undefined) return condition.constant ? then() : otherwise?.();
    this.storeFlags();
    const { flags, changed } = this;
    this.emitter.push(condition);
    this.code.if();
    this.arm(then);
    if (otherwise) {
      this.code.else();
      this.flags = flags;
      const thenChanged = this.changed;
      this.changed = changed;
      this.arm(otherwise);
      this.changed ||= thenChanged;
    }
    this.code.end();
    this.flags = undefined;
  }
  while(
    widths: readonly (Width | 128)[],
    initial: V[],
    condition: (values: V[]) => V,
    step: (values: V[]) => V[],
  ): V[] {
    const { code, emitter } = this;
    const variables = initial.map((value, i): V => {
      emitter.push(value);
      return emitter.pop(typeOfWidth(widths[i]!));
    });
    this.storeFlags();
    this.flags = undefined;
    const out = code.block();
    const again = code.loop();
    emitter.push(condition(variables)).code.op('i32.eqz').brIf(out);
    const next = step(variables);
    for (const value of next) emitter.push(value);
    for (const variable of [...variables].reverse()) code.set(variable.local);
    this.storeFlags();
    code.br(again).end().end();
    this.flags = undefined;
    return variables;
  }
  repeat(body: () => V | undefined, bulk?: 'move' | 'fill'): void {
    const { code, emitter } = this;
    const m = this.words;
    const width = this.form.addressWidth;
    const done = code.block();
    const again = code.loop();
    if (bulk) this.repeatInBulk(bulk);
    const count = this.gpr(at.RCX, width);
    emitter.push(m.isZero(width, count)).code.brIf(done);
    this.flags = undefined;
    const goesOn = body();
    const left = m.sub(width, count, m.constant(width, 1));
    this.setGpr(at.RCX, width, left);
    this.storeFlags();
    this.flags = undefined;
    emitter.push(m.isZero(width, left)).code.brIf(done);
    if (goesOn) emitter.push(goesOn).code.op('i32.eqz').brIf(done);
    this.context.tickOrExit();
    this.changed = false;
    code.br(again).end().end();
  }
  /** May perform many iterations at once, but leaves at least one to be done. */
  protected repeatInBulk(_kind: 'move' | 'fill'): void {}
  rarely(condition: V, _then: () => void, otherwise: () => void): void {
    this.emitter.push(condition);
    this.sideExitIf();
    otherwise();
  }
  raise(): void {
    this.requireUnchanged('raises an exception');
    this.context.exit('evaluate');
  }
  raiseIf(condition: V): void {
    this.emitter.push(condition);
    this.sideExitIf();
  }
  trap(): void {
    throw new NotCompiled('traps are for the evaluator');
  }
  leave(): void {
    throw new NotCompiled('leaving is for the evaluator');
  }
  get host(): HostOperations<V> {
    return { ...NO_HOST, x87: this.x87Operations };
  }

  private arm(body: () => void): void {
    const { ended } = this;
    this.ended = false;
    body();
    if (!this.ended) this.storeFlags();
    this.ended = ended;
    this.flagsStored = true;
  }
  /** Stores pending flags where the next instruction finds them. */
  protected storeFlags(): void {
    if (this.flagsStored || !this.flags) return;
    this.flagsStored = true;
    this.changed = true;
    this.context.storeFlags(this.words, this.flags);
  }
  protected requireUnchanged(what: string): void {
    if (this.changed) throw new Error(`${this.form.row.mnemonic} ${what} after it has changed something`);
  }
  /** Loads from the address on the stack plus `offset`. */
  protected load(width: Width | 128, offset: number): V {
    if (width === 128) this.code.v128Load(offset);
    else this.code.memory(LOADS[width], offset);
    return this.emitter.pop(typeOfWidth(width));
  }
  protected store(width: Width | 128, value: V, offset: number): void {
    this.emitter.push(value);
    if (width === 128) this.code.v128Store(offset);
    else this.code.memory(STORES[width], offset);
  }
}

function notCompiled(): never {
  throw new NotCompiled('system services are for the evaluator');
}

const NO_HOST: Omit<HostOperations<V>, 'x87'> = {
  ...{ cpuid: notCompiled, efer: notCompiled, loadSegment: notCompiled },
  ...{ setSegmentBase: notCompiled, registerField: notCompiled, system: undefined },
};

const LOADS = { 8: 'i32.load8_u', 16: 'i32.load16_u', 32: 'i32.load', 64: 'i64.load' } as const;
const STORES = { 8: 'i32.store8', 16: 'i32.store16', 32: 'i32.store', 64: 'i64.store' } as const;

type Words = Readonly<Record<string, (...parameters: unknown[]) => unknown>>;

/** Adds delegating methods for `part` to a prototype whose objects hold it as one of their parts. */
function addWords(prototype: object, part: object, number: number): void {
  for (
    let type = Object.getPrototypeOf(part) as object;
    type !== Object.prototype;
    type = Object.getPrototypeOf(type) as object
  )
    for (const name of Object.getOwnPropertyNames(type)) {
      if (name in prototype || typeof (part as Words)[name] !== 'function') continue;
      const value = function (this: MeaningCompiler, ...parameters: unknown[]): unknown {
        return (this.parts[number] as Words)[name]!(...parameters);
      };
      Object.defineProperty(prototype, name, { value });
    }
}
