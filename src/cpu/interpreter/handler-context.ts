import { kindCode, slotsOf } from '../meaning/flag-slots.js';
import { type FlagsThunk } from '../meaning/flags.js';
import type { Arithmetic } from '../meaning/vocabulary.js';
import * as at from '../state/layout.js';
import type { Code, Label } from '../wasm/encoding/code.js';
import type { CompiledFunction } from '../wasm/functions/functions.js';
import type { CompilerContext, MidExit } from '../wasm/compiling/meaning-compiler.js';
import type { Emitter, WasmValue } from '../wasm/encoding/value.js';
import { emitJumpCacheLookup } from '../engine/jump-cache.js';
import { Exit, Field, RECORD_BYTES, type ExitCode } from '../engine/record.js';

/** Indexes of the functions that every handler may call. */
export interface SharedFunctions {
  /** (kind, result, operand) → truth of the even condition codes 0, 2, ... 14. */
  readonly conditions: readonly number[];
  /** (kind, result, operand) → the six flags in their RFLAGS positions. */
  readonly flagBits: number;
  /** Those of wasm/functions. */
  readonly indexOf: (name: CompiledFunction) => number;
}

/** How a handler ends and where it keeps the flags: in locals of the main loop, or in memory if it is a function. */
export interface HandlerContext extends CompilerContext {
  /** Local with the record pointer. */
  readonly record: number;
  /** Bytes from the record pointer to the record of the instruction being emitted. */
  recordOffset: number;
  /** Continues with the next record; if `enters`, a new block begins there. */
  next(enters: boolean): void;
}

/** A thunk in the format of the CPU state; each value is pushed separately. */
export interface EncodedThunk {
  pushKind(): void;
  pushResult(): void;
  pushOperand(): void;
}

/** Encodes a thunk: emits the code for its values now and pushes them later. */
export function encodeThunk(m: Arithmetic<WasmValue>, emitter: Emitter, thunk: FlagsThunk<WasmValue>): EncodedThunk {
  const slots = slotsOf(m, thunk);
  const push64 = (value: WasmValue | undefined): void => {
    if (!value) emitter.code.i64(0n);
    else if (value.constant !== undefined) emitter.code.i64(value.constant);
    else if (value.type === 'i64') emitter.push(value);
    else emitter.push(value).code.op('i64.extend_i32_u');
  };
  return {
    pushKind: () => {
      if (slots.extra === undefined) emitter.code.i32(kindCode(thunk));
      else emitter.push(slots.extra).code.i32(kindCode(thunk)).op('i32.or');
    },
    pushResult: () => push64(slots.result),
    pushOperand: () => push64(slots.operand),
  };
}

/** Continues at the jump cache's record for an address; if there is none, stores the address in RIP. */
function emitJumpCache(emitter: Emitter, target: WasmValue, found: (record: number) => void): void {
  emitJumpCacheLookup(emitter, target, found);
  emitter.code.i32(0);
  emitter.push(target).code.memory('i64.store', at.RIP);
}

/** Pushes the CPU's ticks: `pushBudget` is what is left of the budget, from which the rest of the block has been taken. */
function emitTime(code: Code, record: number, offset: number, pushBudget: () => void): void {
  code.i32(0).memory('i64.load', at.TICKS_END).op('f64.reinterpret_i64').op('i64.trunc_f64_s');
  pushBudget();
  code.i32(0).memory('i32.load', at.TICKS_WITHHELD).op('i32.add');
  code
    .get(record)
    .memory('i32.load16_u', offset + Field.ticksToEnd)
    .op('i32.add')
    .i32(1)
    .op('i32.sub');
  code.op('i64.extend_i32_s').op('i64.sub');
}

/** The main loop's labels, all enclosing the handlers. */
export interface LoopLabels {
  /** Enters the block at the record pointer, charging its ticks first. */
  readonly enter: Label;
  /** Dispatches the record at the record pointer. */
  readonly dispatch: Label;
  readonly exits: Readonly<Record<(typeof Exit)['ticks' | 'indirect' | 'evaluate' | 'miss'], Label>>;
}

export interface LoopLocals {
  readonly record: number;
  readonly budget: number;
  readonly kind: number;
  readonly result: number;
  readonly operand: number;
  readonly tlbSet: number;
}

/** The context of a handler inside the main loop. */
export class LoopContext implements HandlerContext {
  readonly record: number;
  readonly tlbSet: number;
  recordOffset = 0;
  private readonly code: Code;

  constructor(
    private readonly emitter: Emitter,
    private readonly labels: LoopLabels,
    private readonly locals: LoopLocals,
    private readonly shared: SharedFunctions,
  ) {
    this.record = locals.record;
    this.tlbSet = locals.tlbSet;
    this.code = emitter.code;
  }

