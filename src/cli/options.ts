/** How the words of a command line become options: the same rules, and the same messages, for every command. */
import type { Options } from 'yargs';
import { nearest } from '../host/nearest.js';
import { Failure } from './failure.js';

/** An option, as yargs shows it in the help and as it is read. It takes a value if `requiresArg` or `coerce` says so. */
export interface Option extends Options {
  /** The values that it may have, or that a list of it may contain; else any text that `coerce` accepts. */
  readonly values?: readonly string[];
  /** It may be given several times: its value is the list of all. */
  readonly repeats?: true;
  /** Whether the value consists of two words, which `coerce` gets with a space between them. */
  readonly takesTwo?: true;
}

export type OptionTable = Readonly<Record<string, Option>>;

/** A command, as far as reading its options and messages about them need it. */
export interface OptionReader {
  /** With `bd0`: `bd0 vmo ls`. */
  readonly command: string;
  readonly options: OptionTable;
  /** Added to the message about an unknown option. */
  readonly advice?: string;
}

/** Words that show something instead of performing the command, wherever options may stand. */
export type Shown = 'help' | 'version';
const SHOWN: Readonly<Record<string, Shown>> = {
  '--help': 'help',
  '-h': 'help',
  '--version': 'version',
  '-V': 'version',
};

/** Whether a word shows the help or the version. */
export function shownBy(word: string): Shown | undefined {
  return Object.hasOwn(SHOWN, word) ? SHOWN[word] : undefined;
}

/** Whether a word is an option: `-` alone is a file, standard input. */
export function isOption(word: string): boolean {
  return word.startsWith('-') && word !== '-';
}

/** The options, and all other words, of a command whose options may stand anywhere before `--`. */
export interface Reading {
  readonly options: Readonly<Record<string, unknown>>;
  readonly words: readonly string[];
  /** The help or the version is to be shown; nothing else counts. */
  readonly shown: Shown | undefined;
}

/** Reads all words of a command. Options that are not given have their default, if there is one. Throws Failure. */
export function readOptions(given: readonly string[], reader: OptionReader): Reading {
  const options: Record<string, unknown> = {};
  for (const [name, { default: value }] of Object.entries(reader.options))
    if (value !== undefined) options[name] = value;
  const words: string[] = [];
  let at = 0;
  while (at < given.length && given[at] !== '--') {
    const word = given[at]!;
    const shown = shownBy(word);
    if (shown !== undefined) return { options, words, shown };
    if (!isOption(word)) {
      words.push(word);
      at++;
      continue;
    }
    const { name, value, next } = readOption(given, at, reader);
    const before = (options[name] ?? []) as readonly unknown[];
    options[name] = reader.options[name]!.repeats ? [...before, value] : value;
    at = next;
  }
  words.push(...given.slice(at + 1));
  return { options, words, shown: undefined };
}

/** An option that was read. */
export interface ReadOption {
  readonly name: string;
  readonly value: unknown;
  /** Where the words after the option and its value begin. */
  readonly next: number;
}

/**
 * Reads the option at words[at]: `--limit=1GB`, `--limit 1GB`, `-L1GB`, `-L=1GB`, `-L 1GB`. An optional value must be in the
 * same word. `--no-times` turns off what is on by default. Throws Failure.
 */
export function readOption(words: readonly string[], at: number, reader: OptionReader): ReadOption {
  const word = words[at]!;
  const negated = /^--no-(.+)$/.exec(word)?.[1];
  if (negated !== undefined && reader.options[negated]?.default === true)
    return { name: negated, value: false, next: at + 1 };
  const { name, text } = splitOption(word, reader);
  const option = reader.options[name]!;
  const { coerce } = option as { coerce?: (text: string) => unknown };
  if (option.requiresArg !== true) {
    if (text !== undefined && coerce === undefined) throw new Failure(`--${name} takes no value: '${word}'`);
    return { name, value: coerce === undefined ? true : coerce(text ?? ''), next: at + 1 };
  }
  const isInWord = text !== undefined;
  const value = isInWord ? text : words[at + 1];
  if (value === undefined || value === '')
    throw new Failure(`--${name} needs a value: ${reader.command} --help shows which`);
  if (!isInWord && isKnownOption(value, reader))
    throw new Failure(
      `--${name} needs a value, and '${value}' is an option: write --${name}=${value} to use it as one`,
    );
  const next = isInWord ? at + 1 : at + 2;
  if (option.takesTwo === true) {
    const second = words[next];
    if (second === undefined || isKnownOption(second, reader))
      throw new Failure(`--${name} needs two values: ${reader.command} --help shows which`);
    return { name, value: coerce!(`${value} ${second}`), next: next + 1 };
  }
  return { name, value: coerce === undefined ? value : coerce(value), next };
}

/** The name of an option, and its value if that is in the same word. */
function splitOption(word: string, reader: OptionReader): { name: string; text: string | undefined } {
  const long = /^--([^=]+)(?:=(.*))?$/s.exec(word);
  if (long && Object.hasOwn(reader.options, long[1]!)) return { name: long[1]!, text: long[2] };
  const name = long ? undefined : nameOfLetter(word[1]!, reader.options);
  if (name !== undefined) return { name, text: word.slice(2).replace(/^=/, '') || undefined };
  const meant = long ? nearest(long[1]!, [...Object.keys(reader.options), 'help', 'version']) : undefined;
  const help = `${reader.command} --help lists the options`;
  throw new Failure(
    `unknown option '${word}': ${meant === undefined ? help : `did you mean '--${meant}'?`}${reader.advice ?? ''}`,
  );
}

function nameOfLetter(letter: string, options: OptionTable): string | undefined {
  return Object.entries(options).find(([, { alias }]) => alias === letter)?.[0];
}

function isKnownOption(word: string, { options }: OptionReader): boolean {
  const long = /^--([^=]+)/.exec(word);
  if (long) return Object.hasOwn(options, long[1]!) || shownBy(word) !== undefined;
  return /^-[A-Za-z]$/.test(word) && (nameOfLetter(word[1]!, options) !== undefined || shownBy(word) !== undefined);
}

/** One of the known values. Throws Failure. */
export function oneOf<T extends string>(known: readonly T[], text: string, option: string): T {
  const found = known.find((name) => name === text);
  if (found !== undefined) return found;
  const meant = nearest(text, known);
  throw new Failure(
    `${option} cannot be '${text}': ${meant === undefined ? `choose ${listed(known)}` : `did you mean '${meant}'?`}`,
  );
}

/** `a, b or c`. */
export function listed(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)!}`;
}
