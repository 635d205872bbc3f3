import type { Code, ValueTypeName } from '../encoding/code.js';
import type { WasmInstruction, WasmMemoryInstruction } from '../encoding/opcodes.js';

type Type = ValueTypeName;
export type Operand = Expression | number | bigint;

/** An expression of Wasm, without side effects; each use evaluates it again. Constants get the type of the other operand. */
export class Expression {
  constructor(
    readonly type: Type,
    readonly push: (code: Code) => unknown,
  ) {}

  add(y: Operand): Expression {
    return this.binary('add', y);
  }
  sub(y: Operand): Expression {
    return this.binary('sub', y);
  }
  mul(y: Operand): Expression {
    return this.binary('mul', y);
  }
  and(y: Operand): Expression {
    return this.binary('and', y);
  }
  or(y: Operand): Expression {
    return this.binary('or', y);
  }
  xor(y: Operand): Expression {
    return this.binary('xor', y);
  }
  shl(y: Operand): Expression {
    return this.binary('shl', y);
  }
  /** Shifts zeros in. */
  shr(y: Operand): Expression {
    return this.binary('shr_u', y);
  }
  dividedBy(y: Operand): Expression {
    return this.binary('div_u', y);
  }
  remainderBy(y: Operand): Expression {
    return this.binary('rem_u', y);
  }
  ctz(): Expression {
    return this.unary('ctz');
  }
  clz(): Expression {
    return this.unary('clz');
  }
  equals(y: Operand): Expression {
    return this.binary('eq', y, 'i32');
  }
  differs(y: Operand): Expression {
    return this.binary('ne', y, 'i32');
  }
  /** Unsigned comparisons. */
  below(y: Operand): Expression {
    return this.binary('lt_u', y, 'i32');
  }
  atLeast(y: Operand): Expression {
    return this.binary('ge_u', y, 'i32');
  }
  above(y: Operand): Expression {
    return this.of(y).below(this);
  }
  /** Signed comparisons. */
  less(y: Operand): Expression {
    return this.binary('lt_s', y, 'i32');
  }
  greater(y: Operand): Expression {
    return this.of(y).less(this);
  }
  isZero(): Expression {
    return this.unary('eqz', 'i32');
  }
  isSet(): Expression {
    return this.differs(0);
  }

  /** To i64, and from it. */
  wide(): Expression {
    return this.convert('i64', 'i64.extend_i32_u');
  }
  wideSigned(): Expression {
    return this.convert('i64', 'i64.extend_i32_s');
  }
  low(): Expression {
    return this.convert('i32', 'i32.wrap_i64');
  }
  asSingle(): Expression {
    return this.convert('f32', 'f32.reinterpret_i32');
  }
  asSingleBits(): Expression {
    return this.convert('i32', 'i32.reinterpret_f32');
  }
  promoted(): Expression {
    return this.convert('f64', 'f64.promote_f32');
  }
  demoted(): Expression {
    return this.convert('f32', 'f32.demote_f64');
  }
  asDouble(): Expression {
    return this.convert('f64', 'f64.reinterpret_i64');
  }
  asBits(): Expression {
    return this.convert('i64', 'i64.reinterpret_f64');
  }

  /** Loads from this address plus `offset`. */
  loaded(type: 'i32' | 'i64', offset: number): Expression {
    return new Expression(type, (code) => {
      this.push(code);
      code.memory(`${type}.load`, offset);
    });
  }

  binary(name: string, y: Operand, type: Type = this.type): Expression {
    const operand = this.of(y);
    if (operand.type !== this.type) throw new TypeError(`${this.type}.${name} of ${operand.type}`);
    return new Expression(type, (code) => {
      this.push(code);
      operand.push(code);
      code.op(`${this.type}.${name}` as WasmInstruction);
    });
  }
  unary(name: string, type: Type = this.type): Expression {
    return this.convert(type, `${this.type}.${name}` as WasmInstruction);
  }
  private convert(type: Type, name: WasmInstruction): Expression {
    return new Expression(type, (code) => {
      this.push(code);
      code.op(name);
    });
  }
  private of(y: Operand): Expression {
    return y instanceof Expression ? y : constant(this.type, y);
  }
}

export function constant(type: Type, value: number | bigint): Expression {
  if (type === 'i64') return new Expression(type, (code) => code.i64(BigInt(value)));
  if (type === 'i32') return new Expression(type, (code) => code.i32(Number(BigInt.asIntN(32, BigInt(value)))));
  throw new TypeError(`no constants of type ${type}`);
}

/** `whenTrue` if the condition (i32) is not 0. Both are evaluated. */
export function select(condition: Expression, whenTrue: Expression, whenFalse: Expression): Expression {
  return new Expression(whenTrue.type, (code) => {
    whenTrue.push(code);
    whenFalse.push(code);
    condition.push(code);
    code.op('select');
  });
}

export function load(name: WasmMemoryInstruction, address: number): Expression {
  return new Expression(name.startsWith('i64') ? 'i64' : 'i32', (code) => code.i32(0).memory(name, address));
}

export class Variable extends Expression {
  constructor(
    type: Type,
    private readonly code: Code,
    private readonly local: number,
  ) {
    super(type, (into) => into.get(local));
  }

  set(value: Operand): this {
    (value instanceof Expression ? value : constant(this.type, value)).push(this.code);
    this.code.set(this.local);
    return this;
  }
  /** Takes the top of the stack. */
  pop(): this {
    this.code.set(this.local);
    return this;
  }
}

/** Statements of a function's body, emitted as they are called. */
export class Statements {
  constructor(readonly code: Code) {}

  parameter(type: Type, index: number): Variable {
    return new Variable(type, this.code, index);
  }
  /** A new variable. */
  let(value: Expression): Variable {
    return new Variable(value.type, this.code, this.code.newLocal(value.type)).set(value);
  }
  /** The result of a call, in a new variable. */
  call(type: Type, functionIndex: number, ...parameters: readonly Expression[]): Variable {
    for (const parameter of parameters) parameter.push(this.code);
    this.code.call(functionIndex);
    return new Variable(type, this.code, this.code.newLocal(type)).pop();
  }
  /** All results of a call, in new variables. */
  callMany(types: readonly Type[], functionIndex: number, ...parameters: readonly Expression[]): readonly Variable[] {
    for (const parameter of parameters) parameter.push(this.code);
    this.code.call(functionIndex);
    const variables = types.map((type) => new Variable(type, this.code, this.code.newLocal(type)));
    for (const variable of [...variables].reverse()) variable.pop();
    return variables;
  }
  store(name: WasmMemoryInstruction, address: number, value: Expression): void {
    this.code.i32(0);
    value.push(this.code);
    this.code.memory(name, address);
  }
  if(condition: Expression, then: () => void, otherwise?: () => void): void {
    condition.push(this.code);
    this.code.if();
    then();
    if (otherwise) {
      this.code.else();
      otherwise();
    }
    this.code.end();
  }
  /** Repeats the body while the i32 that it returns is not 0. */
  loop(body: () => Expression): void {
    const again = this.code.loop();
    body().push(this.code);
    this.code.brIf(again).end();
  }
  return(...values: readonly Expression[]): void {
    for (const value of values) value.push(this.code);
    this.code.op('return');
  }
}
