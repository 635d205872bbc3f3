import { ManglingError } from './demangled-text.js';
import { Expansion, Node, Literal, NodeList, PackLength, Scoped, Templated, TemplateParameter, Text } from './nodes.js';
import { BINARY_OPERATORS, UNARY_OPERATORS } from './operators.js';
import { FunctionName } from './type-nodes.js';
import { TypeParser } from './type-parser.js';

/** What follows a literal of a type. */
const SUFFIXES: Readonly<Record<string, string>> = {
  ...{ int: '', 'unsigned int': 'u', long: 'l', 'unsigned long': 'ul', 'long long': 'll', 'unsigned long long': 'ull' },
};

const CASTS: Readonly<Record<string, string>> = {
  ...{ dc: 'dynamic_cast', sc: 'static_cast', cc: 'const_cast', rc: 'reinterpret_cast' },
};

const OF_TYPE: Readonly<Record<string, string>> = { st: 'sizeof ', at: 'alignof ', ti: 'typeid ' };
const OF_EXPRESSION: Readonly<Record<string, string>> = {
  sz: 'sizeof ',
  az: 'alignof ',
  te: 'typeid ',
  nx: 'noexcept',
};

/** Expressions: Itanium C++ ABI 5.1.6 "Expressions", as GNU c++filt writes them. */
export class ExpressionParser extends TypeParser {
  protected override expression(): Node {
    return this.within(() => {
      if (this.sees('L')) return this.literal();
      if (this.sees('T')) return this.templateParameter();
      if (/[0-9]/.test(this.peek()) || this.took('on')) return this.unresolved();
      const code = this.next(2);
      const unary = UNARY_OPERATORS[code];
      if (unary !== undefined) return this.unary(code, unary);
      const binary = BINARY_OPERATORS[code];
      if (binary !== undefined) return this.binary(binary);
      return this.other(code);
    });
  }

  protected override literal(): Node {
    this.expect('L');
    if (this.took('_Z') || this.took('Z')) {
      const { templateArguments } = this;
      const node = this.encoding();
      this.templateArguments = templateArguments;
      this.expect('E');
      return node;
    }
    if (this.took('b0E')) return new Literal('false');
    if (this.took('b1E')) return new Literal('true');
    const isReal = /[fdeg]/.test(this.peek());
    const builtin = this.builtin();
    const type = builtin === undefined ? this.type() : new Text(builtin);
    const sign = this.took('n') ? '-' : '';
    const value = sign + this.until('E');
    const suffix = builtin === undefined ? undefined : SUFFIXES[builtin];
    if (suffix !== undefined) return new Literal(`${value}${suffix}`);
    // The only value of its type.
    if (value === '') return type;
    return new Text('(', type, ')', isReal ? `[${value}]` : value);
  }

  private operand(): Node {
    return inParentheses(this.expression());
  }

  private unary(code: string, sign: string): Node {
    const isPrefix = this.took('_');
    const node = this.expression();
    if (code === 'ad' && node instanceof FunctionName && node.name instanceof Scoped) return new Text(sign, node.name);
    const isPostfix = (code === 'pp' || code === 'mm') && !isPrefix;
    return isPostfix ? new Text(inParentheses(node), sign) : new Text(sign, inParentheses(node));
  }

  private binary(sign: string): Node {
    const left = this.operand();
    const text = new Text(left, sign, this.operand());
    // It would look like the end of template arguments.
    return sign === '>' ? new Text('(', text, ')') : text;
  }

