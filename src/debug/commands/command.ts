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

/** Parses `ADDRESS[,LENGTH]`, or of other things: `ADDRESS[,COUNT]`. */
export function addressAndLength(
  session: DebugSession,
  text: string,
  what = 'length',
): { readonly address: bigint; readonly length: number | undefined } {
  const comma = text.lastIndexOf(',');
  const address = addressOf(session, comma < 0 ? text : text.slice(0, comma));
  return { address, length: comma < 0 ? undefined : positive(session, text.slice(comma + 1), what) };
}

/** A count, which is an expression; 1 if there is none. */
export function countOf(session: DebugSession, rest: string): number {
  return rest === '' ? 1 : positive(session, rest, 'count');
}

/** The value of an expression as an address. Throws CommandError for a negative number. */
export function addressOf(session: DebugSession, text: string): bigint {
  const address = session.value(text);
  if (/^\s*-/.test(text)) throw new CommandError(`'${text.trim()}' is no address: it is negative`);
  return address;
}

/** The value of an expression as the number of something, such as a thread. Throws CommandError for a negative or huge one. */
export function numberOf(session: DebugSession, text: string, what: string): number {
  const value = BigInt.asIntN(64, session.value(text));
  if (value >= 0n && value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw new CommandError(`'${text.trim()}' is no ${what}`);
}

function positive(session: DebugSession, text: string, what: string): number {
  const value = BigInt.asIntN(64, session.value(text));
  if (value >= 1n && value <= 2n ** 32n) return Number(value);
  throw new CommandError(`the ${what} '${text.trim()}' is not 1 to 2^32`);
}
