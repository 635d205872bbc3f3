import { resolve } from 'node:path';
import type { InferredOptionTypes } from 'yargs';
import { isName, LARGEST_REGION_BYTES, MAX_MEMORY_BYTES, PAGE_SIZE } from '../../index.js';
import { isLinuxImage, scriptInterpreter } from '../../host/toolchain/image-file.js';
import { CPU_OPTION } from '../cpu-option.js';
import { Failure } from '../failure.js';
import {
  isOption,
  listed,
  oneOf,
  readOption,
  shownBy,
  type Option,
  type OptionReader,
  type OptionTable,
  type Shown,
} from '../options.js';
import { parseGdbAddress } from './gdb-address.js';
import { LINUX_OPTIONS } from '../linux/linux-options.js';
import { DEBUG_POLICIES } from './spurious-writes.js';
import { parseCount, parseSeconds, parseSize } from '../size.js';

/** The events that `--trace` logs. */
export const TRACES = ['calls', 'faults', 'traps', 'blocks'] as const;
export type Trace = (typeof TRACES)[number];

const ENGINES = ['auto', 'interpreter', 'evaluator'] as const;
const GDB_WAITS = ['yes', 'no'] as const;
const CLOCKS = ['free', 'real'] as const;
/** The levels of pino. */
const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export const DEFAULT_LIMIT = '1GB';
/** Of a Linux program, which lays out its memory as if it had all of it. */
export const LINUX_LIMIT = '508GB';
export const DEFAULT_MEMORY = '256MB';
export const DEFAULT_LOG_LEVEL = 'warn';

const REGION = { most: LARGEST_REGION_BYTES, what: 'a region' };
const MEMORY = { least: PAGE_SIZE, most: MAX_MEMORY_BYTES, what: 'guest memory' };

/** The options of `bd0 run`, as the help shows them and as they are read: `coerce` parses a value. */
export const RUN_OPTIONS = {
  limit: {
    alias: 'L',
    requiresArg: true,
    describe: "SIZE of the program's region: image, heap and stacks",
    defaultDescription: DEFAULT_LIMIT,
    coerce: (text: string): number => parseSize(text, '--limit', REGION),
  },
  memory: {
    alias: 'm',
    requiresArg: true,
    describe: 'SIZE of guest physical memory, at most 3.5GB',
    defaultDescription: DEFAULT_MEMORY,
    coerce: (text: string): number => parseSize(text, '--memory', MEMORY),
  },
  'write-back': {
    requiresArg: true,
    describe: 'SIZE of modified memory that may be moved out of guest memory when that is full; 0: none',
    defaultDescription: '4 times the memory',
    coerce: (text: string): number => parseSize(text, '--write-back', { least: 0 }),
  },
  'host-memory': {
    requiresArg: true,
    describe: "SIZE of the host's memory that processes, handles, names and other objects may take, about",
    defaultDescription: 'half the memory, at least 32MB',
    coerce: (text: string): number => parseSize(text, '--host-memory'),
  },
  root: {
    requiresArg: true,
    describe: 'DIR whose files guests see as names, to run, read and map; for Linux programs it is /',
    defaultDescription: 'the programs of bd0; for Linux the files of the host',
    coerce: (text: string): string => text,
  },
  ...LINUX_OPTIONS,
  store: {
    requiresArg: true,
    describe:
      'DIR of a durable store, for names that guests publish, and for translated code; IMAGE may be a NAME or an ID in it',
    coerce: (text: string): string => text,
  },
  cpu: CPU_OPTION,
  engine: {
    requiresArg: true,
    values: ENGINES,
    describe: `engine that runs the guest: ${listed(ENGINES)}`,
    defaultDescription: 'auto',
    coerce: (text: string) => oneOf(ENGINES, text, '--engine'),
  },
  'jit-threshold': {
    requiresArg: true,
    describe: 'N samples that find code running before it is translated; 0: translate at once',
    defaultDescription: 'when it pays',
    coerce: (text: string): number => parseCount(text, '--jit-threshold', 0),
  },
  'code-cache': {
    requiresArg: true,
    describe: 'DIR in which translated code is kept for the next run of the same program, or none',
    defaultDescription: "$BD0_CODE_CACHE, or bd0/code in the user's cache",
    coerce: (text: string): string => text,
  },
  clock: {
    requiresArg: true,
    values: CLOCKS,
    describe: "real: wait for idle time to pass on the host's clock; free: skip it",
    defaultDescription: 'real on a terminal',
    coerce: (text: string) => oneOf(CLOCKS, text, '--clock'),
  },
  'debug-mode': {
    alias: 'd',
    values: DEBUG_POLICIES,
    describe: `run IMAGE in debug mode; POLICY for writes outside its own memory: ${listed(DEBUG_POLICIES)}`,
    defaultDescription: 'kill',
    coerce: (text: string) => (text === '' ? 'kill' : oneOf(DEBUG_POLICIES, text, '--debug-mode')),
  },
  gdb: {
    requiresArg: true,
    describe: '[HOST:]PORT at which gdb or lldb can connect; PORT 0: any free one',
    coerce: parseGdbAddress,
  },
  'gdb-wait': {
    requiresArg: true,
    values: GDB_WAITS,
    describe: 'with --gdb: whether the program waits for the debugger, yes or no',
    defaultDescription: 'yes',
    coerce: (text: string) => oneOf(GDB_WAITS, text, '--gdb-wait'),
  },
  'snapshot-at': {
    requiresArg: true,
    takesTwo: true,
    describe: 'TICK NAME: save the whole machine in the store at that tick, for bd0 resume NAME',
    coerce: parseSnapshotAt,
  },
  record: {
    requiresArg: true,
    describe: 'FILE for a recording of the run, for bd0 replay FILE',
    coerce: (text: string): string => text,
  },
  stats: { boolean: true, describe: 'print counters to stderr at the end' },
  trace: {
    requiresArg: true,
    values: TRACES,
    describe: `WHAT[,WHAT] to log: ${listed(TRACES)} (guest code and the Wasm made from it)`,
    coerce: (text: string): Trace[] => text.split(',').map((what) => oneOf(TRACES, what, '--trace')),
  },
  'max-instructions': {
    requiresArg: true,
    describe: 'stop after N instructions, with exit code 124',
    coerce: (text: string): number => parseCount(text, '--max-instructions'),
  },
  timeout: {
    requiresArg: true,
    describe: 'stop after S seconds, with exit code 124',
    coerce: (text: string): number => parseSeconds(text, '--timeout'),
  },
  'log-level': {
    requiresArg: true,
    values: LOG_LEVELS,
    describe: `LEVEL of the log: ${listed(LOG_LEVELS)}`,
    defaultDescription: DEFAULT_LOG_LEVEL,
    coerce: (text: string) => oneOf(LOG_LEVELS, text, '--log-level'),
  },
  'log-file': {
    requiresArg: true,
    describe: 'FILE to append the log to, instead of stderr',
    coerce: (text: string): string => text,
  },
  json: { boolean: true, describe: 'print the result as one line of JSON to stderr' },
} as const satisfies OptionTable;

