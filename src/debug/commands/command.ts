import { CommandError } from './command-error.js';
import type { DebugSession } from './session.js';

/** A command of the debugger. */
export interface Command {
  /** Its name and parameters: `break [LOCATION] [if CONDITION]`. */
  readonly usage: string;
  /** Abbreviations that stand for it although they are not unique. */
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** Executes it with what follows its name, and returns the lines to show. Throws CommandError. */
  run(session: DebugSession, rest: string): readonly string[] | void;
}

export function nameOf({ usage }: Command): string {
  return usage.split(/[ [/]/)[0]!;
}

/** The one of some names that a word is, or is the beginning of. Throws CommandError. */
export function uniqueName(word: string, names: readonly string[], what: string): string {
  if (names.includes(word)) return word;
  const found = names.filter((name) => name.startsWith(word));
  if (found.length === 1) return found[0]!;
  if (found.length > 1) throw new CommandError(`'${word}' is ambiguous: ${found.join(', ')}`);
  throw new CommandError(`unknown ${what} '${word}': ${what === 'command' ? 'help lists them' : names.join(', ')}`);
}

/** Throws CommandError if a command without parameters got some. */
export function expectNone(name: string, rest: string): void {
  if (rest !== '') throw new CommandError(`${name} takes no arguments`);
}

/** Parses `EXPRESSION[,LENGTH]`. */
export function addressAndLength(
  session: DebugSession,
  text: string,
): { readonly address: bigint; readonly length: number | undefined } {
  const comma = text.lastIndexOf(',');
  const address = session.value(comma < 0 ? text : text.slice(0, comma));
  if (comma < 0) return { address, length: undefined };
  const length = session.value(text.slice(comma + 1));
  if (length === 0n || length > 2n ** 32n) throw new CommandError(`the length ${length} is not 1 to 2^32`);
  return { address, length: Number(length) };
}

/** A count, which is an expression; 1 if there is none. */
export function countOf(session: DebugSession, rest: string): number {
  if (rest === '') return 1;
  const count = session.value(rest);
  if (count === 0n || count > 2n ** 32n) throw new CommandError(`a count is 1 to 2^32, not ${count}`);
  return Number(count);
}
