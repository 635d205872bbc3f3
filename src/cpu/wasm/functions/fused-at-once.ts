import { MXCSR } from '../../evaluator/float/mxcsr.js';
import { NEGATES } from '../../meaning/fused.js';
import { Expression, constant, select, type Statements, type Variable } from './expression.js';
import { raise, roundingMode } from './float-flags.js';
import { FusedSums, type Rounded, type Shape } from './fused-sums.js';
import { MASKS, VectorStatements, allTrue, anyTrue, constantVector, vector } from './vector-statements.js';

/** Values of the rounding control. */
const DOWN = 1;
const UP = 2;

/**
 * Finishes with ±(x × y) ± z of all lanes by vector instructions if every exception is masked and the terms are usual, in any
 * rounding mode. Goes on otherwise, without having raised anything.
 */
export function emitFusedAtOnce(
  to: Statements,
  shape: Shape,
  {
    terms,
    option,
    control,
  }: { terms: readonly [Expression, Expression, Expression]; option: Expression; control: Variable },
  finish: (result: Expression) => void,
): void {
  const vectors = new VectorStatements(to);
  const sums = new FusedSums<Variable>(vectors);
  to.if(control.and(MASKS).equals(MASKS), () => {
    const [x, y, z] = terms.map((term) => to.let(term)) as [Variable, Variable, Variable];
    to.if(allTrue(sums.areUsual(shape, [x, y, z])), () => {
      x.set(vector('v128.xor', x, signsIf(shape, option.and(NEGATES.product), EVERY)));
      z.set(vector('v128.xor', z, signsIf(shape, option.and(NEGATES.even), EVEN)));
      z.set(vector('v128.xor', z, signsIf(shape, option.and(NEGATES.odd), ODD)));
      const rounded = sums.rounded(shape, [x, y, z]);
      to.if(allTrue(rounded.isRight), () => {
        const isMore = to.let(rounded.isMore());
        const isLess = to.let(rounded.isLess());
        const isInexact = anyTrue(vector('v128.or', isMore, isLess));
        const mode = to.let(roundingMode(control));
        to.if(mode.isZero(), () => {
          to.if(isInexact, () => raise(to, MXCSR.PE));
          finish(rounded.result);
        });
        // The sign of the zero of a difference is for the lanes.
        const isZero = vectors.apply(`${shape}.eq`, rounded.result, vectors.constant(0n));
        to.if(anyTrue(isZero).isZero(), () => {
          to.if(isInexact, () => raise(to, MXCSR.PE));
          finish(directed(shape, mode, { ...rounded, isMore, isLess }));
        });
      });
    });
  });
}

/** The number below or above the nearest one, where the mode says so. */
function directed(
  shape: Shape,
  mode: Expression,
  { result, isMore, isLess }: Pick<Rounded<Variable>, 'result'> & Record<'isMore' | 'isLess', Expression>,
): Expression {
  const integers = shape === 'f64x2' ? 'i64x2' : 'i32x4';
  const negative = vector(`${integers}.gt_s`, zeros, result);
  const when = (condition: Expression, mask: Expression): Expression => vector('v128.and', mask, everywhere(condition));
  const both = (a: Expression, b: Expression): Expression => vector('v128.or', a, b);
  const ofPositive = (mask: Expression): Expression => vector('v128.andnot', mask, negative);
  const ofNegative = (mask: Expression): Expression => vector('v128.and', mask, negative);
  const grows = both(when(mode.equals(DOWN), ofNegative(isLess)), when(mode.equals(UP), ofPositive(isMore)));
  const shrinks = both(when(mode.differs(UP), ofPositive(isLess)), when(mode.differs(DOWN), ofNegative(isMore)));
  // Masks are -1.
  return vector(`${integers}.sub`, vector(`${integers}.add`, result, shrinks), grows);
}

const EVERY = -1n;
const EVEN = 1n;
const ODD = 2n;

/** The sign bits of lanes, or zeros. */
function signsIf(shape: Shape, condition: Expression, lanes: bigint): Expression {
  const width = shape === 'f64x2' ? 64n : 32n;
  let bits = 0n;
  for (let lane = 0n; lane < 128n / width; lane++)
    if (lanes & (lane % 2n === 0n ? EVEN : ODD)) bits |= 1n << (lane * width + width - 1n);
  return vector('v128.and', constantVector(bits), everywhere(condition));
}

/** All ones if the condition holds, else zeros. */
function everywhere(condition: Expression): Expression {
  return new Expression('v128', (code) => {
    select(condition, constant('i32', -1), constant('i32', 0)).push(code);
    code.vectorOp('i32x4.splat');
  });
}

const zeros = constantVector(0n);