/** When to save the machine, and as what. */
export interface SnapshotAt {
  readonly tick: number;
  readonly name: string;
}

/** Reads `TICK NAME`. Throws Failure. */
export function parseSnapshotAt(text: string): SnapshotAt {
  const [tick = '', name = ''] = text.split(/ (.*)/s);
  if (!isName(name)) throw new Failure(`--snapshot-at: '${name}' cannot be a name`);
  return { tick: parseCount(tick, '--snapshot-at', 0), name };
}

/** The options that were given. */
export type RunOptions = Partial<InferredOptionTypes<typeof RUN_OPTIONS>>;

/** The words of `bd0 run [OPTIONS] IMAGE [OPTIONS] [--] [ARGS...]`. */
export interface RunRequest {
  readonly options: RunOptions;
  /** The help or the version is to be shown; nothing else counts. */
  readonly shown: Shown | undefined;
  readonly image: string | undefined;
  readonly guestArguments: readonly string[];
}

/**
 * Reads the words after `bd0 run`. Options of bd0 end at the first argument of the guest, or at `--`, or at an image that is a
 * Linux program or a script, which its interpreter runs. Throws Failure.
 */
export function readRunRequest(
  words: readonly string[],
  command = 'bd0 run',
  table: OptionTable = RUN_OPTIONS,
): RunRequest {
  const advice = command === 'bd0 shell' ? '' : " (put the program's own options after --)";
  const reader: OptionReader = { command, options: table, advice };
  const options: Record<string, unknown> = {};
  let image: string | undefined;
  let at = 0;
  while (at < words.length && words[at] !== '--') {
    const word = words[at]!;
    const shown = shownBy(word);
    if (shown !== undefined) return { options, shown, image, guestArguments: [] };
    if (isOption(word)) {
      const { name, value, next } = readOption(words, at, reader);
      const before = (options[name] as unknown[] | undefined) ?? [];
      options[name] = table[name]!.repeats ? [...before, value] : value;
      at = next;
    } else if (image === undefined) {
      image = word;
      at++;
      if (isLinuxImage(image, rootOf(options)) || scriptInterpreter(image, rootOf(options))) break;
    } else break;
  }
  const rest = words.slice(words[at] === '--' ? at + 1 : at);
  image ??= rest.shift();
  const script = image === undefined ? undefined : scriptInterpreter(image, rootOf(options));
  if (!script) return { options, shown: undefined, image, guestArguments: rest };
  // Where the program starts elsewhere, a relative path would not be found.
  const path = options['cwd'] === undefined ? image! : resolve(image!);
  return { options, shown: undefined, image: script[0], guestArguments: [...script.slice(1), path, ...rest] };
}

const rootOf = (options: Readonly<Record<string, unknown>>): string | undefined =>
  options['root'] as string | undefined;

/** Whether --json is among the words before IMAGE and its arguments, even if others of them are wrong. */
export function asksForJson(words: readonly string[]): boolean {
  let image: string | undefined;
  for (let at = 0; at < words.length && words[at] !== '--'; at++) {
    const word = words[at]!;
    if (word === '--json') return true;
    if (isOption(word)) at += wordsTakenBy(word);
    else if (image === undefined) image = word;
    else return false;
  }
  return false;
}

/** How many words after an option are its value, so that they are not IMAGE. */
function wordsTakenBy(word: string): number {
  const known = Object.entries<Option>(RUN_OPTIONS).find(
    ([name, { alias }]) => word === `--${name}` || word === `-${String(alias)}`,
  );
  if (known?.[1].requiresArg !== true) return word.startsWith('--snapshot-at=') ? 1 : 0;
  return known[1].takesTwo === true ? 2 : 1;
}
