import { ManglingError } from './demangled-text.js';
import { MangledText } from './mangled-text.js';
import {
  Constructor,
  Conversion,
  Lambda,
  Node,
  NodeList,
  Pack,
  Scoped,
  StandardClass,
  Tagged,
  TemplateParameter,
  Templated,
  Text,
} from './nodes.js';
import { FUNCTION_OPERATORS } from './operators.js';
import { FunctionName, FunctionType } from './type-nodes.js';

const STD = new Text('std');
const CHARACTER_STREAM = '<char, std::char_traits<char> >';
const STANDARD_CLASSES: Readonly<Record<string, StandardClass>> = {
  a: new StandardClass('allocator', 'allocator'),
  b: new StandardClass('basic_string', 'basic_string'),
  s: new StandardClass('basic_string<char, std::char_traits<char>, std::allocator<char> >', 'basic_string'),
  i: new StandardClass(`basic_istream${CHARACTER_STREAM}`, 'basic_istream'),
  o: new StandardClass(`basic_ostream${CHARACTER_STREAM}`, 'basic_ostream'),
  d: new StandardClass(`basic_iostream${CHARACTER_STREAM}`, 'basic_iostream'),
};

const SPECIAL_TYPES: Readonly<Record<string, string>> = {
  ...{ TV: 'vtable', TT: 'VTT', TI: 'typeinfo', TS: 'typeinfo name' },
};
const SPECIAL_NAMES: Readonly<Record<string, string>> = {
  ...{ GV: 'guard variable', TH: 'TLS init function', TW: 'TLS wrapper function' },
};
const SPECIAL_ENCODINGS: Readonly<Record<string, string>> = {
  ...{ GA: 'hidden alias', GTt: 'transaction clone', GTn: 'non-transaction clone' },
};

const QUALIFIERS: Readonly<Record<string, string>> = { r: ' restrict', V: ' volatile', K: ' const' };

/** A name, and what else it says of the function that has it. */
interface NestedName {
  readonly node: Node;
  /** Behind the parameters of a member function. */
  readonly qualifiers: string;
}

/** Names: Itanium C++ ABI 5.1.2 "General Structure" to 5.1.4, 5.1.6 and 5.1.10. */
export abstract class NameParser extends MangledText {
  /** The arguments of the template that was named last. */
  protected templateArguments: readonly Node[] | undefined;
  /** The type of a conversion operator is read. */
  private isConverting = false;

  protected abstract type(): Node;
  protected abstract expression(): Node;
  /** `L` and what follows it. */
  protected abstract literal(): Node;

  /** What a mangled name stands for. What functions return is left out where they are scopes of names. */
  encoding(isScope = false): Node {
    return this.within(() => {
      if (this.sees('T') || this.sees('G')) return this.special();
      this.templateArguments = undefined;
      const { node, qualifiers } = this.name();
      const { templateArguments } = this;
      if (this.isAtEnd || this.sees('E') || this.sees('.')) return node;
      const returned = hasReturnType(node) ? this.type() : undefined;
      const parameters: Node[] = [];
      while (!this.isAtEnd && !this.sees('E') && !this.sees('.')) parameters.push(this.parameter());
      const type = new FunctionType(isScope ? undefined : returned, new NodeList(parameters));
      return new FunctionName(node, type, qualifiers, templateArguments);
    });
  }

  /** A parameter of a function; nothing for `void`. */
  protected parameter(): Node {
    return this.took('v') ? new NodeList([]) : this.type();
  }

