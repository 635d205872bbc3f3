import type { Width } from '../../../bits.js';
import { Code, type ValueTypeName } from './code.js';

/**
 * A guest value during compilation of meanings: a Wasm local, or a constant that is known while compiling. Values
 * narrower than their type are zero-extended in it: widths of 8, 16 and 32 bits are i32, 64 is i64, 128 is v128.
 */
export interface WasmValue {
  readonly type: WasmType;
  readonly local: number;
  readonly constant?: bigint | undefined;
  /** For an i64, if known: its origin as another value plus a constant. */
  readonly origin?: Origin | undefined;
  /** A local of type f32 or f64 that holds the same bits, if there is one. */
  readonly float?: number | undefined;
}

/** A value as `root` plus `offset`, modulo 2^64. Two with the same root are a known distance apart. */
export interface Origin {
  readonly root: number;
  readonly offset: bigint;
}

export type WasmType = 'i32' | 'i64' | 'v128';

export function typeOfWidth(width: Width | 128): WasmType {
  return width === 128 ? 'v128' : width === 64 ? 'i64' : 'i32';
}

export function constantValue(type: WasmType, value: bigint): WasmValue {
  return { type, local: -1, constant: value, origin: undefined, float: undefined };
}

/** A value in a local. All values have the same fields in the same order, which V8 reads faster. */
export function localValue(type: WasmType, local: number, origin?: Origin, float?: number): WasmValue {
  return { type, local, constant: undefined, origin, float };
}

/**
 * Emits code into one function body. Every result gets a new local, which costs nothing once the code is optimised;
 * handlers that share a function reuse locals after `reuseLocals`.
 */
export class Emitter {
  private readonly free = new Map<ValueTypeName, number[]>();
  private readonly used = new Map<ValueTypeName, number>();

  constructor(readonly code: Code) {}

  /** Makes all locals allocated so far available again. */
  reuseLocals(): void {
    this.used.clear();
  }

  local(type: ValueTypeName): number {
    const pool = this.free.get(type) ?? [];
    const index = this.used.get(type) ?? 0;
    this.used.set(type, index + 1);
    this.free.set(type, pool);
    return (pool[index] ??= this.code.newLocal(type));
  }

  /** Pushes a value onto the Wasm stack. */
  push(value: WasmValue): this {
    if (value.constant === undefined) this.code.get(value.local);
    else if (value.type === 'i32') this.code.i32(Number(BigInt.asIntN(32, value.constant)));
    else if (value.type === 'i64') this.code.i64(value.constant);
    else this.code.v128Const(value.constant);
    return this;
  }

  /** Pops the top of the Wasm stack into a new local. */
  pop(type: WasmType, origin?: Origin, float?: number): WasmValue {
    const local = this.local(type);
    this.code.set(local);
    return localValue(type, local, origin, float);
  }
}
