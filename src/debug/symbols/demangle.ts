/** C++ names as programmers write them: Itanium C++ ABI 5.1 "External Names (a.k.a. Mangling)", as GNU c++filt writes them. */

import { ManglingError } from './demangled-text.js';
import { ExpressionParser } from './expression-parser.js';
import { Printer } from './nodes.js';

/** Longer mangled names are not read. */
const MAX_LENGTH = 2 ** 14;

/** What compilers append to names of parts and copies of functions. */
const CLONE = /^\.([A-Za-z_]+)((?:\.[0-9]+)*)/;

/**
 * The C++ name for a name of a symbol table, such as `shop::sell(int)` for `_ZN4shop4sellEi`. Other names, malformed ones, and
 * those that stand for a very long text are returned as they are.
 */
export function demangled(name: string): string {
  if (!name.startsWith('_Z') || name.length > MAX_LENGTH) return name;
  try {
    const parser = new ExpressionParser(name.slice(2));
    const node = parser.encoding();
    const out = new Printer();
    node.print(out);
    return out.text + clones(parser.rest);
  } catch (error) {
    if (error instanceof ManglingError) return name;
    throw error;
  }
}

function clones(suffixes: string): string {
  let text = '';
  for (let rest = suffixes; rest !== '';) {
    const found = CLONE.exec(rest);
    if (!found) throw new ManglingError();
    text += ` [clone ${found[0]}]`;
    rest = rest.slice(found[0].length);
  }
  return text;
}
