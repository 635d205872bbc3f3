import { MASK64, signed, truncate } from '../../bits.js';

/** What an expression reads. */
export interface AgentContext {
  /** A register, by its number in the protocol; undefined if there is none. */
  register(number: number): bigint | undefined;
  /** Bytes up to the first one that is not mapped. */
  readMemory(address: bigint, lengthBytes: number): Uint8Array;
}

/** The expression cannot be evaluated: it is malformed, divides by zero, reads what is not mapped, or takes too long. */
export class AgentExpressionError extends Error {
  override readonly name = 'AgentExpressionError';
}

const STEPS_MAX = 10_000;
const STACK_MAX = 256;

type Binary = (a: bigint, b: bigint) => bigint;

const flag = (value: boolean): bigint => (value ? 1n : 0n);
const shift = (b: bigint): bigint => (b < 64n ? b : 64n);

/** Operations on the two values on top of the stack, of 64 bits; `b` is the upper one. */
const BINARY: Readonly<Record<number, Binary>> = {
  0x02: (a, b) => a + b,
  0x03: (a, b) => a - b,
  0x04: (a, b) => a * b,
  0x05: (a, b) => signed(64, a) / signed(64, divisor(b)),
  0x06: (a, b) => a / divisor(b),
  0x07: (a, b) => signed(64, a) % signed(64, divisor(b)),
  0x08: (a, b) => a % divisor(b),
  0x09: (a, b) => a << shift(b),
  0x0a: (a, b) => signed(64, a) >> shift(b),
  0x0b: (a, b) => a >> shift(b),
  0x0f: (a, b) => a & b,
  0x10: (a, b) => a | b,
  0x11: (a, b) => a ^ b,
  0x13: (a, b) => flag(a === b),
  0x14: (a, b) => flag(signed(64, a) < signed(64, b)),
  0x15: (a, b) => flag(a < b),
};

/** Bytes of memory that the value on top of the stack is the address of. */
const REFERENCES: Readonly<Record<number, number>> = { 0x17: 1, 0x18: 2, 0x19: 4, 0x1a: 8 };
/** Bytes of a constant that follows, the highest first. */
const CONSTANTS: Readonly<Record<number, number>> = { 0x22: 1, 0x23: 2, 0x24: 4, 0x25: 8 };

const LOG_NOT = 0x0e;
const BIT_NOT = 0x12;
const EXT = 0x16;
const IF_GOTO = 0x20;
const GOTO = 0x21;
const REG = 0x26;
const END = 0x27;
const DUP = 0x28;
const POP = 0x29;
const ZERO_EXT = 0x2a;
const SWAP = 0x2b;
const PICK = 0x32;
const ROT = 0x33;

function divisor(b: bigint): bigint {
  if (b === 0n) throw new AgentExpressionError('division by zero');
  return b;
}

/**
 * The value of an agent expression: bytecode into which gdb compiles the condition of a breakpoint. Appendix "The GDB Agent
 * Expression Mechanism" in its manual. Throws AgentExpressionError.
 */
export function evaluateAgentExpression(code: Uint8Array, context: AgentContext): bigint {
  return new AgentMachine(code, context).run();
}

class AgentMachine {
  private readonly stack: bigint[] = [];
  private at = 0;

  constructor(
    private readonly code: Uint8Array,
    private readonly context: AgentContext,
  ) {}

  run(): bigint {
    for (let steps = 0; steps < STEPS_MAX; steps++) {
      const operation = Number(this.operand(1));
      if (operation === END) return this.pop();
      this.perform(operation);
    }
    throw new AgentExpressionError(`more than ${STEPS_MAX} operations`);
  }

  private perform(operation: number): void {
    const binary = BINARY[operation];
    if (binary) {
      const b = this.pop();
      return this.push(binary(this.pop(), b));
    }
    const referenced = REFERENCES[operation];
    if (referenced !== undefined) return this.push(this.read(this.pop(), referenced));
    const constant = CONSTANTS[operation];
    if (constant !== undefined) return this.push(this.operand(constant));
    if (operation === GOTO || operation === IF_GOTO) return this.jump(operation === IF_GOTO);
    if (operation === REG) return this.push(this.register(Number(this.operand(2))));
    if (operation === DUP || operation === PICK) return this.pick(operation === PICK ? Number(this.operand(1)) : 0);
    this.change(operation);
  }

  /** Operations on the top of the stack that need nothing else. */
  private change(operation: number): void {
    const top = this.pop();
    if (operation === LOG_NOT) this.push(flag(top === 0n));
    else if (operation === BIT_NOT) this.push(~top);
    else if (operation === EXT) this.push(signed(Number(this.operand(1)), top));
    else if (operation === ZERO_EXT) this.push(truncate(Number(this.operand(1)), top));
    else if (operation === SWAP) this.push(top, this.pop());
    else if (operation === ROT) {
      // a b c becomes c a b.
      const b = this.pop();
      this.push(top, this.pop(), b);
    } else if (operation !== POP) throw new AgentExpressionError(`operation 0x${operation.toString(16)}`);
  }

  private jump(isConditional: boolean): void {
    const target = Number(this.operand(2));
    if (!isConditional || this.pop() !== 0n) this.at = target;
  }

  private pick(depth: number): void {
    const value = this.stack.at(-1 - depth);
    if (value === undefined) throw new AgentExpressionError('the stack is empty');
    this.push(value);
  }

  private register(number: number): bigint {
    const value = this.context.register(number);
    if (value === undefined) throw new AgentExpressionError(`register ${number}`);
    return value;
  }

  private read(address: bigint, lengthBytes: number): bigint {
    const bytes = this.context.readMemory(address, lengthBytes);
    if (bytes.length < lengthBytes) throw new AgentExpressionError(`0x${address.toString(16)} is not mapped`);
    return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }

  /** The next bytes of the code, the highest first. */
  private operand(lengthBytes: number): bigint {
    const bytes = this.code.subarray(this.at, this.at + lengthBytes);
    if (bytes.length < lengthBytes) throw new AgentExpressionError('the expression has no end');
    this.at += lengthBytes;
    return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  }

  private push(...values: readonly bigint[]): void {
    if (this.stack.length + values.length > STACK_MAX) throw new AgentExpressionError('the stack is full');
    for (const value of values) this.stack.push(value & MASK64);
  }

  private pop(): bigint {
    const value = this.stack.pop();
    if (value === undefined) throw new AgentExpressionError('the stack is empty');
    return value;
  }
}
