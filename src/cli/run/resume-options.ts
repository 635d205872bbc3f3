import { Failure } from '../failure.js';
import { readOptions, type Option, type Shown } from '../options.js';
import { RUN_OPTIONS, type RunOptions } from './run-options.js';

/** Options of `bd0 run` for what is part of a saved machine. */
const SAVED = ['limit', 'memory', 'write-back', 'host-memory', 'clock', 'cpu'];

/** The options of `bd0 resume`. */
export const RESUME_OPTIONS: Readonly<Record<string, Option>> = Object.fromEntries(
  Object.entries(RUN_OPTIONS).filter(([name]) => !SAVED.includes(name)),
);

/** The words of `bd0 resume`. */
export interface ResumeRequest {
  readonly options: RunOptions;
  readonly shown: Shown | undefined;
  readonly name: string;
}

/** Reads the words after `bd0 resume`. Throws Failure. */
export function readResumeRequest(given: readonly string[]): ResumeRequest {
  const { options, words, shown } = readOptions(given, { command: 'bd0 resume', options: RESUME_OPTIONS });
  const [name = '', ...others] = words;
  if (shown === undefined && (name === '' || others.length > 0))
    throw new Failure('bd0 resume needs one NAME: bd0 resume --help shows how');
  return { options: options as RunOptions, shown, name };
}
