import { Failure } from '../failure.js';
import { BOOT_OPTIONS } from '../boot/boot-options.js';
import { readOptions, type Option, type OptionTable, type Shown } from '../options.js';
import { RUN_OPTIONS, type RunOptions } from '../run/run-options.js';

function optionsOfRun(names: readonly string[]): Readonly<Record<string, Option>> {
  return Object.fromEntries(Object.entries(RUN_OPTIONS).filter(([name]) => names.includes(name)));
}

/** The options of `bd0 replay`. */
export const REPLAY_OPTIONS: OptionTable = {
  ...optionsOfRun(['engine', 'jit-threshold', 'gdb', 'gdb-wait']),
  symbols: BOOT_OPTIONS.symbols,
};

/** The options of `bd0 diff-trace`. */
export const DIFF_TRACE_OPTIONS = optionsOfRun(['engine', 'jit-threshold']);

/** Options of a replay, as `bd0 run` has them. */
export type ReplayRunOptions = Pick<RunOptions, 'engine' | 'jit-threshold' | 'gdb' | 'gdb-wait'> & {
  /** Of a kernel. */
  readonly symbols?: string;
};

/** What a command prints, and its exit code. */
export interface ReplayResult {
  readonly text: string;
  readonly exitCode: number;
}

/** Reads the words after `bd0 replay`. Throws Failure. */
export function readReplayRequest(given: readonly string[]): {
  readonly file: string;
  readonly options: ReplayRunOptions;
  readonly shown: Shown | undefined;
} {
  const { options, words, shown } = readOptions(given, { command: 'bd0 replay', options: REPLAY_OPTIONS });
  const [file = '', ...others] = words;
  if (shown === undefined && (file === '' || others.length > 0))
    throw new Failure('bd0 replay needs one FILE: bd0 replay --help shows how');
  return { file, options: options as ReplayRunOptions, shown };
}

/** Reads the words after `bd0 diff-trace`. Throws Failure. */
export function readDiffTraceRequest(given: readonly string[]): {
  readonly files: readonly [string, string];
  readonly options: ReplayRunOptions;
  readonly shown: Shown | undefined;
} {
  const { options, words, shown } = readOptions(given, { command: 'bd0 diff-trace', options: DIFF_TRACE_OPTIONS });
  const [first = '', second = '', ...others] = words;
  if (shown === undefined && (second === '' || others.length > 0))
    throw new Failure('bd0 diff-trace needs two FILEs: bd0 diff-trace --help shows how');
  return { files: [first, second], options: options as ReplayRunOptions, shown };
}
