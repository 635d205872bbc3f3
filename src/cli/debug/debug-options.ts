import { readFileSync } from 'node:fs';
import { BootError, bootProtocolOf } from '../../index.js';
import { isSystemError } from '../../host/failure.js';
import { isFile } from '../../host/toolchain/image-file.js';
import { BOOT_OPTIONS, bootRequestOf, type BootRequest } from '../boot/boot-options.js';
import { Failure } from '../failure.js';
import { isOption, readOption, readOptions, shownBy, type Option, type OptionTable } from '../options.js';
import { parseSize } from '../size.js';
import { readRunRequest, RUN_OPTIONS, type RunOptions, type RunRequest } from '../run/run-options.js';

/** Options of `bd0 run` and `bd0 boot` that a debugged run does not have. */
const NOT_FOR_DEBUG = ['gdb', 'gdb-wait', 'json', 'max-instructions', 'snapshot-at'];

function forDebug(table: OptionTable): OptionTable {
  return Object.fromEntries(Object.entries(table).filter(([name]) => !NOT_FOR_DEBUG.includes(name)));
}

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

/** The options of `bd0 debug` with a program, and with a kernel. */
export const DEBUG_OPTIONS: Readonly<Record<string, Option>> = { ...forDebug(RUN_OPTIONS), ...COMMAND_OPTIONS };
const KERNEL_OPTIONS: OptionTable = { ...forDebug(BOOT_OPTIONS), ...COMMAND_OPTIONS };

/** Where commands come from. */
export interface CommandRequest {
  readonly command?: readonly string[];
  readonly script?: string;
  readonly line?: boolean;
}

/** The words of `bd0 debug` with a program. */
export interface DebugRequest extends RunRequest {
  readonly options: RunOptions & CommandRequest & { readonly history?: number };
}

/** The words of `bd0 debug` with a kernel, or with a machine that was saved. */
export interface KernelDebugRequest {
  readonly commands: CommandRequest;
  readonly boot: BootRequest;
}

/** Reads the words after `bd0 debug` if they name a kernel or a saved machine; undefined for a program. Throws Failure. */
export function readKernelDebugRequest(words: readonly string[]): KernelDebugRequest | undefined {
  if (!words.some((word) => /^--resume(=|$)/.test(word)) && !namesKernel(words)) return undefined;
  const reading = readOptions(words, { command: 'bd0 debug', options: KERNEL_OPTIONS });
  return { commands: reading.options, boot: bootRequestOf(reading, 'bd0 debug') };
}

/** Whether the first word that is not part of an option is the file of a kernel. */
function namesKernel(words: readonly string[]): boolean {
  const reader = { command: 'bd0 debug', options: { ...DEBUG_OPTIONS, ...KERNEL_OPTIONS } };
  for (let at = 0; at < words.length;) {
    const word = words[at]!;
    if (shownBy(word) !== undefined) return false;
    if (!isOption(word)) return isKernel(word);
    if (word === '--') at++;
    else
      try {
        at = readOption(words, at, reader).next;
      } catch (error) {
        // Reading the request says what is wrong with it: that of a kernel, if programs have no such option.
        if (error instanceof Failure) return isOnlyForKernels(word);
        throw error;
      }
  }
  return false;
}

function isOnlyForKernels(word: string): boolean {
  const name = /^--([^=]+)/.exec(word)?.[1] ?? '';
  return Object.hasOwn(KERNEL_OPTIONS, name) && !Object.hasOwn(DEBUG_OPTIONS, name);
}

function isKernel(path: string): boolean {
  if (!isFile(path)) return false;
  try {
    return bootProtocolOf(new Uint8Array(readFileSync(path))) !== undefined;
  } catch (error) {
    // It cannot be read, or is damaged.
    if (error instanceof BootError || isSystemError(error)) return false;
    throw error;
  }
}

/** Reads the words after `bd0 debug` with a program. Throws Failure. */
export function readDebugRequest(words: readonly string[]): DebugRequest {
  const request = readRunRequest(words, 'bd0 debug', DEBUG_OPTIONS);
  if (request.shown === undefined && request.image === undefined)
    throw new Failure('bd0 debug needs an IMAGE or a KERNEL: bd0 debug --help shows how');
  return request;
}
