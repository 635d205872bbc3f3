import { INVERSE_SUBSTITUTION, NUMBERS, SUBSTITUTION, product } from '../../evaluator/cryptography.js';
import { Code } from '../encoding/code.js';
import type { WasmModule } from '../encoding/module.js';
import { Statements, constant, type Expression, type Variable } from './expression.js';
import { constantVector, vector } from './vector-statements.js';

export const SUBSTITUTE_TYPE = { parameters: ['v128'], results: ['v128'] } as const;
export const CARRYLESS_TYPE = { parameters: ['i64', 'i64'], results: ['i64', 'i64'] } as const;

/** A vector of sixteen bytes. */
function vectorOf(bytes: readonly number[]): bigint {
  return bytes.reduceRight((vector, byte) => (vector << 8n) | BigInt(byte), 0n);
}

/** The vector with the same byte sixteen times. */
function everyByte(byte: number): bigint {
  return vectorOf(Array.from({ length: 16 }, () => byte));
}

/**
 * The bytes as a field over its subfield of sixteen: k + i × ROOT, where ROOT² + FACTOR × ROOT + FACTOR = 0. With j = i + k, the
 * inverse is a sum of the multiples of two numbers of the subfield, 1 / (1 / (1 / i + FACTOR / k) + j) and
 * 1 / (1 / (1 / j + FACTOR / k) + i). So all that is looked up has an index of four bits: sixteen bytes by one `swizzle`.
 */
const ROOT = 0x34;
const FACTOR = 0x0c;
/** A base of the subfield over its bits: numbers of four bits stand for sums of these. */
const BASE = [0x01, 0x0c, 0x50, 0xb0];
/** 1 / 0, and sums with it: indexes that `swizzle` makes 0 of, which is 1 / (1 / 0). */
const INFINITE = 0x80;

const NIBBLES = Array.from({ length: 16 }, (_, i) => i);

/** The byte that a number of the subfield is. */
function embedded(nibble: number): number {
  return BASE.reduce((sum, byte, bit) => ((nibble >> bit) & 1 ? sum ^ byte : sum), 0);
}

function inverse(x: number): number {
  return NUMBERS.find((y) => product(x, y) === 1) ?? 0;
}

/** The tables of a substitution: for the lower and the upper half of each byte; within the subfield; and for the two results. */
function substitutionTables(isInverse: boolean): {
  readonly k: readonly [low: bigint, high: bigint];
  readonly i: readonly [low: bigint, high: bigint];
  readonly reciprocal: bigint;
  readonly factorOver: bigint;
  readonly results: readonly [ofFirst: bigint, ofSecond: bigint];
} {
  const parts = NUMBERS.map(() => ({ k: 0, i: 0 }));
  for (const k of NIBBLES) for (const i of NIBBLES) parts[embedded(k) ^ product(embedded(i), ROOT)] = { k, i };
  const nibbleOf = (x: number): number => NIBBLES.find((nibble) => embedded(nibble) === x)!;
  const overSubfield = (numerator: number): bigint =>
    vectorOf(NIBBLES.map((x) => (x === 0 ? INFINITE : nibbleOf(product(numerator, inverse(embedded(x)))))));
  // A byte is taken apart after the inverse of the affine transformation, which adds its constant to one half.
  const before = (x: number): number => (isInverse ? inverse(INVERSE_SUBSTITUTION[x]!) : x);
  const halves = (part: 'k' | 'i'): readonly [bigint, bigint] => [
    vectorOf(NIBBLES.map((x) => parts[before(x)]![part])),
    vectorOf(NIBBLES.map((x) => parts[before(x << 4) ^ before(0)]![part])),
  ];
  // k / (k² + FACTOR × i × j) is the sum of the reciprocals over FACTOR, and the first is (k + FACTOR × i) of that.
  const after = (x: number): number => (isInverse ? x : SUBSTITUTION[inverse(x)]! ^ SUBSTITUTION[0]!);
  const over = inverse(FACTOR);
  const first = 1 ^ product(ROOT, over) ^ product(ROOT, product(over, over));
  const second = product(ROOT, product(over, over));
  const result = (by: number): bigint =>
    vectorOf(NIBBLES.map((x) => (x === 0 ? 0 : after(product(by, inverse(embedded(x)))))));
  return {
    ...{ k: halves('k'), i: halves('i'), reciprocal: overSubfield(1), factorOver: overSubfield(FACTOR) },
    results: [result(first), result(second)],
  };
}

