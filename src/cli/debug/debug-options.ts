import { Failure } from '../failure.js';
import type { Option, OptionTable } from '../options.js';
import { parseSize } from '../size.js';
import { readRunRequest, RUN_OPTIONS, type RunOptions, type RunRequest } from '../run/run-options.js';

/** Options of `bd0 run` that a debugged run does not have. */
const NOT_FOR_DEBUG = ['gdb', 'gdb-wait', 'json', 'max-instructions', 'snapshot-at'];

const COMMAND_OPTIONS = {
  command: {
    requiresArg: true,
    repeats: true,
    describe: 'COMMAND to execute; may be given several times',
    coerce: (text: string): string => text,
  },
  script: {
    alias: 'x',
    requiresArg: true,
    describe: 'FILE of commands, which are executed before those of --command',
    coerce: (text: string): string => text,
  },
  line: { boolean: true, describe: 'read commands from stdin, after those of -x and --command' },
  history: {
    requiresArg: true,
    describe: 'SIZE of the memory for the history, which reverse-continue, goto and who use',
    defaultDescription: '256MB',
    coerce: (text: string): number => parseSize(text, '--history'),
  },
} as const satisfies OptionTable;

/** The options of `bd0 debug`. */
export const DEBUG_OPTIONS: Readonly<Record<string, Option>> = {
  ...COMMAND_OPTIONS,
  ...Object.fromEntries(Object.entries(RUN_OPTIONS).filter(([name]) => !NOT_FOR_DEBUG.includes(name))),
};

/** The words of `bd0 debug`. */
export interface DebugRequest extends RunRequest {
  readonly options: RunOptions & {
    readonly command?: readonly string[];
    readonly script?: string;
    readonly line?: boolean;
    readonly history?: number;
  };
}

/** Reads the words after `bd0 debug`. Throws Failure. */
export function readDebugRequest(words: readonly string[]): DebugRequest {
  const request = readRunRequest(words, 'bd0 debug', DEBUG_OPTIONS);
  if (request.shown === undefined && request.image === undefined)
    throw new Failure('bd0 debug needs an IMAGE: bd0 debug --help shows how');
  return request;
}
