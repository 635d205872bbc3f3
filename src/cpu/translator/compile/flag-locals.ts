import type { FlagsThunk } from '../../meaning/flags.js';
import type { Arithmetic } from '../../meaning/vocabulary.js';
import { encodeThunk } from '../../interpreter/handler-context.js';
import * as at from '../../state/layout.js';
import type { Code } from '../../wasm/encoding/code.js';
import { localValue, type Emitter, type WasmValue } from '../../wasm/encoding/value.js';

/** The locals that hold the flags in the code of a region, as the CPU's state has them: a kind, a result and an operand. */
export class FlagLocals {
  private readonly kind: number;
  private readonly result: number;
  private readonly operand: number;

  constructor(private readonly code: Code) {
    this.kind = code.newLocal('i32');
    this.result = code.newLocal('i64');
    this.operand = code.newLocal('i64');
  }

  /** The values of the result and the operand. */
  get values(): readonly [result: WasmValue, operand: WasmValue] {
    return [localValue('i64', this.result), localValue('i64', this.operand)];
  }

  setKind(kind: number): void {
    this.code.i32(kind).set(this.kind);
  }

  /** Sets all three from new flags. */
  set(m: Arithmetic<WasmValue>, emitter: Emitter, thunk: FlagsThunk<WasmValue>): void {
    const encoded = encodeThunk(m, emitter, thunk);
    encoded.pushResult();
    this.code.set(this.result);
    encoded.pushOperand();
    this.code.set(this.operand);
    encoded.pushKind();
    this.code.set(this.kind);
  }

  /** Pushes all three. */
  push(): Code {
    return this.code.get(this.kind).get(this.result).get(this.operand);
  }

  /** Stores them in the CPU's state. */
  store(): void {
    const { code } = this;
    code.i32(0).get(this.kind).memory('i32.store', at.FLAGS_KIND);
    code.i32(0).get(this.result).memory('i64.store', at.FLAGS_RESULT);
    code.i32(0).get(this.operand).memory('i64.store', at.FLAGS_OPERAND);
  }

  /** Loads them from there, at the start of the code. */
  loadInto(prologue: Code): void {
    prologue.i32(0).memory('i32.load', at.FLAGS_KIND).set(this.kind);
    prologue.i32(0).memory('i64.load', at.FLAGS_RESULT).set(this.result);
    prologue.i32(0).memory('i64.load', at.FLAGS_OPERAND).set(this.operand);
  }
}
