/** Longer names are not demangled: a mangled name of some bytes can stand for terabytes. */
const MAX_LENGTH = 2 ** 16;
const MAX_NODES = 2 ** 17;
const MAX_DEPTH = 400;

/** A name that is malformed, or too large. */
export class ManglingError extends Error {}

/** Which element of parameter packs is printed, while the pattern of an expansion is printed once for each. */
export interface PackElement {
  index: number;
  /** Number of elements, once a pack has been found in the pattern. */
  length: number | undefined;
}

/** The arguments of a template in whose signature nodes are printed. */
export interface TemplateScope<Argument> {
  readonly templateArguments: readonly Argument[];
  /** Where the template was named, and its arguments are printed. */
  readonly outer: TemplateScope<Argument> | undefined;
}

/** Where nodes are printed, within limits. */
export class DemangledText<Argument = unknown> {
  text = '';
  scope: TemplateScope<Argument> | undefined;
  pack: PackElement | undefined;
  /** The signature of a lambda is printed, whose template parameters are its `auto`. */
  inLambda = false;
  private depth = 0;
  private nodes = 0;

  add(text: string): void {
    this.text += text;
    if (this.text.length > MAX_LENGTH) throw new ManglingError();
  }

  get last(): string {
    return this.text.slice(-1);
  }

  /** Runs `print`, one level deeper. */
  within(print: () => void): void {
    if (++this.depth > MAX_DEPTH || ++this.nodes > MAX_NODES) throw new ManglingError();
    print();
    this.depth--;
  }

  /** Prints a comma before what `print` prints, if that is anything. */
  listed(isFirst: boolean, print: () => void): boolean {
    const before = this.text;
    if (!isFirst) this.add(', ');
    const { length } = this.text;
    print();
    if (this.text.length > length) return true;
    this.text = before;
    return false;
  }

  /** Prints an argument of the template: outside of it, and of expansions and lambdas in it. */
  outside(print: () => void): void {
    const { scope, pack, inLambda } = this;
    this.scope = scope?.outer;
    this.pack = undefined;
    this.inLambda = false;
    print();
    this.scope = scope;
    this.pack = pack;
    this.inLambda = inLambda;
  }
}
