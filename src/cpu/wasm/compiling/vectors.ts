import type { Width } from '../../../bits.js';
import type { VectorOperation, Vectors } from '../../meaning/vocabulary.js';
import type { CompiledFunction } from '../functions/functions.js';
import { SCRATCH } from '../../state/layout.js';
import { WASM_VECTOR_OPCODES, type WasmVectorInstruction } from '../encoding/opcodes.js';
import { constantValue, typeOfWidth, type Emitter, type WasmValue } from '../encoding/value.js';

type V = WasmValue;

/** Bytes 0 to 15 in order. */
const IOTA = 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100n;
const LOW_HALVES = 0x0000_0000_ffff_ffff_0000_0000_ffff_ffffn;
/** Of each 32-bit lane of two vectors, the upper 16 bits. */
const UPPER_WORDS = [2, 3, 6, 7, 10, 11, 14, 15, 18, 19, 22, 23, 26, 27, 30, 31];

const REPLACE_LANE = { 8: 'i8x16.replace_lane', 16: 'i16x8.replace_lane', 32: 'i32x4.replace_lane', 64: 'i64x2.replace_lane' } as const; // prettier-ignore
/** The even 32-bit lanes in the low half. */
const EVEN_DOUBLEWORDS = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11];
const LOWEST_WORDS = 0x8000_8000_8000_8000_8000_8000_8000_8000n;
const BYTE_SELECTORS = 0x8f8f_8f8f_8f8f_8f8f_8f8f_8f8f_8f8f_8f8fn;

/** Compiles vector operations of the vocabulary to Wasm SIMD. */
export class WasmVectors implements Vectors<V> {
  constructor(
    private readonly emitter: Emitter,
    /** Calls one of the functions of wasm/functions. */
    private readonly callFunction: (name: CompiledFunction) => void,
  ) {}

  vectorConstant(value: bigint): V {
    return constantValue('v128', value);
  }

  vector(operation: VectorOperation, x: V, y: V): V {
    switch (operation) {
      case 'and':
      case 'or':
      case 'xor':
        return this.apply(`v128.${operation}`, x, y);
      case 'andnot':
        return this.apply('v128.andnot', y, x);
      case 'i16x8.mul_high_s':
        return this.upperWords('i32x4.extmul_low_i16x8_s', 'i32x4.extmul_high_i16x8_s', x, y);
      case 'i16x8.mul_high_u':
        return this.upperWords('i32x4.extmul_low_i16x8_u', 'i32x4.extmul_high_i16x8_u', x, y);
      case 'i64x2.mul_even_u32': {
        const mask = this.vectorConstant(LOW_HALVES);
        return this.apply('i64x2.mul', this.apply('v128.and', x, mask), this.apply('v128.and', y, mask));
      }
      case 'i64x2.mul_even_s32': {
        const [first, second] = [this.shuffle(x, x, EVEN_DOUBLEWORDS), this.shuffle(y, y, EVEN_DOUBLEWORDS)];
        return this.apply('i64x2.extmul_low_i32x4_s', first, second);
      }
      case 'i16x8.mul_round_q15':
        return this.roundedProducts(x, y);
      case 'i8x16.select_by':
        // Indexes with bits 4 to 6 wrap around; above 127, those of swizzle give 0 as well.
        return this.apply('i8x16.swizzle', x, this.apply('v128.and', y, this.vectorConstant(BYTE_SELECTORS)));
      case 'i8x16.sad':
        return this.sumOfAbsoluteDifferences(x, y);
      default:
        if (!(operation in WASM_VECTOR_OPCODES)) throw new Error(`no Wasm instruction for ${operation}`);
        return this.apply(operation as WasmVectorInstruction, x, y);
    }
  }

  vectorShift(operation: 'shl' | 'shr' | 'sar', laneWidth: 16 | 32 | 64, x: V, count: V): V {
    const { emitter } = this;
    const shape = laneWidth === 16 ? 'i16x8' : laneWidth === 32 ? 'i32x4' : 'i64x2';
    const name = { shl: 'shl', shr: 'shr_u', sar: 'shr_s' }[operation];
    if (count.constant !== undefined) {
      const bits = Math.min(laneWidth, Number(count.constant));
      if (bits === laneWidth && operation !== 'sar') return this.vectorConstant(0n);
      emitter
        .push(x)
        .code.i32(Math.min(bits, laneWidth - 1))
        .vectorOp(`${shape}.${name}` as WasmVectorInstruction);
      return emitter.pop('v128');
    }
    emitter.push(count).code.i64(BigInt(laneWidth)).op('i64.lt_u');
    const inRange = emitter.pop('i32');
    emitter.push(count).code.op('i32.wrap_i64');
    if (operation === 'sar')
      emitter.code
        .i32(laneWidth - 1)
        .get(inRange.local)
        .op('select');
    const by = emitter.pop('i32');
    emitter
      .push(x)
      .push(by)
      .code.vectorOp(`${shape}.${name}` as WasmVectorInstruction);
    if (operation === 'sar') return emitter.pop('v128');
    emitter.code.v128Const(0n).get(inRange.local).op('select');
    return emitter.pop('v128');
  }