/** Adds the function that replaces each byte by its substitute in AES, as Hamburg's "Accelerating AES with vector permute instructions". */
export function addSubstitute(module: WasmModule, exportName: string, isInverse: boolean): number {
  const code = new Code(SUBSTITUTE_TYPE.parameters);
  const to = new Statements(code);
  const x = to.parameter('v128', 0);
  const tables = substitutionTables(isInverse);
  const look = (table: bigint, index: Expression): Expression => vector('i8x16.swizzle', constantVector(table), index);
  const sum = (first: Expression, second: Expression): Variable => to.let(vector('v128.xor', first, second));
  const half = constantVector(everyByte(0x0f));
  const low = to.let(vector('v128.and', x, half));
  const high = to.let(vector('v128.and', vector('i16x8.shr_u', x, constant('i32', 4)), half));
  const part = ([ofLow, ofHigh]: readonly [bigint, bigint]): Variable => sum(look(ofLow, low), look(ofHigh, high));
  const [i, k] = [part(tables.i), part(tables.k)];
  const j = sum(i, k);
  const common = to.let(look(tables.factorOver, k));
  const denominator = (first: Variable, second: Variable): Variable =>
    sum(look(tables.reciprocal, sum(look(tables.reciprocal, first), common)), second);
  const results = [denominator(i, j), denominator(j, i)] as const;
  const substituted = vector('v128.xor', look(tables.results[0], results[0]), look(tables.results[1], results[1]));
  (isInverse ? substituted : vector('v128.xor', substituted, constantVector(everyByte(SUBSTITUTION[0]!)))).push(code);
  return module.add(module.type(SUBSTITUTE_TYPE.parameters, SUBSTITUTE_TYPE.results), code, exportName);
}

/** Every fourth bit: products of such numbers have room for the carries of at most fifteen terms. */
const EVERY_FOURTH = 0x1111_1111_1111_1111n;
const REVERSALS: readonly (readonly [distance: number, mask: bigint])[] = [
  [1, 0x5555_5555_5555_5555n],
  [2, 0x3333_3333_3333_3333n],
  [4, 0x0f0f_0f0f_0f0f_0f0fn],
  [8, 0x00ff_00ff_00ff_00ffn],
  [16, 0x0000_ffff_0000_ffffn],
];

/** Adds (x, y) → the lower and the upper half of their product without carries. */
export function addCarrylessProduct(module: WasmModule, exportName: string): number {
  const half = addLowerHalf(module);
  const code = new Code(CARRYLESS_TYPE.parameters);
  const to = new Statements(code);
  const [x, y] = [to.parameter('i64', 0), to.parameter('i64', 1)];
  const low = to.call('i64', half, x, y);
  // The upper half is the lower one of the reversed numbers, but for the bit in the middle.
  const high = to.call('i64', half, reversed(to, x), reversed(to, y));
  to.return(low, reversed(to, high).shr(1));
  code.op('unreachable');
  return module.add(module.type(CARRYLESS_TYPE.parameters, CARRYLESS_TYPE.results), code, exportName);
}

/** Products of every fourth bit with every fourth bit have ordinary carries only where no bit is wanted; the last carry is lost. */
function addLowerHalf(module: WasmModule): number {
  const code = new Code(['i64', 'i64']);
  const to = new Statements(code);
  const parts = (value: Expression): readonly Variable[] =>
    [0, 1, 2, 3].map((i) => to.let(value.and((EVERY_FOURTH << BigInt(i)) & 0xffff_ffff_ffff_ffffn)));
  const [x, y] = [parts(to.parameter('i64', 0)), parts(to.parameter('i64', 1))];
  const term = (i: number): Expression => {
    const products = [0, 1, 2, 3].map((j) => x[j]!.mul(y[(i - j) & 3]!));
    return products.reduce((sum, next) => sum.xor(next)).and((EVERY_FOURTH << BigInt(i)) & 0xffff_ffff_ffff_ffffn);
  };
  term(0).or(term(1)).or(term(2)).or(term(3)).push(code);
  return module.add(module.type(['i64', 'i64'], ['i64']), code);
}

/** The bits in reverse order. */
function reversed(to: Statements, value: Expression): Variable {
  const result = to.let(value);
  for (const [distance, mask] of REVERSALS)
    result.set(result.shr(distance).and(mask).or(result.and(mask).shl(distance)));
  return result.set(result.binary('rotl', constant('i64', 32)));
}
