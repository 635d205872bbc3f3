import type { VectorInstructions } from '../functions/fused-sums.js';
import type { WasmVectorInstruction } from '../encoding/opcodes.js';
import type { Emitter, WasmValue } from '../encoding/value.js';

type V = WasmValue;

/** Emits Wasm's vector instructions one by one, each with its result in a new local. */
export class VectorCode implements VectorInstructions<V> {
  constructor(protected readonly emitter: Emitter) {}

  constant(value: bigint): V {
    return { type: 'v128', local: -1, constant: value };
  }
  unary(name: WasmVectorInstruction, x: V): V {
    this.emitter.push(x).code.vectorOp(name);
    return this.emitter.pop('v128');
  }
  apply(name: WasmVectorInstruction, x: V, y: V): V {
    this.emitter.push(x).push(y).code.vectorOp(name);
    return this.emitter.pop('v128');
  }
  choose(mask: V, whenSet: V, otherwise: V): V {
    this.emitter.push(whenSet).push(otherwise).push(mask).code.vectorOp('v128.bitselect');
    return this.emitter.pop('v128');
  }
  shuffled(x: V, y: V, bytes: readonly number[]): V {
    this.emitter.push(x).push(y).code.shuffle(bytes);
    return this.emitter.pop('v128');
  }
}