  next(enters: boolean): void {
    this.code
      .get(this.record)
      .i32(this.recordOffset + RECORD_BYTES)
      .op('i32.add')
      .set(this.record);
    this.code.br(enters ? this.labels.enter : this.labels.dispatch);
  }
  jumpDirect(): void {
    this.code
      .get(this.record)
      .memory('i32.load', this.recordOffset + Field.target)
      .set(this.record);
    this.code.br(this.labels.enter);
  }
  jumpIndirect(target: WasmValue): void {
    emitJumpCache(this.emitter, target, (record) => {
      this.code.get(record).set(this.record).br(this.labels.enter);
    });
    this.code.br(this.labels.exits[Exit.indirect]);
  }
  exit(why: MidExit): void {
    this.code.br(this.labels.exits[Exit[why]]);
  }
  exitIf(why: MidExit): void {
    this.code.brIf(this.labels.exits[Exit[why]]);
  }
  tickOrExit(): void {
    const { budget } = this.locals;
    this.code.get(budget).i32(1).op('i32.sub').set(budget);
    this.code.get(budget).i32(0).op('i32.lt_s').if();
    this.code.i32(0).set(budget).br(this.labels.exits[Exit.ticks]);
    this.code.end();
  }
  storeFlags(m: Arithmetic<WasmValue>, thunk: FlagsThunk<WasmValue>): void {
    const encoded = encodeThunk(m, this.emitter, thunk);
    encoded.pushResult();
    this.code.set(this.locals.result);
    encoded.pushOperand();
    this.code.set(this.locals.operand);
    encoded.pushKind();
    this.code.set(this.locals.kind);
  }
  callCondition(even: number): void {
    this.pushFlags().call(this.shared.conditions[even]!);
  }
  callFlagBits(): void {
    this.pushFlags().call(this.shared.flagBits);
  }
  pushTime(): void {
    emitTime(this.code, this.record, this.recordOffset, () => this.code.get(this.locals.budget));
  }
  callFunction(name: CompiledFunction): void {
    this.code.call(this.shared.indexOf(name));
  }

  private pushFlags(): Code {
    return this.code.get(this.locals.kind).get(this.locals.result).get(this.locals.operand);
  }
}

/**
 * The context of a handler that is a function: (record) → next record, or an exit code. Flags and budget are in memory.
 */
export class FunctionContext implements HandlerContext {
  readonly record = 0;
  readonly tlbSet = 'state';
  recordOffset = 0;
  private readonly code: Code;

  constructor(
    private readonly emitter: Emitter,
    private readonly shared: SharedFunctions,
  ) {
    this.code = emitter.code;
  }

  next(): void {
    this.code
      .get(this.record)
      .i32(this.recordOffset + RECORD_BYTES)
      .op('i32.add')
      .op('return');
  }
  jumpDirect(): void {
    this.code
      .get(this.record)
      .memory('i32.load', this.recordOffset + Field.target)
      .op('return');
  }
  jumpIndirect(target: WasmValue): void {
    emitJumpCache(this.emitter, target, (record) => {
      this.code.get(record).op('return');
    });
    this.leave(Exit.indirect);
  }
  exit(why: MidExit): void {
    this.leave(Exit[why]);
  }
  exitIf(why: MidExit): void {
    this.code.if();
    this.exit(why);
    this.code.end();
  }
  tickOrExit(): void {
    const { code } = this;
    code.i32(0).i32(0).memory('i32.load', at.EXIT_BUDGET).i32(1).op('i32.sub').memory('i32.store', at.EXIT_BUDGET);
    code.i32(0).memory('i32.load', at.EXIT_BUDGET).i32(0).op('i32.lt_s').if();
    code.i32(0).i32(0).memory('i32.store', at.EXIT_BUDGET);
    this.leave(Exit.ticks);
    code.end();
  }
  storeFlags(m: Arithmetic<WasmValue>, thunk: FlagsThunk<WasmValue>): void {
    const encoded = encodeThunk(m, this.emitter, thunk);
    this.code.i32(0);
    encoded.pushResult();
    this.code.memory('i64.store', at.FLAGS_RESULT).i32(0);
    encoded.pushOperand();
    this.code.memory('i64.store', at.FLAGS_OPERAND).i32(0);
    encoded.pushKind();
    this.code.memory('i32.store', at.FLAGS_KIND);
  }
  callCondition(even: number): void {
    this.pushFlags().call(this.shared.conditions[even]!);
  }
  callFlagBits(): void {
    this.pushFlags().call(this.shared.flagBits);
  }
  pushTime(): void {
    const pushBudget = (): unknown => this.code.i32(0).memory('i32.load', at.EXIT_BUDGET);
    emitTime(this.code, this.record, this.recordOffset, pushBudget);
  }
  callFunction(name: CompiledFunction): void {
    this.code.call(this.shared.indexOf(name));
  }

  private leave(code: ExitCode): void {
    this.code.i32(code).op('return');
  }
  private pushFlags(): Code {
    this.code.i32(0).memory('i32.load', at.FLAGS_KIND).i32(0).memory('i64.load', at.FLAGS_RESULT);
    return this.code.i32(0).memory('i64.load', at.FLAGS_OPERAND);
  }
}
