import { InArgument, Node, type NodeList, type Printer, type Shape } from './nodes.js';

/** `const`, `volatile` and the like behind a type, or behind the parameters of a function type. */
export class Qualified extends Node {
  constructor(
    private readonly type: Node,
    /** Each after a space. */
    private readonly qualifiers: string,
  ) {
    super();
  }

  protected printLeft(out: Printer): void {
    this.type.left(out);
    if (this.type.shape(out) !== 'function') out.add(this.added(out));
  }

  /** The qualifiers that an argument does not have already. */
  private added(out: Printer): string {
    const argument = this.type.resolved(out);
    if (!(argument instanceof Qualified)) return this.qualifiers;
    const has = argument.qualifiers.split(' ');
    return this.qualifiers.replace(/ [a-z]+/g, (each) => (has.includes(each.slice(1)) ? '' : each));
  }

  protected override printRight(out: Printer): void {
    this.type.right(out);
    if (this.type.shape(out) === 'function') out.add(this.qualifiers);
  }

  override shape(out: Printer): Shape {
    return this.type.shape(out);
  }

  override opens(out: Printer): boolean {
    return this.type.opens(out);
  }
}

/** Whether a pointer to a type opens a parenthesis, or the type does. */
function opensAround(type: Node, out: Printer): boolean {
  return type.shape(out) !== 'plain' || type.opens(out);
}

/** What opens around a pointer to a type of a shape. */
function opening(shape: Shape): string {
  return shape === 'array' ? ' (' : shape === 'function' ? '(' : '';
}

/** A pointer or a reference. */
export class Pointer extends Node {
  constructor(
    private readonly type: Node,
    private readonly sign: '*' | '&' | '&&',
  ) {
    super();
  }

  /** What it refers to, and how: a reference to an argument that is a reference is one of them. */
  private collapsed(out: Printer): { readonly type: Node; readonly sign: string } {
    const { type, sign } = this;
    const argument = sign === '*' ? type : type.resolved(out);
    if (!(argument instanceof Pointer) || argument.sign === '*' || argument === type) return { type, sign };
    let inner = { type: argument.type, sign: argument.sign as string };
    out.within(() => out.outside(() => (inner = argument.collapsed(out))));
    return { type: new InArgument(inner.type), sign: sign === '&&' ? inner.sign : '&' };
  }

  protected printLeft(out: Printer): void {
    const { type, sign } = this.collapsed(out);
    type.left(out);
    out.add(opening(type.shape(out)) + sign);
  }

  protected override printRight(out: Printer): void {
    const { type } = this.collapsed(out);
    if (type.shape(out) !== 'plain') out.add(')');
    type.right(out);
  }

  override opens(out: Printer): boolean {
    return opensAround(this.collapsed(out).type, out);
  }
}

/** A pointer to a member of a class. */
export class MemberPointer extends Node {
  constructor(
    private readonly owner: Node,
    private readonly type: Node,
  ) {
    super();
  }

  protected printLeft(out: Printer): void {
    this.type.left(out);
    out.add(opening(this.type.shape(out)) || ' ');
    this.owner.print(out);
    out.add('::*');
  }

  protected override printRight(out: Printer): void {
    if (this.type.shape(out) !== 'plain') out.add(')');
    this.type.right(out);
  }

  override opens(out: Printer): boolean {
    return opensAround(this.type, out);
  }
}

/** `type [length]` */
export class ArrayType extends Node {
  constructor(
    private readonly type: Node,
    private readonly length: Node,
  ) {
    super();
  }

  protected printLeft(out: Printer): void {
    this.type.left(out);
  }

  protected override printRight(out: Printer): void {
    out.add(out.last === ']' ? '[' : ' [');
    this.length.print(out);
    out.add(']');
    this.type.right(out);
  }

  override shape(): Shape {
    return 'array';
  }
}

/** What a function takes and returns. */
export class FunctionType extends Node {
  constructor(
    readonly returned: Node | undefined,
    private readonly parameters: NodeList,
    /** Behind the parameters, such as ` const & noexcept`. */
    private readonly suffix: Node | undefined = undefined,
  ) {
    super();
  }

  protected printLeft(out: Printer): void {
    this.returned?.left(out);
    if (this.returned && !this.returned.opens(out)) out.add(' ');
  }

  protected override printRight(out: Printer): void {
    this.printParameters(out);
    this.returned?.right(out);
  }

  /** The parameters, and what stands behind them. */
  printParameters(out: Printer): void {
    out.add('(');
    this.parameters.print(out);
    out.add(')');
    this.suffix?.print(out);
  }

  override shape(): Shape {
    return 'function';
  }
}

/** A function with its name. */
export class FunctionName extends Node {
  constructor(
    readonly name: Node,
    private readonly type: FunctionType,
    /** Of member functions, such as ` const`. */
    private readonly qualifiers: string,
    /** Of the template that the function is made from, if it is. */
    private readonly templateArguments: readonly Node[] | undefined,
  ) {
    super();
  }

  protected printLeft(out: Printer): void {
    const { templateArguments } = this;
    const outer = out.scope;
    if (templateArguments) out.scope = { templateArguments, outer };
    this.type.left(out);
    this.name.print(out);
    this.type.printParameters(out);
    out.add(this.qualifiers);
    this.type.returned?.right(out);
    out.scope = outer;
  }
}
