import { DemangledText, ManglingError } from './demangled-text.js';

/** Where nodes are printed. */
export class Printer extends DemangledText<Node> {}

/** What decides how pointers to a type are written: `int (*) [3]`, `int (*)(char)`. */
export type Shape = 'plain' | 'array' | 'function';

/** A part of a name. Types are written around what they declare: `left` before it, `right` behind it. */
export abstract class Node {
  protected abstract printLeft(out: Printer): void;
  protected printRight?(out: Printer): void;

  left(out: Printer): void {
    out.within(() => this.printLeft(out));
  }

  right(out: Printer): void {
    if (this.printRight) out.within(() => this.printRight!(out));
  }

  print(out: Printer): void {
    this.left(out);
    this.right(out);
  }

  shape(_out: Printer): Shape {
    return 'plain';
  }

  /** Ends in a parenthesis that `right` closes, in which what is declared follows. */
  opens(_out: Printer): boolean {
    return false;
  }

  /** The node that stands for this one at present: an argument for its template parameter. */
  resolved(_out: Printer): Node {
    return this;
  }

  /** The last part of the name, without template arguments, after which constructors are named. */
  get base(): Node {
    return this;
  }

  /** In an expression, it needs no parentheses. */
  get isSimple(): boolean {
    return false;
  }
}

/** Text, and nodes in it. */
export class Text extends Node {
  private readonly parts: readonly (string | Node)[];

  constructor(...parts: readonly (string | Node)[]) {
    super();
    this.parts = parts;
  }

  protected printLeft(out: Printer): void {
    for (const part of this.parts)
      if (typeof part === 'string') out.add(part);
      else part.print(out);
  }

  override get isSimple(): boolean {
    return this.parts.length === 1;
  }
}

/** A value in an expression. */
export class Literal extends Text {
  override get isSimple(): boolean {
    return false;
  }
}

/** `scope::name` */
export class Scoped extends Node {
  constructor(
    readonly scope: Node,
    readonly name: Node,
  ) {
    super();
  }

  protected printLeft(out: Printer): void {
    this.scope.print(out);
    out.add('::');
    this.name.print(out);
  }

  override get base(): Node {
    return this.name.base;
  }

  override get isSimple(): boolean {
    return true;
  }
}

/** A class of the standard library that has a mangling of its own. */
export class StandardClass extends Node {
  constructor(
    private readonly text: string,
    private readonly className: string,
  ) {
    super();
  }

  protected printLeft(out: Printer): void {
    out.add(`std::${this.text}`);
  }

  override get base(): Node {
    return new Text(this.className);
  }
}

/** `name[abi:tag]` */
export class Tagged extends Node {
  constructor(
    private readonly name: Node,
    private readonly tag: string,
  ) {
    super();
  }

  protected printLeft(out: Printer): void {
    this.name.print(out);
    out.add(`[abi:${this.tag}]`);
  }

  override get base(): Node {
    return this.name.base;
  }
}

/** Nodes between commas; those that print nothing, such as empty packs, are left out. */
export class NodeList extends Node {
  constructor(readonly nodes: readonly Node[]) {
    super();
  }

  protected printLeft(out: Printer): void {
    let isFirst = true;
    for (const node of this.nodes) if (out.listed(isFirst, () => node.print(out))) isFirst = false;
  }
}

/** `name<arguments>` */
export class Templated extends Node {
  constructor(
    readonly name: Node,
    private readonly templateArguments: NodeList,
  ) {
    super();
  }

  protected printLeft(out: Printer): void {
    this.name.print(out);
    out.add(out.last === '<' ? ' <' : '<');
    this.templateArguments.print(out);
    out.add(out.last === '>' ? ' >' : '>');
  }

  override get base(): Node {
    return this.name.base;
  }
}

/** A constructor, or a destructor with `~`. */
export class Constructor extends Node {
  constructor(
    private readonly scope: Node,
    private readonly sign: '' | '~',
  ) {
    super();
  }

