import { ManglingError } from './demangled-text.js';
import { NameParser } from './name-parser.js';
import { Expansion, type Node, NodeList, Templated, Text } from './nodes.js';
import { ArrayType, FunctionType, MemberPointer, Pointer, Qualified } from './type-nodes.js';

/** Itanium C++ ABI 5.1.5.2 "Builtin types". */
const BUILTIN_TYPES: Readonly<Record<string, string>> = {
  ...{ v: 'void', w: 'wchar_t', b: 'bool', c: 'char', a: 'signed char', h: 'unsigned char', s: 'short', i: 'int' },
  ...{ t: 'unsigned short', j: 'unsigned int', l: 'long', m: 'unsigned long', x: 'long long', z: '...' },
  ...{ y: 'unsigned long long', n: '__int128', o: 'unsigned __int128', f: 'float', d: 'double', e: 'long double' },
  ...{ g: '__float128', Dd: 'decimal64', De: 'decimal128', Df: 'decimal32', Dh: 'half', Di: 'char32_t' },
  ...{ Ds: 'char16_t', Du: 'char8_t', Da: 'auto', Dc: 'decltype(auto)', Dn: 'decltype(nullptr)' },
};

/** Types: Itanium C++ ABI 5.1.5 "Type encodings". */
export abstract class TypeParser extends NameParser {
  protected override type(): Node {
    return this.within(() => {
      const builtin = this.builtin();
      if (builtin !== undefined) return new Text(builtin);
      if (!this.sees('S') || this.sees('St')) return this.remembered(this.compound());
      const substitution = this.substitution();
      if (!this.mayHaveArguments) return substitution;
      return this.remembered(new Templated(substitution, this.templateArgumentList()));
    });
  }

  /** A builtin type, if one comes next: all but those of vendors are too short to be referred to. */
  protected builtin(): string | undefined {
    const code = this.sees('D') ? this.peek(2) : this.peek();
    const text = BUILTIN_TYPES[code];
    if (text !== undefined) this.next(code.length);
    else if (this.took('DF')) return this.floatType();
    else if (this.took('DB')) return `signed _BitInt(${this.until('_')})`;
    else if (this.took('DU')) return `unsigned _BitInt(${this.until('_')})`;
    return text;
  }

  private floatType(): string {
    const bits = this.digits();
    if (this.took('b')) return 'std::bfloat16_t';
    if (this.took('x')) return `_Float${bits}x`;
    this.expect('_');
    return `_Float${bits}`;
  }

  private compound(): Node {
    const functionType = this.functionType('');
    if (functionType) return functionType;
    switch (this.peek()) {
      case 'r':
      case 'V':
      case 'K':
        return this.qualified();
      case 'P':
      case 'R':
      case 'O':
        return this.pointer();
      case 'C':
        return new Text((this.next(1), this.type()), ' _Complex');
      case 'G':
        return new Text((this.next(1), this.type()), ' _Imaginary');
      case 'A':
        return this.array();
      case 'M':
        return this.memberPointer();
      case 'D':
        return this.extended();
      case 'T':
        return this.templateType();
      case 'u':
        return new Text((this.next(1), this.sourceText()));
      case 'U':
        return this.vendorQualified();
    }
    return this.named();
  }

  private named(): Node {
    const { templateArguments } = this;
    const { node } = this.name();
    this.templateArguments = templateArguments;
    return node;
  }

  private qualified(): Node {
    const qualifiers = this.qualifiers();
    // The qualifiers of a member function belong to its type: there is none without them to refer to.
    return this.functionType(qualifiers) ?? new Qualified(this.type(), qualifiers);
  }

  private pointer(): Node {
    const sign = ({ P: '*', R: '&', O: '&&' } as const)[this.next(1) as 'P' | 'R' | 'O'];
    return new Pointer(this.type(), sign);
  }

  private memberPointer(): Node {
    this.expect('M');
    const owner = this.type();
    return new MemberPointer(owner, this.type());
  }

  /** A function type, if one comes next. */
  private functionType(qualifiers: string): Node | undefined {
    const exceptions = this.exceptions();
    if (!this.took('F')) {
      if (exceptions !== undefined) throw new ManglingError();
      return undefined;
    }
    this.took('Y');
    const returned = this.type();
    const parameters: Node[] = [];
    let reference = '';
    while (!this.took('E')) {
      if (this.isAtEnd) throw new ManglingError();
      if (this.sees('RE') || this.sees('OE')) reference = this.next(1) === 'R' ? ' &' : ' &&';
      else parameters.push(this.parameter());
    }
    return new FunctionType(returned, new NodeList(parameters), new Text(qualifiers, reference, exceptions ?? ''));
  }

  /** What a function throws, or that it is part of a transaction. */
  private exceptions(): string | Node | undefined {
    if (this.took('Do')) return ' noexcept';
    if (this.took('DO')) return new Text(' noexcept(', this.endedExpression(), ')');
    if (this.took('Dw')) return new Text(' throw(', new NodeList(this.list('E', () => this.type())), ')');
    return this.took('Dx') ? ' transaction_safe' : undefined;
  }

  private array(): Node {
    this.expect('A');
    const digits = this.digits();
    const length = digits || this.sees('_') ? new Text(digits) : this.expression();
    this.expect('_');
    return new ArrayType(this.type(), length);
  }

  /** Types that begin with D. */
  private extended(): Node {
    if (this.took('Dp')) return new Expansion(this.type());
    if (this.took('Dv')) {
      const length = this.took('_') ? this.expression() : new Text(this.digits());
      this.expect('_');
      return new Text(this.type(), ' __vector(', length, ')');
    }
    if (this.took('Dt') || this.took('DT')) return new Text('decltype (', this.endedExpression(), ')');
    throw new ManglingError();
  }

  private endedExpression(): Node {
    const node = this.expression();
    this.expect('E');
    return node;
  }

  private templateType(): Node {
    if (/^T[sue]/.test(this.peek(2))) {
      this.next(2);
      return this.named();
    }
    const parameter = this.templateParameter();
    if (!this.mayHaveArguments) return parameter;
    return new Templated(this.remembered(parameter), this.templateArgumentList());
  }

  private vendorQualified(): Node {
    // Closures and unnamed types are names.
    if (/^U[tl]/.test(this.peek(2))) return this.named();
    this.next(1);
    const qualifier = this.source();
    const all = this.sees('I') ? new Templated(qualifier, this.templateArgumentList()) : qualifier;
    return new Text(this.type(), ' ', all);
  }
}
