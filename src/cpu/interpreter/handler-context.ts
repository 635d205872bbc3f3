import { kindCode, type FlagsThunk } from '../flags.js';
import * as at from '../state.js';
import type { Code, Label } from '../wasm/code.js';
import type { CompilerContext, MidExit } from '../wasm/meaning-compiler.js';
import type { Emitter, WasmValue } from '../wasm/value.js';
import { Exit, Field, JUMP_CACHE, JUMP_CACHE_ENTRIES, RECORD_BYTES, type ExitCode } from './record.js';

/** Functions that every handler may call, by their index in the module. */
export interface SharedFunctions {
  /** (kind, result, operand) → truth of the even condition codes 0, 2, ... 14. */
  readonly conditions: readonly number[];
  /** (kind, result, operand) → the six flags in their RFLAGS positions. */
  readonly flagBits: number;
}

/** How a handler ends and where it keeps the flags: in the main loop's locals, or in memory where it is a function. */
export interface HandlerContext extends CompilerContext {
  /** Local with the record pointer. */
  readonly record: number;
  /** Bytes from the record pointer to the record of the instruction being emitted. */
  recordOffset: number;
  /** On to the record behind this one; `enters` a block there, or goes on in the same. */
  next(enters: boolean): void;
}

/** Result and operand of a thunk as the state holds them: 64 bits each. Pushes the two. */
export function pushThunk(emitter: Emitter, thunk: FlagsThunk<WasmValue>, which: 'result' | 'operand'): void {
  const bits = thunk.kind === 'bits' || thunk.kind === 'result';
  const value = which === 'result' ? (thunk.kind === 'bits' ? undefined : thunk.result) : bits ? thunk.bits : thunk.y;
  if (!value) emitter.code.i64(0n);
  else if (value.type === 'i64') emitter.push(value);
  else if (value.constant !== undefined) emitter.code.i64(value.constant);
  else emitter.push(value).code.op('i64.extend_i32_u');
}

/** Looks an address up in the jump cache: leaves the record's address on the stack inside of `found`. */
function emitJumpCache(emitter: Emitter, target: WasmValue, found: (record: number) => void): void {
  const { code } = emitter;
  emitter
    .push(target)
    .code.op('i32.wrap_i64')
    .i32(JUMP_CACHE_ENTRIES - 1)
    .op('i32.and')
    .i32(4)
    .op('i32.shl');
  const entry = emitter.pop('i32');
  emitter.push(entry).code.memory('i64.load', JUMP_CACHE);
  emitter.push(target).code.op('i64.eq').if();
  emitter.push(entry).code.memory('i32.load', JUMP_CACHE + 8);
  found(emitter.pop('i32').local);
  code.end();
  code.i32(0);
  emitter.push(target).code.memory('i64.store', at.RIP);
}

/** The main loop's labels, all enclosing the handlers. */
export interface LoopLabels {
  /** Enters the block at the record pointer: takes its ticks first. */
  readonly enter: Label;
  /** Dispatches the record at the record pointer. */
  readonly dispatch: Label;
  readonly exits: Readonly<Record<ExitCode, Label>>;
}

export interface LoopLocals {
  readonly record: number;
  readonly budget: number;
  readonly kind: number;
  readonly result: number;
  readonly operand: number;
}

/** A handler inside of the main loop. */
export class LoopContext implements HandlerContext {
  readonly record: number;
  recordOffset = 0;
  private readonly code: Code;

  constructor(
    private readonly emitter: Emitter,
    private readonly labels: LoopLabels,
    private readonly locals: LoopLocals,
    private readonly shared: SharedFunctions,
  ) {
    this.record = locals.record;
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
  storeFlags(thunk: FlagsThunk<WasmValue>): void {
    pushThunk(this.emitter, thunk, 'result');
    this.code.set(this.locals.result);
    pushThunk(this.emitter, thunk, 'operand');
    this.code.set(this.locals.operand);
    this.code.i32(kindCode(thunk)).set(this.locals.kind);
  }
  callCondition(even: number): void {
    this.pushFlags().call(this.shared.conditions[even]!);
  }
  callFlagBits(): void {
    this.pushFlags().call(this.shared.flagBits);
  }

  private pushFlags(): Code {
    return this.code.get(this.locals.kind).get(this.locals.result).get(this.locals.operand);
  }
}

/** A handler that is a function: (record) → next record, or an exit code. Flags and budget are in memory. */
export class FunctionContext implements HandlerContext {
  readonly record = 0;
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
  storeFlags(thunk: FlagsThunk<WasmValue>): void {
    this.code.i32(0);
    pushThunk(this.emitter, thunk, 'result');
    this.code.memory('i64.store', at.FLAGS_RESULT).i32(0);
    pushThunk(this.emitter, thunk, 'operand');
    this.code.memory('i64.store', at.FLAGS_OPERAND).i32(0).i32(kindCode(thunk)).memory('i32.store', at.FLAGS_KIND);
  }
  callCondition(even: number): void {
    this.pushFlags().call(this.shared.conditions[even]!);
  }
  callFlagBits(): void {
    this.pushFlags().call(this.shared.flagBits);
  }

  private leave(code: ExitCode): void {
    this.code.i32(code).op('return');
  }
  private pushFlags(): Code {
    this.code.i32(0).memory('i32.load', at.FLAGS_KIND).i32(0).memory('i64.load', at.FLAGS_RESULT);
    return this.code.i32(0).memory('i64.load', at.FLAGS_OPERAND);
  }
}
