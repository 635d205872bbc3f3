import { typeOfFunction, type CompiledFunction } from '../functions/functions.js';
import { MXCSR } from '../../state/layout.js';
import type { Label } from '../encoding/code.js';
import type { Emitter, WasmValue } from '../encoding/value.js';

type V = WasmValue;

/** What floating point needs from the compiler. */
export interface FloatContext {
  /** Exits to the evaluator if the i32 on the stack is not 0. */
  sideExitIf(): void;
  /** Calls one of the functions of wasm/functions. */
  callFunction(name: CompiledFunction): void;
}

/**
 * Code in line for the usual operands, and a call of a function for all others. If the function finds that an exception is
 * unmasked, the instruction is left to the evaluator.
 */
export class Attempts {
  private otherwise: Label | undefined;
  /** MXCSR before what `together` computes. */
  private before: V | undefined;

  constructor(
    private readonly emitter: Emitter,
    private readonly context: FloatContext,
  ) {}

  /** `usual` returns the result, unless it branches to the call by `giveUpIf`. The function's last parameter is 0 by default. */
  make(type: 'i32' | 'i64' | 'v128', name: CompiledFunction, operands: readonly V[], usual: () => V): V {
    const { emitter } = this;
    const { code } = emitter;
    const done = code.block();
    this.otherwise = code.block();
    const result = usual();
    emitter.push(result);
    const local = emitter.local(type);
    code.set(local).br(done).end();
    this.otherwise = undefined;
    typeOfFunction(name).parameters.forEach((parameter, i) => {
      const operand = operands[i];
      if (!operand) code.i32(0);
      else emitter.push(operand);
      if (operand?.type === 'i32' && parameter === 'i64') code.op('i64.extend_i32_u');
    });
    this.context.callFunction(name);
    const isUnmasked = emitter.pop('i32');
    if (type === 'i32') code.op('i32.wrap_i64');
    code.set(local);
    if (result.float !== undefined) {
      code
        .get(local)
        .op(type === 'i64' ? 'f64.reinterpret_i64' : 'f32.reinterpret_i32')
        .set(result.float);
    }
    this.restoreIf(isUnmasked);
    emitter.push(isUnmasked);
    this.context.sideExitIf();
    code.end();
    return { type, local, constant: undefined, origin: undefined, float: result.float };
  }

  /** What `body` computes raises its exceptions together: if one is unmasked, none of it has changed MXCSR. */
  together<T>(body: () => T): T {
    if (this.before) return body();
    this.emitter.code.i32(0).memory('i32.load', MXCSR);
    this.before = this.emitter.pop('i32');
    const result = body();
    this.before = undefined;
    return result;
  }

  private restoreIf(condition: V): void {
    if (!this.before) return;
    this.emitter.push(condition).code.if();
    this.emitter.code.i32(0);
    this.emitter.push(this.before).code.memory('i32.store', MXCSR).end();
  }

  /** Leaves the usual case if the i32 on the stack is not 0. */
  giveUpIf(): void {
    if (!this.otherwise) throw new Error('there is nothing to give up');
    this.emitter.code.brIf(this.otherwise);
  }
}