  vectorShiftBytes(operation: 'shl' | 'shr', x: V, count: V): V {
    const { emitter } = this;
    if (count.constant !== undefined) {
      const bytes = Math.min(16, Number(count.constant));
      const first = operation === 'shr' ? bytes : 16 - bytes;
      const lanes = Array.from({ length: 16 }, (_, i) => first + i);
      const zero = this.vectorConstant(0n);
      return operation === 'shr' ? this.shuffle(x, zero, lanes) : this.shuffle(zero, x, lanes);
    }
    // Counts over 15 act like 16: every index is then out of range, and swizzle gives 0.
    emitter.push(count).code.i32(16);
    emitter.push(count).code.i32(16).op('i32.lt_u').op('select');
    const by = emitter.pop('i32');
    emitter.push(x).code.v128Const(IOTA);
    emitter
      .push(by)
      .code.vectorOp('i8x16.splat')
      .vectorOp(operation === 'shr' ? 'i8x16.add' : 'i8x16.sub');
    emitter.code.vectorOp('i8x16.swizzle');
    return emitter.pop('v128');
  }

  shuffle(x: V, y: V, lanes: readonly number[]): V {
    this.emitter.push(x).push(y).code.shuffle(lanes);
    return this.emitter.pop('v128');
  }

  lane(laneWidth: Width, x: V, index: V): V {
    const { emitter } = this;
    if (index.constant !== undefined) {
      const lane = Number(index.constant) % (128 / laneWidth);
      const name = { 8: 'i8x16.extract_lane_u', 16: 'i16x8.extract_lane_u', 32: 'i32x4.extract_lane', 64: 'i64x2.extract_lane' } as const; // prettier-ignore
      emitter.push(x).code.laneOp(name[laneWidth], lane);
      return emitter.pop(typeOfWidth(laneWidth));
    }
    emitter.code.i32(0);
    emitter.push(x).code.v128Store(SCRATCH);
    this.pushLaneOffset(laneWidth, index);
    const load = { 8: 'i32.load8_u', 16: 'i32.load16_u', 32: 'i32.load', 64: 'i64.load' } as const;
    emitter.code.memory(load[laneWidth], SCRATCH);
    return emitter.pop(typeOfWidth(laneWidth));
  }

  withLane(laneWidth: Width, x: V, index: V, value: V): V {
    const { emitter } = this;
    if (index.constant !== undefined) {
      const lane = Number(index.constant) % (128 / laneWidth);
      emitter.push(x);
      if (value.float !== undefined)
        emitter.code.get(value.float).laneOp(laneWidth === 64 ? 'f64x2.replace_lane' : 'f32x4.replace_lane', lane);
      else emitter.push(value).code.laneOp(REPLACE_LANE[laneWidth], lane);
      return emitter.pop('v128');
    }
    emitter.code.i32(0);
    emitter.push(x).code.v128Store(SCRATCH);
    this.pushLaneOffset(laneWidth, index);
    const store = { 8: 'i32.store8', 16: 'i32.store16', 32: 'i32.store', 64: 'i64.store' } as const;
    emitter.push(value).code.memory(store[laneWidth], SCRATCH);
    emitter.code.i32(0).v128Load(SCRATCH);
    return emitter.pop('v128');
  }

  fromLanes(laneWidth: 32 | 64, lanes: readonly V[]): V {
    const { emitter } = this;
    emitter.push(lanes[0]!).code.vectorOp(laneWidth === 32 ? 'i32x4.splat' : 'i64x2.splat');
    for (let i = 1; i < lanes.length; i++)
      emitter.push(lanes[i]!).code.laneOp(laneWidth === 32 ? 'i32x4.replace_lane' : 'i64x2.replace_lane', i);
    return emitter.pop('v128');
  }

  permute(laneWidth: 16 | 32 | 64, sources: readonly V[], indexes: readonly V[]): V {
    const laneBytes = laneWidth / 8;
    const [first] = sources;
    const second = sources.find((source) => source !== first) ?? first!;
    if (indexes.every(({ constant }) => constant !== undefined)) {
      const bytes = indexes.flatMap((index, i) => {
        const start = (Number(index.constant) % sources.length) * laneBytes + (sources[i] === first ? 0 : 16);
        return Array.from({ length: laneBytes }, (_, byte) => start + byte);
      });
      return this.shuffle(first!, second, bytes);
    }
    const lanes = indexes.map((index, i) => this.lane(laneWidth, sources[i]!, index));
    if (laneWidth !== 16) return this.fromLanes(laneWidth, lanes);
    const pairs = [0, 2, 4, 6].map((i) => {
      this.emitter
        .push(lanes[i + 1]!)
        .code.i32(16)
        .op('i32.shl');
      this.emitter.push(lanes[i]!).code.op('i32.or');
      return this.emitter.pop('i32');
    });
    return this.fromLanes(32, pairs);
  }

