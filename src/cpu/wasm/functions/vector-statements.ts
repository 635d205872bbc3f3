import { MXCSR } from '../../evaluator/float/mxcsr.js';
import type { WasmVectorInstruction } from '../encoding/opcodes.js';
import { Expression, type Statements, type Variable } from './expression.js';
import type { VectorInstructions } from './fused-sums.js';

/** All exceptions are masked. */
export const MASKS = MXCSR.IM | MXCSR.DM | MXCSR.ZM | MXCSR.OM | MXCSR.UM | MXCSR.PM;

export function vector(name: WasmVectorInstruction, ...operands: readonly Expression[]): Expression {
  return new Expression('v128', (code) => {
    for (const operand of operands) operand.push(code);
    code.vectorOp(name);
  });
}

export function constantVector(value: bigint): Expression {
  return new Expression('v128', (code) => code.v128Const(value));
}

export function bitselect(whenSet: Expression, otherwise: Expression, mask: Expression): Expression {
  return vector('v128.bitselect', whenSet, otherwise, mask);
}

export function anyTrue(mask: Expression): Expression {
  return truthOf('v128.any_true', mask);
}

export function allTrue(mask: Expression): Expression {
  return truthOf('i32x4.all_true', mask);
}

function truthOf(name: WasmVectorInstruction, mask: Expression): Expression {
  return new Expression('i32', (code) => {
    mask.push(code);
    code.vectorOp(name);
  });
}

/** Vector instructions as statements, each with its result in a new variable. */
export class VectorStatements implements VectorInstructions<Variable> {
  constructor(private readonly to: Statements) {}

  constant(bits: bigint): Variable {
    return this.to.let(constantVector(bits));
  }
  unary(name: WasmVectorInstruction, x: Variable): Variable {
    return this.to.let(vector(name, x));
  }
  apply(name: WasmVectorInstruction, x: Variable, y: Variable): Variable {
    return this.to.let(vector(name, x, y));
  }
  choose(mask: Variable, whenSet: Variable, otherwise: Variable): Variable {
    return this.to.let(bitselect(whenSet, otherwise, mask));
  }
  shuffled(x: Variable, y: Variable, bytes: readonly number[]): Variable {
    const shuffle = new Expression('v128', (code) => {
      x.push(code);
      y.push(code);
      code.shuffle(bytes);
    });
    return this.to.let(shuffle);
  }
}