  private special(): Node {
    for (const [code, text] of Object.entries(SPECIAL_TYPES))
      if (this.took(code)) return new Text(`${text} for `, this.type());
    for (const [code, text] of Object.entries(SPECIAL_NAMES))
      if (this.took(code)) return new Text(`${text} for `, this.name().node);
    for (const [code, text] of Object.entries(SPECIAL_ENCODINGS))
      if (this.took(code)) return new Text(`${text} for `, this.encoding());
    if (this.took('TA')) return new Text('template parameter object for ', this.templateArgument());
    if (this.took('TC')) {
      const whole = this.type();
      this.number();
      this.expect('_');
      return new Text('construction vtable for ', this.type(), '-in-', whole);
    }
    if (this.took('GR')) {
      const { node } = this.name();
      return new Text(`reference temporary #${this.isAtEnd ? 0 : this.ordinal(36)} for `, node);
    }
    if (this.took('Tc')) {
      for (const _ of [0, 1]) this.callOffset();
      return new Text('covariant return thunk to ', this.encoding());
    }
    this.expect('T');
    const kind = this.sees('v') ? 'virtual' : 'non-virtual';
    this.callOffset();
    return new Text(`${kind} thunk to `, this.encoding());
  }

  private callOffset(): void {
    const numbers = this.took('h') ? 1 : this.took('v') ? 2 : undefined;
    if (numbers === undefined) throw new ManglingError();
    for (let i = 0; i < numbers; i++) {
      this.number();
      this.expect('_');
    }
  }

  protected name(): NestedName {
    return this.within(() => {
      if (this.sees('N')) return this.nested();
      if (this.sees('Z')) return this.local();
      if (this.sees('S') && !this.sees('St')) {
        const substitution = this.substitution();
        return { node: this.sees('I') ? this.templated(substitution) : substitution, qualifiers: '' };
      }
      const plain = this.took('St') ? new Scoped(STD, this.unqualified(STD)) : this.unqualified(undefined);
      if (!this.sees('I')) return { node: plain, qualifiers: '' };
      return { node: this.templated(this.remembered(plain)), qualifiers: '' };
    });
  }

  /** The arguments for a template, which is the one that is named. */
  private templated(template: Node): Node {
    const list = this.templateArgumentList();
    this.templateArguments = list.nodes;
    return new Templated(template, list);
  }

  private nested(): NestedName {
    this.expect('N');
    const qualifiers = this.qualifiers() + (this.took('R') ? ' &' : this.took('O') ? ' &&' : '');
    let node: Node | undefined;
    let remembers = false;
    while (!this.took('E')) {
      const isSubstitution = this.sees('S');
      if (this.took('M')) continue;
      node = this.prefix(node);
      remembers = !isSubstitution;
      if (remembers) this.remembered(node);
    }
    if (!node) throw new ManglingError();
    // The whole name is remembered by those that refer to it as a type.
    if (remembers) this.substitutions.pop();
    return { node, qualifiers };
  }

  /** A part of a nested name, with those before it. */
  private prefix(scope: Node | undefined): Node {
    if (!scope) {
      if (this.took('St')) return STD;
      if (this.sees('S')) return this.substitution();
      if (this.sees('T')) return this.templateParameter();
      if (this.sees('Dt') || this.sees('DT')) return this.type();
    } else if (this.sees('I')) return this.templated(scope);
    const name = this.unqualified(scope);
    return scope ? new Scoped(scope, name) : name;
  }

  private local(): NestedName {
    this.expect('Z');
    const scope = this.encoding(true);
    this.expect('E');
    if (this.took('s')) {
      this.discriminator();
      return { node: new Scoped(scope, new Text('string literal')), qualifiers: '' };
    }
    const defaultArgument = this.took('d') ? new Text(`{default arg#${this.ordinal() + 1}}`) : undefined;
    const { node, qualifiers } = this.name();
    this.discriminator();
    return { node: new Scoped(scope, defaultArgument ? new Scoped(defaultArgument, node) : node), qualifiers };
  }

  private discriminator(): void {
    if (this.took('__')) {
      this.digits();
      this.expect('_');
    } else if (this.took('_')) this.next(1);
  }

  /** A name in a scope, with its tags. */
  protected unqualified(scope: Node | undefined): Node {
    let node = this.untagged(scope);
    while (this.took('B')) node = new Tagged(node, this.sourceText());
    return node;
  }

