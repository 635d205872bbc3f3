import { CommandError } from './command-error.js';

/** What the names in an expression stand for. */
export interface ExpressionScope {
  /** The value of a register; undefined if there is no such register. */
  register(name: string): bigint | undefined;
  /** The address of a symbol; undefined if there is none of that name. */
  symbol(name: string): bigint | undefined;
  /** A little-endian number in memory. Throws CommandError if it is not mapped. */
  load(address: bigint, lengthBytes: number): bigint;
}

const TOKEN = /\s*(0x[0-9a-f]+|\d+|\$?[a-z_.][\w.]*|<<|>>|[=!<>]=|[-+*/%&|^()<>~])/iy;
const LOADS = /^([ui])(8|16|32|64)$/;

/** Binary operators by how tightly they bind, the loosest first. */
const LEVELS: readonly Readonly<Record<string, (a: bigint, b: bigint) => bigint>>[] = [
  {
    '==': (a, b) => truth(a === b),
    '!=': (a, b) => truth(a !== b),
    '<=': (a, b) => truth(signed(a) <= signed(b)),
    '>=': (a, b) => truth(signed(a) >= signed(b)),
    '<': (a, b) => truth(signed(a) < signed(b)),
    '>': (a, b) => truth(signed(a) > signed(b)),
  },
  { '|': (a, b) => a | b, '^': (a, b) => a ^ b },
  { '&': (a, b) => a & b },
  { '<<': (a, b) => (b < 64n ? a << b : 0n), '>>': (a, b) => (b < 64n ? a >> b : 0n) },
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': (a, b) => a / nonZero(b), '%': (a, b) => a % nonZero(b) },
];

const DIVISION_BY_ZERO = 'division by zero';

/** Nested parentheses and prefixes, at most. */
const MOST_NESTED = 100;

/**
 * The value of an expression, modulo 2^64: numbers, registers (`$rax`), symbols, which stand for their addresses, `*ADDRESS`
 * for the 8 bytes there, `u8(ADDRESS)` to `i64(ADDRESS)` for numbers of other sizes, and the operators of C. Comparisons
 * are signed. Throws CommandError.
 */
export function evaluate(text: string, scope: ExpressionScope): bigint {
  return new Evaluator(tokensOf(text), text.trim(), scope).all();
}

/**
 * Checks an expression whose value is wanted later, when there may be other numbers in memory and registers. Throws CommandError for
 * one that is malformed, and for names that are not known.
 */
export function checkExpression(text: string, scope: ExpressionScope): void {
  try {
    evaluate(text, { ...scope, load: () => 1n });
  } catch (error) {
    if (!(error instanceof CommandError && error.message === DIVISION_BY_ZERO)) throw error;
  }
}

function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  const trimmed = text.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < trimmed.length) {
    const { lastIndex } = TOKEN;
    const found = TOKEN.exec(trimmed);
    if (!found) throw new CommandError(`'${trimmed.slice(lastIndex).trim()}' is not part of an expression`);
    tokens.push(found[1]!);
  }
  return tokens;
}

class Evaluator {
  private at = 0;
  private depth = 0;

  constructor(
    private readonly tokens: readonly string[],
    private readonly text: string,
    private readonly scope: ExpressionScope,
  ) {}

  all(): bigint {
    const value = this.binary(0);
    if (this.at < this.tokens.length) throw new CommandError(`unexpected '${this.tokens[this.at]}' in '${this.text}'`);
    return value;
  }

  private binary(level: number): bigint {
    const operators = LEVELS[level];
    if (!operators) return this.unary();
    let value = this.binary(level + 1);
    for (let token = this.tokens[this.at]; token !== undefined && Object.hasOwn(operators, token);) {
      this.at++;
      value = BigInt.asUintN(64, operators[token]!(value, this.binary(level + 1)));
      token = this.tokens[this.at];
    }
    return value;
  }

  private unary(): bigint {
    const token = this.tokens[this.at++];
    if (token === undefined) throw new CommandError(`'${this.text}' is incomplete`);
    if (++this.depth > MOST_NESTED) throw new CommandError('the expression is nested too deeply');
    try {
      if (token === '-') return BigInt.asUintN(64, -this.unary());
      if (token === '~') return BigInt.asUintN(64, ~this.unary());
      if (token === '*') return this.scope.load(this.unary(), 8);
      // The value of a symbol is its address.
      if (token === '&') return this.unary();
      if (token === '(') return this.parenthesised();
      return this.named(token);
    } finally {
      this.depth--;
    }
  }

  private parenthesised(): bigint {
    const value = this.binary(0);
    if (this.tokens[this.at++] !== ')') throw new CommandError(`a ) is missing in '${this.text}'`);
    return value;
  }

  private named(token: string): bigint {
    if (/^\d/.test(token)) return numberOf(token);
    const load = LOADS.exec(token);
    if (load && this.tokens[this.at] === '(') {
      this.at++;
      const bits = Number(load[2]);
      const value = this.scope.load(this.parenthesised(), bits / 8);
      return load[1] === 'i' ? BigInt.asUintN(64, BigInt.asIntN(bits, value)) : value;
    }
    if (token.startsWith('$')) {
      const value = this.scope.register(token.slice(1));
      if (value === undefined) throw new CommandError(`there is no register ${token}`);
      return value;
    }
    const value = this.scope.symbol(token) ?? this.scope.register(token);
    if (value === undefined) throw new CommandError(`there is no symbol '${token}'`);
    return value;
  }
}

function numberOf(token: string): bigint {
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(token)) throw new CommandError(`'${token}' is not a number`);
  const value = BigInt(token);
  if (value >> 64n !== 0n) throw new CommandError(`'${token}' has more than 64 bits`);
  return value;
}

function truth(value: boolean): bigint {
  return value ? 1n : 0n;
}

function signed(value: bigint): bigint {
  return BigInt.asIntN(64, value);
}

function nonZero(value: bigint): bigint {
  if (value === 0n) throw new CommandError(DIVISION_BY_ZERO);
  return value;
}
