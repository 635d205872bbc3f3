import { ManglingError } from './demangled-text.js';
import type { Node } from './nodes.js';

/** Deeper names are not demangled. */
const MAX_DEPTH = 200;

/** A mangled name, read from its start to its end. */
export class MangledText {
  protected at = 0;
  protected depth = 0;
  /** What later parts of the name refer to by number. */
  protected substitutions: Node[] = [];

  constructor(private readonly text: string) {}

  get isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  /** The rest, which is no part of the name. */
  get rest(): string {
    return this.text.slice(this.at);
  }

  protected sees(text: string): boolean {
    return this.text.startsWith(text, this.at);
  }

  /** Passes over `text`, if it comes next. */
  protected took(text: string): boolean {
    if (!this.sees(text)) return false;
    this.at += text.length;
    return true;
  }

  protected expect(text: string): void {
    if (!this.took(text)) throw new ManglingError();
  }

  /** The next characters, without passing over them; fewer at the end. */
  protected peek(length = 1): string {
    return this.text.substr(this.at, length);
  }

  protected next(length: number): string {
    const text = this.peek(length);
    if (text.length < length) throw new ManglingError();
    this.at += length;
    return text;
  }

  /** The characters up to `end`, and passes over that. */
  protected until(end: string): string {
    const at = this.text.indexOf(end, this.at);
    if (at < 0) throw new ManglingError();
    const text = this.text.slice(this.at, at);
    this.at = at + end.length;
    return text;
  }

  /** Digits, as many as there are. */
  protected digits(): string {
    const start = this.at;
    while (/[0-9]/.test(this.peek())) this.at++;
    return this.text.slice(start, this.at);
  }

  /** A number that may be negative. */
  protected number(): string {
    const sign = this.took('n') ? '-' : '';
    return sign + this.digits();
  }

  /** `_` is 0, `0_` is 1, and so on, in base 10 or 36. */
  protected ordinal(base: 10 | 36 = 10): number {
    const text = this.until('_');
    if (text === '') return 0;
    if (!(base === 10 ? /^[0-9]{1,6}$/ : /^[0-9A-Z]{1,6}$/).test(text)) throw new ManglingError();
    return parseInt(text, base) + 1;
  }

  /** What `read` reads, one level deeper. */
  protected within<T>(read: () => T): T {
    if (++this.depth > MAX_DEPTH) throw new ManglingError();
    const found = read();
    this.depth--;
    return found;
  }

  /** What `read` reads, as often as `end` does not come; passes over `end`. */
  protected list(end: string, read: () => Node): Node[] {
    const nodes: Node[] = [];
    while (!this.took(end)) {
      if (this.isAtEnd) throw new ManglingError();
      nodes.push(read());
    }
    return nodes;
  }

  /** Later parts of the name can refer to a node. */
  protected remembered(node: Node): Node {
    this.substitutions.push(node);
    return node;
  }
}
