import type { InferredOptionTypes, Options } from 'yargs';
import { DEFAULT_TRANSLATION_THRESHOLD } from '../../index.js';
import { Failure } from '../failure.js';
import { DEBUG_POLICIES } from './spurious-writes.js';
import { parseCount, parseSeconds, parseSize } from '../size.js';

/** What `--trace` knows. */
export const TRACES = ['calls', 'faults', 'blocks'] as const;
export type Trace = (typeof TRACES)[number];

const ENGINES = ['auto', 'interpreter', 'evaluator'] as const;
const CLOCKS = ['free', 'real'] as const;
/** The levels of pino. */
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export const DEFAULT_LIMIT = '1GB';
export const DEFAULT_MEMORY = '256MB';
export const DEFAULT_LOG_LEVEL = 'warn';

/** The options of `bd0 run`, as yargs shows them and as they are read: `coerce` makes a value of a text. */
export const RUN_OPTIONS = {
  limit: {
    alias: 'L',
    requiresArg: true,
    describe: "SIZE of the process's region",
    defaultDescription: DEFAULT_LIMIT,
    coerce: (text: string): number => parseSize(text, '--limit'),
  },
  memory: {
    alias: 'm',
    requiresArg: true,
    describe: 'SIZE of guest physical memory',
    defaultDescription: DEFAULT_MEMORY,
    coerce: (text: string): number => parseSize(text, '--memory'),
  },
  'write-back': {
    requiresArg: true,
    describe: 'SIZE of written memory that may leave guest memory when that is full; 0: none',
    defaultDescription: '4 times the memory',
    coerce: (text: string): number => parseSize(text, '--write-back', 0),
  },
  root: {
    requiresArg: true,
    describe: 'DIR whose files are the names that guests see, to run, read and map',
    defaultDescription: "bd0's own guests",
    coerce: (text: string): string => text,
  },
  store: {
    requiresArg: true,
    describe:
      'DIR of a durable store: guests publish names there; IMAGE may be one, or an ID; translated code is kept there',
    coerce: (text: string): string => text,
  },
  engine: {
    requiresArg: true,
    describe: `which engine runs the guest: ${ENGINES.join(', ')}`,
    defaultDescription: 'auto',
    coerce: (text: string) => oneOf(ENGINES, text, '--engine'),
  },
  'jit-threshold': {
    requiresArg: true,
    describe: 'how often code is found running before it is translated; 0: at once',
    defaultDescription: String(DEFAULT_TRANSLATION_THRESHOLD),
    coerce: (text: string): number => parseCount(text, '--jit-threshold', 0),
  },
  clock: {
    requiresArg: true,
    describe: "real: wait out idle time on the host's clock; free: do not",
    defaultDescription: 'real on a terminal',
    coerce: (text: string) => oneOf(CLOCKS, text, '--clock'),
  },
  'debug-mode': {
    alias: 'd',
    describe: `start IMAGE in debug mode; a write outside its own memory is fatal, or as POLICY says: ${DEBUG_POLICIES.join(', ')}`,
    defaultDescription: 'kill',
    coerce: (text: string) => (text === '' ? 'kill' : oneOf(DEBUG_POLICIES, text, '--debug-mode')),
  },
  stats: { boolean: true, describe: 'counters of machine and translator on stderr at the end' },
  trace: {
    requiresArg: true,
    describe: `WHAT[,WHAT] to log as it happens: ${TRACES.join(', ')} (guest code and the Wasm it became)`,
    coerce: (text: string): Trace[] => text.split(',').map((what) => oneOf(TRACES, what, '--trace')),
  },
  'max-instructions': {
    requiresArg: true,
    describe: 'stop after N instructions, exit 124',
    coerce: (text: string): number => parseCount(text, '--max-instructions'),
  },
  timeout: {
    requiresArg: true,
    describe: 'stop after S seconds, exit 124',
    coerce: (text: string): number => parseSeconds(text, '--timeout'),
  },
  'log-level': {
    requiresArg: true,
    describe: LOG_LEVELS.join(', '),
    defaultDescription: DEFAULT_LOG_LEVEL,
    coerce: (text: string) => oneOf(LOG_LEVELS, text, '--log-level'),
  },
  'log-file': {
    requiresArg: true,
    describe: 'FILE that the log is appended to, instead of stderr',
    coerce: (text: string): string => text,
  },
  json: { boolean: true, describe: 'the result as one line of JSON, on stderr' },
} as const satisfies Record<string, Options>;

