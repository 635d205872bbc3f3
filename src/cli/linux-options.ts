/** Options of `bd0 run` for programs of Linux: the files and the environment that they find. */

import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import type { LinuxOptions, MakeLinuxRoot } from '../index.js';
import { byteTextOf, bytesOfText } from '../host/byte-text.js';
import { HiddenPaths } from '../host/linux/hidden-paths.js';
import { HostRoot } from '../host/linux/host-root.js';
import { Failure } from './failure.js';
import type { OptionTable } from './options.js';

const PATH_ADVICE = 'has to be an absolute path, as programs see it';

/** The options, as the help shows them and as they are read. */
export const LINUX_OPTIONS = {
  env: {
    requiresArg: true,
    repeats: true,
    describe: 'NAME=VALUE in the environment of a program of Linux; NAME: as bd0 has it',
    coerce: parseVariable,
  },
  cwd: {
    requiresArg: true,
    describe: 'DIR, as programs of Linux see it, that they start in',
    defaultDescription: 'that of bd0',
    coerce: (text: string): string => absolute(text, '--cwd'),
  },
  hide: {
    requiresArg: true,
    repeats: true,
    describe: 'PATH that programs of Linux do not see, besides keys, password files, /root and others',
    coerce: (text: string): string => absolute(text, '--hide'),
  },
  allow: {
    requiresArg: true,
    repeats: true,
    describe: 'PATH that programs of Linux see although it is hidden',
    coerce: (text: string): string => absolute(text, '--allow'),
  },
} as const satisfies OptionTable;

/** What those options hold. */
export interface LinuxRunOptions {
  readonly root?: string | undefined;
  readonly env?: string | readonly string[] | undefined;
  readonly cwd?: string | undefined;
  readonly hide?: string | readonly string[] | undefined;
  readonly allow?: string | readonly string[] | undefined;
}

/** The environment of a program of Linux, unless options say otherwise. */
const DEFAULT_ENVIRONMENT = {
  PATH: '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin',
  HOME: '/',
  LANG: 'C.UTF-8',
  TERM: 'dumb',
};

/** The files that programs of Linux find: those of `--root`, else of the host. */
export function linuxRoot(options: LinuxRunOptions): MakeLinuxRoot {
  return (store) => new HostRoot(store, options.root ?? '/', hiddenPaths(options));
}

function hiddenPaths({ root = '/', hide, allow }: LinuxRunOptions): HiddenPaths {
  const onHost = (paths: string | readonly string[] | undefined): string[] =>
    listOf(paths).map((path) => byteTextOf(resolve(root, `.${path}`)));
  return new HiddenPaths({ hide: onHost(hide), allow: onHost(allow) });
}

/** Where a program starts. Throws Failure if `--cwd` is no directory that it sees. */
function startDirectory(options: LinuxRunOptions): string {
  const { root = '/', cwd } = options;
  if (cwd === undefined) return root === '/' ? process.cwd() : '/';
  const onHost = resolve(root, `.${cwd}`);
  const isThere = statSync(onHost, { throwIfNoEntry: false })?.isDirectory();
  if (!isThere || !hiddenPaths(options).isVisible(byteTextOf(onHost)))
    throw new Failure(`--cwd '${cwd}' is not a directory that the program sees`);
  return cwd;
}

/** What a program of Linux is started with; `path` is that of its image, as the user gave it; `isTerminal`: at a terminal. */
export function linuxOptions(path: string, options: LinuxRunOptions, isTerminal: boolean): LinuxOptions {
  const given = listOf(options.env).map((variable) => {
    const end = variable.indexOf('=');
    return [variable.slice(0, end), variable.slice(end + 1)] as const;
  });
  const terminal = isTerminal && process.env['TERM'] !== undefined ? { TERM: process.env['TERM'] } : {};
  const environment = { ...DEFAULT_ENVIRONMENT, ...terminal, ...Object.fromEntries(given) };
  const variables = Object.entries(environment).map(([name, value]) => bytesOfText(byteTextOf(`${name}=${value}`)));
  return {
    path: bytesOfText(byteTextOf(path)),
    environment: variables,
    directory: bytesOfText(byteTextOf(startDirectory(options))),
    ...(isTerminal && { terminalSize: [process.stdout.rows, process.stdout.columns] as const }),
  };
}

function parseVariable(text: string): string {
  if (text.includes('=') && !text.startsWith('=')) return text;
  const value = process.env[text];
  if (value === undefined) throw new Failure(`--env ${text}: bd0 has no such variable; NAME=VALUE gives one`);
  return `${text}=${value}`;
}

function absolute(text: string, option: string): string {
  if (!text.startsWith('/')) throw new Failure(`${option} '${text}' ${PATH_ADVICE}`);
  return text;
}

function listOf(option: string | readonly string[] | undefined): readonly string[] {
  return typeof option === 'string' ? [option] : (option ?? []);
}
