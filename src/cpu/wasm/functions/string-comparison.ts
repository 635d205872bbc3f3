import type { WasmVectorInstruction } from '../encoding/opcodes.js';
import { Code } from '../encoding/code.js';
import type { WasmModule } from '../encoding/module.js';
import { SCRATCH } from '../../state/layout.js';
import { Expression, Statements, constant, select, type Variable } from './expression.js';

/** (x, length of x, y, length of y, control byte) → IntRes2 */
export const COMPARE_STRINGS_TYPE = { parameters: ['v128', 'i32', 'v128', 'i32', 'i32'], results: ['i32'] } as const;

/** Bits of the control byte. SDM Vol. 2 4.1 tables 4-1 to 4-4. */
const WORDS = 1;
const SIGNED = 2;
const EQUAL_EACH = 2;
const EQUAL_ORDERED = 3;
const NEGATED = 1 << 4;
const MASKED = 1 << 5;

/**
 * Adds PCMPxSTRx's comparison: what evaluator/string-comparison.ts computes, one element of x against all of y at a time, whose
 * outcomes are bits.
 */
export function addCompareStrings(module: WasmModule, exportName: string): number {
  const code = new Code(COMPARE_STRINGS_TYPE.parameters);
  const to = new Statements(code);
  const [endX, endY, control] = [to.parameter('i32', 1), to.parameter('i32', 3), to.parameter('i32', 4)];
  const result = to.let(constant('i32', 0));
  code.i32(0).get(0).v128Store(SCRATCH);
  to.if(
    control.and(WORDS),
    () => compare(to, 'i16x8', { endX, endY, control, result }),
    () => compare(to, 'i8x16', { endX, endY, control, result }),
  );
  const all = to.let(select(control.and(WORDS), constant('i32', 0xff), constant('i32', 0xffff)));
  const negated = select(control.and(MASKED), below(endY), constant('i32', -1));
  to.if(control.and(NEGATED), () => result.set(result.xor(negated)));
  result.and(all).push(code);
  return module.add(module.type(COMPARE_STRINGS_TYPE.parameters, COMPARE_STRINGS_TYPE.results), code, exportName);
}

interface Values {
  readonly endX: Variable;
  readonly endY: Variable;
  readonly control: Variable;
  readonly result: Variable;
}

type Shape = 'i8x16' | 'i16x8';

/** Ones in the bits below number `count`. */
function below(count: Expression): Expression {
  return constant('i32', 1).shl(count).sub(1);
}

function compare(to: Statements, shape: Shape, values: Values): void {
  const { control } = values;
  const aggregation = to.let(control.shr(2).and(3));
  const kinds: (() => void)[] = [
    () => equalAny(to, shape, values),
    () => ranges(to, shape, values),
    () => equalEach(to, shape, values),
    () => equalOrdered(to, shape, values),
  ];
  to.if(
    aggregation.below(EQUAL_EACH),
    () => to.if(aggregation.isZero(), kinds[0]!, kinds[1]!),
    () => to.if(aggregation.equals(EQUAL_ORDERED), kinds[3]!, kinds[2]!),
  );
}

/** The bits of the elements of y for which a comparison with a splat of element `i` of x holds. */
function outcome(shape: Shape, operation: string, i: Expression): Expression {
  return new Expression('i32', (code) => {
    code.get(2);
    if (shape === 'i8x16') i.push(code);
    else i.shl(1).push(code);
    code.memory(shape === 'i8x16' ? 'i32.load8_u' : 'i32.load16_u', SCRATCH).vectorOp(`${shape}.splat`);
    code.vectorOp(`${shape}.${operation}` as WasmVectorInstruction).vectorOp(`${shape}.bitmask`);
  });
}

/** Runs the body for the elements i of x below its length, `step` apart. */
function forElements(to: Statements, end: Expression, step: number, body: (i: Variable) => void): void {
  const i = to.let(constant('i32', 0));
  to.if(end.greater(step - 1), () =>
    to.loop(() => {
      body(i);
      i.set(i.add(step));
      return i.add(step - 1).below(end);
    }),
  );
}

function equalAny(to: Statements, shape: Shape, { endX, endY, result }: Values): void {
  forElements(to, endX, 1, (i) => result.set(result.or(outcome(shape, 'eq', i))));
  result.set(result.and(below(endY)));
}

/** Pairs of x are the ends of ranges. */
function ranges(to: Statements, shape: Shape, { endX, endY, control, result }: Values): void {
  const within = (sign: 's' | 'u') => (): void =>
    forElements(to, endX, 2, (i) =>
      result.set(result.or(outcome(shape, `ge_${sign}`, i).and(outcome(shape, `le_${sign}`, i.add(1))))),
    );
  to.if(control.and(SIGNED), within('s'), within('u'));
  result.set(result.and(below(endY)));
}

/** Elements beyond both ends are equal, beyond one they are not. */
function equalEach(to: Statements, shape: Shape, { endX, endY, result }: Values): void {
  const equal = new Expression('i32', (code) => {
    code.get(0).get(2).vectorOp(`${shape}.eq`).vectorOp(`${shape}.bitmask`);
  });
  const [inX, inY] = [to.let(below(endX)), to.let(below(endY))];
  result.set(equal.and(inX).and(inY).or(inX.or(inY).xor(-1)));
}

/** Where each element of x that has a place left in y is found there. */
function equalOrdered(to: Statements, shape: Shape, { endX, endY, result }: Values): void {
  const count = shape === 'i8x16' ? 16 : 8;
  const inY = to.let(below(endY));
  result.set(constant('i32', -1));
  forElements(to, endX, 1, (i) => {
    const found = outcome(shape, 'eq', i).and(inY).or(constant('i32', -1).shl(count));
    // Beyond the vector every element is taken as found.
    result.set(result.and(found.shr(i).or(constant('i32', -1).shl(constant('i32', count).sub(i)))));
  });
}
