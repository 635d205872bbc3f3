/** Changes to files that Node has no calls for, by commands that POSIX and coreutils have: many of them in one shell. */

import { spawnSync } from 'node:child_process';
import { bytesOfText, byteTextOf, type ByteText } from './byte-text.js';

/** Commands that one shell performs. */
const COMMANDS_AT_ONCE = 500;

export interface HostCommand {
  readonly words: readonly (string | ByteText)[];
  /** The files that it makes or changes. */
  readonly paths: readonly ByteText[];
}

export interface FailedCommand {
  readonly paths: readonly ByteText[];
  /** The last line that was said on stderr. */
  readonly reason: string;
}

/** Performs commands in order, `atOnce` of them in each step of the caller. Words are passed on unchanged, whatever is in them. */
export function* performCommands(
  commands: readonly HostCommand[],
  atOnce = COMMANDS_AT_ONCE,
): Generator<void, FailedCommand[], undefined> {
  const failed: FailedCommand[] = [];
  for (let at = 0; at < commands.length; at += atOnce) {
    failed.push(...performSome(commands.slice(at, at + atOnce)));
    yield;
  }
  return failed;
}

function performSome(commands: readonly HostCommand[]): FailedCommand[] {
  const lines = commands.map(({ words }, i) => `${shellText(words)} </dev/null || echo ${i}\n`);
  const { stdout, stderr, error } = spawnSync('/bin/sh', [], {
    input: bytesOfText(lines.join('') as ByteText),
    env: { ...process.env, LC_ALL: 'C' },
    maxBuffer: Infinity,
  });
  if (error) return commands.map(({ paths }) => ({ paths, reason: error.message }));
  const reason = stderr.toString().trim().split('\n').at(-1)!;
  const numbers = stdout.toString().split('\n').filter((line) => line !== ''); // prettier-ignore
  return numbers.map((number) => ({ paths: commands[Number(number)]!.paths, reason }));
}

/** A command as a shell reads it, in bytes. */
export function shellText(words: readonly (string | ByteText)[]): ByteText {
  return words.map(quoted).join(' ') as ByteText;
}

/** POSIX.1-2017, Shell Command Language 2.2.2 "Single-Quotes". */
function quoted(word: string): string {
  const isBytes = !/[^\0-\xff]/.test(word);
  return `'${(isBytes ? word : byteTextOf(word)).replaceAll("'", `'\\''`)}'`;
}