  private other(code: string): Node {
    const cast = CASTS[code];
    if (cast !== undefined) return new Text(`${cast}<`, this.type(), '>(', this.expression(), ')');
    if (OF_TYPE[code] !== undefined) return new Text(`${OF_TYPE[code]}(`, this.type(), ')');
    if (OF_EXPRESSION[code] !== undefined) return new Text(`${OF_EXPRESSION[code]}(`, this.expression(), ')');
    switch (code) {
      case 'cl':
        return new Text(this.callee(), '(', this.expressions('E'), ')');
      case 'cv':
        return this.cast();
      case 'ix':
        return new Text(this.operand(), '[', this.expression(), ']');
      case 'qu':
        return new Text(this.operand(), '?', this.operand(), ' : ', this.operand());
      case 'dt':
        return new Text(this.operand(), '.', this.memberName());
      case 'pt':
        return new Text(this.operand(), '->', this.memberName());
      case 'sr':
        return this.scopeResolution();
      case 'gs':
        return new Text('::', this.expression());
      case 'sZ':
        return this.packLength();
      case 'sp':
        return new Expansion(this.expression());
      case 'fp':
        return this.functionParameter();
      case 'fL':
        if (!/[0-9]/.test(this.peek())) return this.fold(true, true);
        this.digits();
        this.expect('p');
        return this.functionParameter();
      case 'fl':
      case 'fr':
      case 'fR':
        return this.fold(code !== 'fr', code !== 'fl');
      case 'il':
        return new Text('{', this.expressions('E'), '}');
      case 'tl':
        return new Text(this.type(), '{', this.expressions('E'), '}');
      case 'tw':
        return new Text('throw ', this.operand());
      case 'tr':
        return new Text('throw');
      case 'nw':
      case 'na':
        return this.newExpression(code === 'na' ? '[]' : '');
      case 'dl':
        return new Text('delete ', this.operand());
      case 'da':
        return new Text('delete[] ', this.operand());
    }
    throw new ManglingError();
  }

  private expressions(end: string): Node {
    return new NodeList(this.list(end, () => this.expression()));
  }

  private callee(): Node {
    const node = this.expression();
    return node instanceof FunctionName ? node.name : inParentheses(node);
  }

  private cast(): Node {
    const type = this.type();
    if (!this.took('_')) return new Text('(', type, ')', this.operand());
    return new Text('(', type, ')(', this.expressions('E'), ')');
  }

  private packLength(): Node {
    const parameter = this.expression();
    if (!(parameter instanceof TemplateParameter)) throw new ManglingError();
    return new PackLength(parameter);
  }

  private functionParameter(): Node {
    if (this.took('T')) return new Text('this');
    this.qualifiers();
    return new Text(`{parm#${this.ordinal() + 1}}`);
  }

  /** A fold expression over a binary operator, with an operand on each side of the dots or on one. */
  private fold(hasLeft: boolean, hasRight: boolean): Node {
    const sign = BINARY_OPERATORS[this.next(2)];
    if (sign === undefined) throw new ManglingError();
    if (hasLeft && hasRight) return new Text('(', this.operand(), `${sign}...${sign}`, this.operand(), ')');
    return hasLeft ? new Text(`(...${sign}`, this.operand(), ')') : new Text('(', this.operand(), `${sign}...)`);
  }

  private newExpression(brackets: string): Node {
    const placement = this.expressions('_') as NodeList;
    const type = this.type();
    const initial = this.took('pi') ? new Text('(', this.expressions('E'), ')') : (this.expect('E'), new Text(''));
    const place = placement.nodes.length > 0 ? new Text('(', placement, ') ') : new Text('');
    return new Text(`new${brackets} `, place, type, initial);
  }

  /** A name that depends on template parameters. */
  private unresolved(): Node {
    const name = this.unqualified(undefined);
    return this.sees('I') ? new Templated(name, this.templateArgumentList()) : name;
  }

  private memberName(): Node {
    return this.sees('L') || this.sees('T') ? this.expression() : (this.took('on'), this.unresolved());
  }

  private scopeResolution(): Node {
    let scope: Node;
    if (this.took('N')) {
      scope = this.type();
      for (const level of this.list('E', () => this.unresolved())) scope = new Scoped(scope, level);
    } else if (/[0-9]/.test(this.peek())) {
      const levels = this.list('E', () => this.unresolved());
      if (levels.length === 0) throw new ManglingError();
      scope = levels.reduce((outer, inner) => new Scoped(outer, inner));
    } else scope = this.type();
    this.took('on');
    const name = new Scoped(scope, this.unqualified(undefined));
    return this.sees('I') ? new Templated(name, this.templateArgumentList()) : name;
  }
}

function inParentheses(node: Node): Node {
  return node.isSimple ? node : new Text('(', node, ')');
}