  protected printLeft(out: Printer): void {
    out.add(this.sign);
    this.scope.base.print(out);
  }
}

/** A conversion operator: what it returns is its name. */
export class Conversion extends Node {
  constructor(private readonly type: Node) {
    super();
  }

  protected printLeft(out: Printer): void {
    out.add('operator ');
    this.type.print(out);
  }
}

/** `{lambda(parameters)#1}` */
export class Lambda extends Node {
  constructor(
    private readonly parameters: NodeList,
    private readonly number: number,
  ) {
    super();
  }

  protected printLeft(out: Printer): void {
    const { inLambda } = out;
    out.inLambda = true;
    out.add('{lambda(');
    this.parameters.print(out);
    out.add(`)#${this.number}}`);
    out.inLambda = inLambda;
  }
}

/** A parameter of the template that is named. */
export class TemplateParameter extends Node {
  constructor(private readonly number: number) {
    super();
  }

  argument(out: Printer): Node | undefined {
    return out.scope?.templateArguments[this.number];
  }

  override resolved(out: Printer): Node {
    const argument = this.argument(out);
    if (!argument || out.inLambda) return this;
    if (!(argument instanceof Pack) || !out.pack) return argument;
    out.pack.length ??= argument.nodes.length;
    return argument.nodes[out.pack.index] ?? NOTHING;
  }

  protected printLeft(out: Printer): void {
    if (out.inLambda) return out.add(`auto:${this.number + 1}`);
    const found = this.resolved(out);
    if (found === this) throw new ManglingError();
    out.outside(() => found.left(out));
  }

  protected override printRight(out: Printer): void {
    const found = this.resolved(out);
    if (found !== this) out.outside(() => found.right(out));
  }

  override shape(out: Printer): Shape {
    const found = this.resolved(out);
    let shape: Shape = 'plain';
    if (found !== this) out.within(() => out.outside(() => (shape = found.shape(out))));
    return shape;
  }

  override opens(out: Printer): boolean {
    const found = this.resolved(out);
    let opens = false;
    if (found !== this) out.within(() => out.outside(() => (opens = found.opens(out))));
    return opens;
  }
}

/** A part of an argument for a template parameter. */
export class InArgument extends Node {
  constructor(private readonly node: Node) {
    super();
  }

  protected printLeft(out: Printer): void {
    out.outside(() => this.node.left(out));
  }

  protected override printRight(out: Printer): void {
    out.outside(() => this.node.right(out));
  }

  override shape(out: Printer): Shape {
    let shape: Shape = 'plain';
    out.outside(() => (shape = this.node.shape(out)));
    return shape;
  }

  override opens(out: Printer): boolean {
    let opens = false;
    out.outside(() => (opens = this.node.opens(out)));
    return opens;
  }
}

/** The arguments for a parameter pack. */
export class Pack extends NodeList {}

/** What is printed once for each element of the packs in it. */
export class Expansion extends Node {
  constructor(private readonly pattern: Node) {
    super();
  }

  protected printLeft(out: Printer): void {
    const { pack: outer, text: before } = out;
    const pack = { index: 0, length: undefined as number | undefined };
    out.pack = pack;
    this.pattern.print(out);
    const { length } = pack;
    if (length === undefined) out.text = before + dotted(out.text.slice(before.length), this.pattern.isSimple);
    if (length === 0) out.text = before;
    for (pack.index = 1; pack.index < (length ?? 0); pack.index++) {
      out.add(', ');
      this.pattern.print(out);
    }
    out.pack = outer;
  }
}

function dotted(pattern: string, isSimple: boolean): string {
  return isSimple ? `${pattern}...` : `(${pattern})...`;
}

/** The number of elements of a pack, for `sizeof...`. */
export class PackLength extends Node {
  constructor(private readonly pack: TemplateParameter) {
    super();
  }

  protected printLeft(out: Printer): void {
    const argument = this.pack.argument(out);
    out.add(`${argument instanceof Pack ? argument.nodes.length : 1}`);
  }
}

export const NOTHING = new NodeList([]);