type OptionName = keyof typeof RUN_OPTIONS;

/** What was given; what was not is absent. */
export type RunOptions = Partial<InferredOptionTypes<typeof RUN_OPTIONS>>;

/** `bd0 run [OPTIONS] IMAGE [OPTIONS] [--] [ARGS...]`, taken apart. */
export interface RunRequest {
  readonly options: RunOptions;
  /** Help is asked for; nothing else counts. */
  readonly help: boolean;
  readonly image: string | undefined;
  readonly guestArguments: readonly string[];
}

/**
 * Reads the words behind `bd0 run`. Options of bd0 end at the first argument of the guest, or at `--`, which yargs has no
 * notion of; and it would take 65 ms to say so.
 */
export function readRunRequest(words: readonly string[]): RunRequest {
  const options: Record<string, unknown> = {};
  let image: string | undefined;
  let at = 0;
  for (; at < words.length && words[at] !== '--'; at++) {
    const word = words[at]!;
    if (word === '--help' || word === '-h') return { options, help: true, image, guestArguments: [] };
    if (word.startsWith('-') && word !== '-') {
      const { name, text } = readOption(word);
      if (!takesValue(name)) options[name] = valueInWord(name, text);
      else options[name] = valueOf(name, text ?? words[++at]);
    } else if (image === undefined) image = word;
    else break;
  }
  const rest = words.slice(words[at] === '--' ? at + 1 : at);
  image ??= rest.shift();
  return { options, help: false, image, guestArguments: rest };
}

/** The option that a word names, and the value that stands in the same word: `--limit=1GB`, `-L1GB`, `-L=1GB`. */
function readOption(word: string): { name: OptionName; text: string | undefined } {
  const long = /^--([^=]+)(?:=(.*))?$/s.exec(word);
  const name = long ? long[1]! : nameOfLetter(word[1]!);
  if (name === undefined || !Object.hasOwn(RUN_OPTIONS, name))
    throw new Failure(`unknown option '${word}': bd0 run --help lists them; arguments of the guest go behind --`);
  const text = long ? long[2] : word.slice(2).replace(/^=/, '') || undefined;
  if (text !== undefined && !('coerce' in RUN_OPTIONS[name as OptionName]))
    throw new Failure(`--${name} takes no value: '${word}'`);
  return { name: name as OptionName, text };
}

function nameOfLetter(letter: string): string | undefined {
  return Object.entries(RUN_OPTIONS).find(([, option]) => 'alias' in option && option.alias === letter)?.[0];
}

function takesValue(name: OptionName): boolean {
  return 'requiresArg' in RUN_OPTIONS[name];
}

/** Of an option that needs no value. */
function valueInWord(name: OptionName, text = ''): unknown {
  const option = RUN_OPTIONS[name];
  return 'coerce' in option ? option.coerce(text) : true;
}

function valueOf(name: OptionName, text: string | undefined): unknown {
  const option = RUN_OPTIONS[name];
  if (text === undefined || text === '') throw new Failure(`--${name} needs a value: bd0 run --help tells which`);
  return 'coerce' in option ? option.coerce(text) : text;
}

function oneOf<T extends string>(known: readonly T[], text: string, option: string): T {
  const found = known.find((name) => name === text);
  if (found === undefined) throw new Failure(`${option} does not know '${text}': it is one of ${known.join(', ')}`);
  return found;
}