  laneMask(laneWidth: 16 | 32 | 64, bits: V): V {
    const { emitter } = this;
    const count = 128 / laneWidth;
    const lanes = Array.from({ length: count }, (_, i) => 1n << BigInt(i + i * laneWidth));
    const places = lanes.reduce((all, lane) => all | lane, 0n);
    if (bits.constant !== undefined) {
      const ones = (1n << BigInt(laneWidth)) - 1n;
      const set = Array.from({ length: count }, (_, i) => ((bits.constant! >> BigInt(i)) & 1n) * ones);
      return this.vectorConstant(set.reduce((all, lane, i) => all | (lane << BigInt(i * laneWidth)), 0n));
    }
    emitter.push(bits);
    if (laneWidth === 64) emitter.code.op('i64.extend_i32_u');
    const shape = laneWidth === 16 ? 'i16x8' : laneWidth === 32 ? 'i32x4' : 'i64x2';
    emitter.code.vectorOp(`${shape}.splat`).v128Const(places).vectorOp('v128.and');
    emitter.code.v128Const(places).vectorOp(`${shape}.eq`);
    return emitter.pop('v128');
  }

  blend(mask: V, whenSet: V, otherwise: V): V {
    this.emitter.push(whenSet).push(otherwise).push(mask).code.vectorOp('v128.bitselect');
    return this.emitter.pop('v128');
  }

  vectorIsZero(x: V): V {
    this.emitter.push(x).code.vectorOp('v128.any_true').op('i32.eqz');
    return this.emitter.pop('i32');
  }

  compareStrings(x: V, lengthX: V, y: V, lengthY: V, control: V): V {
    this.emitter.push(x).push(lengthX).push(y).push(lengthY).push(control);
    this.callFunction('compareStrings');
    return this.emitter.pop('i32');
  }

  substituteBytes(x: V, inverse: boolean): V {
    this.emitter.push(x);
    this.callFunction(inverse ? 'substituteInverse' : 'substitute');
    return this.emitter.pop('v128');
  }

  carrylessProduct(x: V, y: V): V {
    this.emitter.push(x).push(y);
    this.callFunction('carrylessProduct');
    const high = this.emitter.pop('i64');
    return this.fromLanes(64, [this.emitter.pop('i64'), high]);
  }

  signMask(laneWidth: 8 | 32 | 64, x: V): V {
    const name = { 8: 'i8x16.bitmask', 32: 'i32x4.bitmask', 64: 'i64x2.bitmask' } as const;
    this.emitter.push(x).code.vectorOp(name[laneWidth]);
    return this.emitter.pop('i32');
  }

  private apply(name: WasmVectorInstruction, x: V, y: V): V {
    this.emitter.push(x).push(y).code.vectorOp(name);
    return this.emitter.pop('v128');
  }
  /** The only product that Wasm saturates is that of two times -1: 2^15, which is 8000h here. */
  private roundedProducts(x: V, y: V): V {
    const lowest = this.vectorConstant(LOWEST_WORDS);
    const both = this.apply('v128.and', this.apply('i16x8.eq', x, lowest), this.apply('i16x8.eq', y, lowest));
    return this.apply('v128.xor', this.apply('i16x8.q15mulr_sat_s', x, y), both);
  }
  private upperWords(low: WasmVectorInstruction, high: WasmVectorInstruction, x: V, y: V): V {
    return this.shuffle(this.apply(low, x, y), this.apply(high, x, y), UPPER_WORDS);
  }
  private sumOfAbsoluteDifferences(x: V, y: V): V {
    const { emitter } = this;
    const difference = this.apply('v128.or', this.apply('i8x16.sub_sat_u', x, y), this.apply('i8x16.sub_sat_u', y, x));
    emitter.push(difference).code.vectorOp('i16x8.extadd_pairwise_i8x16_u').vectorOp('i32x4.extadd_pairwise_i16x8_u');
    const sums = emitter.pop('v128');
    emitter.push(sums).code.i32(32).vectorOp('i64x2.shr_u');
    emitter.push(sums).code.v128Const(LOW_HALVES).vectorOp('v128.and').vectorOp('i64x2.add');
    return emitter.pop('v128');
  }
  private pushLaneOffset(laneWidth: Width, index: V): void {
    const lanes = 128 / laneWidth;
    this.emitter
      .push(index)
      .code.i32(lanes - 1)
      .op('i32.and')
      .i32(Math.log2(laneWidth / 8))
      .op('i32.shl');
  }
}
