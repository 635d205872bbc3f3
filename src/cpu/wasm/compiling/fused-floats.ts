import { NEGATED, NEGATES, type FusedOperation } from '../../meaning/fused.js';
import { constantValue, type Emitter, type WasmValue } from '../encoding/value.js';
import { FusedSums, lanes32, lanes64, type Shape } from '../functions/fused-sums.js';
import type { Attempts } from './attempts.js';
import type { Format } from './floats.js';
import { VectorCode } from './vector-code.js';

type V = WasmValue;
type Terms = readonly [x: V, y: V, z: V];

const SIGNS = { f32x4: lanes32(0x8000_0000n), f64x2: lanes64(1n << 63n) };
const SIGNS_OF_EVEN = { f32x4: lanes64(0x8000_0000n), f64x2: 1n << 63n };

/**
 * Compiles ±(x × y) ± z to Wasm SIMD, rounded once: in line if the terms are usual and MXCSR is the usual control, else by a call.
 * A scalar is computed as a vector of nothing but that number.
 */
export class FusedFloats {
  private readonly vectors: VectorCode;
  private readonly sums: FusedSums<V>;

  constructor(
    private readonly emitter: Emitter,
    private readonly attempts: Attempts,
    private readonly requireUsualControl: () => void,
  ) {
    this.vectors = new VectorCode(emitter);
    this.sums = new FusedSums(this.vectors);
  }

  packed(operation: FusedOperation, f: Format, terms: Terms): V {
    const shape = f.name === 'f64' ? 'f64x2' : 'f32x4';
    return this.attempts.make('v128', `${shape}.fused`, [...terms, optionOf(operation)], () =>
      this.inLine(operation, shape, terms),
    );
  }

  scalar(operation: FusedOperation, f: Format, terms: Terms): V {
    const { emitter } = this;
    const [shape, integers] = f.name === 'f64' ? (['f64x2', 'i64x2'] as const) : (['f32x4', 'i32x4'] as const);
    return this.attempts.make(f.int, `${f.name}.fused`, [...terms, optionOf(operation)], () => {
      const vectors = terms.map((term) => {
        emitter.push(term).code.vectorOp(`${integers}.splat`);
        return emitter.pop('v128');
      }) as [V, V, V];
      const result = this.inLine(operation, shape, vectors);
      const float = emitter.local(f.name);
      emitter.push(result).code.laneOp(`${shape}.extract_lane`, 0).set(float);
      emitter.push(result).code.laneOp(`${integers}.extract_lane`, 0);
      return emitter.pop(f.int, undefined, float);
    });
  }

  private inLine(operation: FusedOperation, shape: Shape, terms: Terms): V {
    this.requireUsualControl();
    // Some processors take 150 cycles for each product with a denormal, so these are sorted out first.
    this.requireAll(this.sums.areUsual(shape, terms));
    const { result, isRight } = this.sums.rounded(shape, this.negated(operation, shape, terms));
    this.requireAll(isRight);
    return result;
  }

  private requireAll(mask: V): void {
    this.emitter.push(mask).code.vectorOp('i32x4.all_true').op('i32.eqz');
    this.attempts.giveUpIf();
  }

  /** The terms with the signs that they have in the sum. */
  private negated(operation: FusedOperation, shape: Shape, [x, y, z]: Terms): Terms {
    const bits = NEGATED[operation];
    const changed = (value: V, signs: bigint): V =>
      signs === 0n ? value : this.vectors.apply('v128.xor', value, this.vectors.constant(signs));
    const even = bits & NEGATES.even ? SIGNS_OF_EVEN[shape] : 0n;
    const odd = bits & NEGATES.odd ? SIGNS[shape] ^ SIGNS_OF_EVEN[shape] : 0n;
    return [changed(x, bits & NEGATES.product ? SIGNS[shape] : 0n), y, changed(z, even | odd)];
  }
}

function optionOf(operation: FusedOperation): V {
  return constantValue('i32', BigInt(NEGATED[operation]));
}