  private untagged(scope: Node | undefined): Node {
    if (/^L[0-9A-Za-z]/.test(this.peek(2))) this.took('L');
    if (/[0-9]/.test(this.peek())) return this.source();
    if (this.took('CI')) return this.inheriting(scope);
    if (/^[CD][0-9]/.test(this.peek(2))) {
      if (!scope) throw new ManglingError();
      return new Constructor(scope, this.next(2).startsWith('D') ? '~' : '');
    }
    if (this.took('DC')) return new Text('[', new NodeList(this.list('E', () => this.source())), ']');
    if (this.took('Ut')) return new Text(`{unnamed type#${this.ordinal() + 1}}`);
    if (this.took('Ul')) {
      const parameters = new NodeList(this.list('E', () => this.parameter()));
      return new Lambda(parameters, this.ordinal() + 1);
    }
    return this.operator();
  }

  private inheriting(scope: Node | undefined): Node {
    this.next(1);
    this.type();
    if (!scope) throw new ManglingError();
    return new Constructor(scope, '');
  }

  protected operator(): Node {
    if (this.took('cv')) return this.conversion();
    if (this.took('li')) return new Text('operator"" ', this.source());
    if (/^v[0-9]/.test(this.peek(2))) {
      this.next(2);
      return new Text('operator ', this.source());
    }
    const text = FUNCTION_OPERATORS[this.next(2)];
    if (text === undefined) throw new ManglingError();
    return new Text(`operator${text}`);
  }

  private conversion(): Node {
    const { isConverting } = this;
    this.isConverting = true;
    const type = this.type();
    this.isConverting = isConverting;
    return new Conversion(type);
  }

  protected source(): Node {
    return new Text(this.sourceText());
  }

  protected sourceText(): string {
    const digits = this.digits();
    if (digits === '' || digits.length > 6) throw new ManglingError();
    const text = this.next(Number(digits));
    return /^_GLOBAL_[._$]N/.test(text) ? '(anonymous namespace)' : text;
  }

  /** `const` and the like, in the order in which they are written. */
  protected qualifiers(): string {
    let text = '';
    for (const code of ['r', 'V', 'K']) if (this.took(code)) text = QUALIFIERS[code]! + text;
    return text;
  }

  protected substitution(): Node {
    this.expect('S');
    const standard = /[a-z]/.test(this.peek()) ? STANDARD_CLASSES[this.next(1)] : this.substitutions[this.ordinal(36)];
    if (!standard) throw new ManglingError();
    if (!this.sees('B')) return standard;
    return this.remembered(new Tagged(standard, (this.next(1), this.sourceText())));
  }

  protected templateParameter(): Node {
    this.expect('T');
    return new TemplateParameter(this.ordinal());
  }

  /** A template parameter that is no type yet may be a template: then arguments follow, but not in a conversion's type. */
  protected get mayHaveArguments(): boolean {
    return this.sees('I') && !this.isConverting;
  }

  protected templateArgumentList(): NodeList {
    const { isConverting } = this;
    this.isConverting = false;
    this.expect('I');
    const nodes = this.list('E', () => this.templateArgument());
    this.isConverting = isConverting;
    return new NodeList(nodes);
  }

  protected templateArgument(): Node {
    return this.within(() => {
      if (this.sees('L')) return this.literal();
      // Older compilers open packs as they open arguments.
      if (this.took('J') || this.took('I')) return new Pack(this.list('E', () => this.templateArgument()));
      if (!this.took('X')) return this.type();
      const node = this.expression();
      this.expect('E');
      return node;
    });
  }
}

/** Functions that are made from templates have what they return in their names; constructors and conversions do not. */
function hasReturnType(node: Node): boolean {
  let last = node;
  while (last instanceof Scoped) last = last.name;
  return last instanceof Templated && !(last.base instanceof Constructor || last.base instanceof Conversion);
}
