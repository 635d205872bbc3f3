import { INVERSE_SUBSTITUTION, SUBSTITUTION } from '../../evaluator/cryptography.js';
import { Code } from '../encoding/code.js';
import type { WasmModule } from '../encoding/module.js';
import { Statements, constant, type Expression, type Variable } from './expression.js';

export const SUBSTITUTE_TYPE = { parameters: ['v128'], results: ['v128'] } as const;
export const CARRYLESS_TYPE = { parameters: ['i64', 'i64'], results: ['i64', 'i64'] } as const;

/** A vector of sixteen bytes. */
function vectorOf(bytes: readonly number[]): bigint {
  return bytes.reduceRight((vector, byte) => (vector << 8n) | BigInt(byte), 0n);
}

const EVERY_BYTE = vectorOf(Array.from({ length: 16 }, () => 1));

/** Adds the function that replaces each byte by its substitute in AES: from sixteen parts of the table, of which one gives a byte. */
export function addSubstitute(module: WasmModule, exportName: string, inverse: boolean): number {
  const code = new Code(SUBSTITUTE_TYPE.parameters);
  const table = inverse ? INVERSE_SUBSTITUTION : SUBSTITUTION;
  for (let part = 0; part < 16; part++) {
    code.v128Const(vectorOf(table.slice(16 * part, 16 * part + 16)));
    // Indexes from 16 on give 0.
    code
      .get(0)
      .v128Const(EVERY_BYTE * BigInt(16 * part))
      .vectorOp('v128.xor')
      .vectorOp('i8x16.swizzle');
    if (part > 0) code.vectorOp('v128.or');
  }
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
