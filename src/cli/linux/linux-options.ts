/** Options of `bd0 run` for Linux programs: the files and the environment that they find. */

import { realpathSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { isName, type LinuxOptions, type MakeLinuxRoot } from '../../index.js';
import { byteText, byteTextOf, bytesOfText, type ByteText } from '../../host/byte-text.js';
import { onFile } from '../../host/failure.js';
import { fileInRoot } from '../../host/toolchain/image-file.js';
import type { BoundWrites } from '../../host/linux/bound-writes.js';
import { HiddenPaths } from '../../host/linux/hidden-paths.js';
import { HostRoot } from '../../host/linux/host-root.js';
import { Failure } from '../failure.js';
import { epochAfter, parseEpoch } from './epoch.js';
import type { OptionTable } from '../options.js';

const PATH_ADVICE = 'has to be an absolute path, as programs see it';

/** The options, as the help shows them and as they are read. */
export const LINUX_OPTIONS = {
  env: {
    requiresArg: true,
    repeats: true,
    describe: 'NAME=VALUE in the environment of Linux programs; NAME alone: with the value in that of bd0',
    coerce: parseVariable,
  },
  cwd: {
    requiresArg: true,
    describe: 'DIR in which Linux programs start, a path as they see it',
    defaultDescription: 'that of bd0',
    coerce: (text: string): string => absolute(text, '--cwd'),
  },
  hide: {
    requiresArg: true,
    repeats: true,
    describe: 'PATH to hide from Linux programs, besides keys, password files, /root and others',
    coerce: (text: string): string => absolute(text, '--hide'),
  },
  allow: {
    requiresArg: true,
    repeats: true,
    describe: 'hidden PATH that Linux programs are to see',
    coerce: (text: string): string => absolute(text, '--allow'),
  },
  epoch: {
    requiresArg: true,
    describe: 'TIME at which the clock of Linux programs starts: now, @SECONDS, or a date',
    defaultDescription: '2024, or later: after the files of the directory',
    coerce: parseEpoch,
  },
  bind: {
    requiresArg: true,
    repeats: true,
    describe:
      'HOST=GUEST[:rw]: show Linux programs the file or directory HOST at GUEST; rw: write their changes to it as they run',
    coerce: parseBind,
  },
  changes: {
    requiresArg: true,
    describe:
      'NAME: list the files that Linux programs have changed, and keep them in the store for bd0 vmo diff; -: only list',
    coerce: parseChanges,
  },
} as const satisfies OptionTable;

/** A file or directory of the host at a place of the guest. */
export interface BindOption {
  readonly host: string;
  /** Absolute and without a slash at its end. */
  readonly guest: string;
  /** Whether what a run changes there is written to the host. */
  readonly isWritten: boolean;
}

/** What those options hold. */
export interface LinuxRunOptions {
  readonly root?: string | undefined;
  readonly env?: string | readonly string[] | undefined;
  readonly cwd?: string | undefined;
  readonly epoch?: bigint | undefined;
  readonly hide?: string | readonly string[] | undefined;
  readonly allow?: string | readonly string[] | undefined;
  /** Repeated options come as a list. */
  readonly bind?: BindOption | readonly BindOption[] | undefined;
}

/** The environment of a Linux program, unless options say otherwise. */
const DEFAULT_ENVIRONMENT = {
  PATH: '/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin',
  HOME: '/',
  LANG: 'C.UTF-8',
  TERM: 'dumb',
};

/** The files that Linux programs find: those of `--root`, else of the host, and what `--bind` puts there. */
export function linuxRoot(options: LinuxRunOptions, writes: BoundWrites): MakeLinuxRoot {
  const binds = bindsOf(options);
  return (store) => {
    const root = new HostRoot(store, options.root ?? '/', hiddenPaths(options));
    for (const { guest } of binds) requireOwnPath(root, guest);
    if (binds.length === 0) return root;
    const bound = binds.map((bind) => ({
      guest: byteTextOf(bind.guest),
      root: new HostRoot(store, bind.host, hiddenPaths(options, bind)),
      writtenTo: bind.isWritten ? hostPathOf(bind) : undefined,
    }));
    return writes.makeRoot(root, bound, store);
  };
}

/** The values of `--bind`. */
export function bindsOf({ bind }: LinuxRunOptions): readonly BindOption[] {
  if (bind === undefined) return [];
  const binds = 'host' in bind ? [bind] : bind;
  const again = binds.find(({ guest }, index) => binds.findIndex((each) => each.guest === guest) < index);
  if (again) throw new Failure(`--bind '${again.host}=${again.guest}': another --bind is at '${again.guest}' already`);
  return binds;
}

/** The real path of what is bound. Throws HostError where there is no such file. */
export function hostPathOf({ host }: BindOption): ByteText {
  return byteText(onFile('bind', host, () => realpathSync(host, { encoding: 'buffer' })));
}

/** Throws Failure where a symbolic link of the root leads away from a path before it comes to its end. */
function requireOwnPath(root: HostRoot, guest: string): void {
  const names = byteTextOf(guest).split('/').slice(1);
  for (let count = 1; count <= names.length; count++) {
    const path = `/${names.slice(0, count).join('/')}`;
    const status = root.status(path);
    if (typeof status !== 'number' && status.target !== '')
      throw new Failure(
        `--bind at '${guest}': '${path}' is a symbolic link to '${status.target}'; name where it leads`,
      );
  }
}

/** What is hidden of the root, or of what is bound somewhere: that is shown unless `--hide` says otherwise. */
function hiddenPaths({ root = '/', hide, allow }: LinuxRunOptions, bind?: Omit<BindOption, 'isWritten'>): HiddenPaths {
  const onHost = (path: string): string => byteTextOf(bind ? path : resolve(root, `.${path}`));
  if (!bind) return new HiddenPaths({ hide: listOf(hide).map(onHost), allow: listOf(allow).map(onHost) });
  const host = hostPathOf({ ...bind, isWritten: false });
  const bound = (paths: readonly string[]): string[] =>
    paths
      .filter((path) => path === bind.guest || path.startsWith(`${bind.guest}/`))
      .map((path) => host + byteTextOf(path).slice(byteTextOf(bind.guest).length));
  return new HiddenPaths({ hide: bound(listOf(hide)), allow: [host, ...bound(listOf(allow))] });
}

/** Where a program starts, for itself and on the host. Throws Failure if `--cwd` is no directory that it sees. */
function startDirectory(options: LinuxRunOptions): { readonly path: string; readonly onHost: string } {
  const { root = '/', cwd } = options;
  if (cwd === undefined && root === '/') return { path: process.cwd(), onHost: process.cwd() };
  if (cwd === undefined) return { path: '/', onHost: root };
  const bind = bindsOf(options).find(({ guest }) => cwd === guest || cwd.startsWith(`${guest}/`));
  const onHost = bind ? resolve(bind.host, `.${cwd.slice(bind.guest.length)}`) : resolve(root, `.${cwd}`);
  const isThere = statSync(onHost, { throwIfNoEntry: false })?.isDirectory();
  if (!isThere || (!bind && !hiddenPaths(options).isVisible(byteTextOf(onHost))))
    throw new Failure(`--cwd '${cwd}' is not a directory that the program sees`);
  return { path: cwd, onHost };
}

/** What a Linux program is started with; `path` is that of its image, as the user gave it; `isTerminal`: at a terminal. */
export function linuxOptions(path: string, options: LinuxRunOptions, isTerminal: boolean): LinuxOptions {
  const given = listOf(options.env).map((variable) => {
    const end = variable.indexOf('=');
    return [variable.slice(0, end), variable.slice(end + 1)] as const;
  });
  const terminal = isTerminal && process.env['TERM'] !== undefined ? { TERM: process.env['TERM'] } : {};
  const environment = { ...DEFAULT_ENVIRONMENT, ...terminal, ...Object.fromEntries(given) };
  const start = startDirectory(options);
  const variables = Object.entries(environment).map(([name, value]) => bytesOfText(byteTextOf(`${name}=${value}`)));
  return {
    path: bytesOfText(byteTextOf(path)),
    environment: variables,
    directory: bytesOfText(byteTextOf(start.path)),
    epoch: options.epoch ?? epochAfter(start.onHost, fileInRoot(path, options.root) ?? path),
    ...(isTerminal && { terminalSize: [process.stdout.rows, process.stdout.columns] as const }),
  };
}

function parseVariable(text: string): string {
  if (text.includes('=') && !text.startsWith('=')) return text;
  const value = process.env[text];
  if (value === undefined) throw new Failure(`--env ${text}: bd0 has no such variable; NAME=VALUE gives one`);
  return `${text}=${value}`;
}

/** Places that the machine has files of its own at. */
const OWN_PLACES = ['/dev', '/proc', '/sys'];

function parseBind(text: string): BindOption {
  const [, host, path, write] = /^(.+?)=(\/.*?)(:rw)?$/s.exec(text) ?? [];
  if (host === undefined || path === undefined)
    throw new Failure(`--bind '${text}' has to be HOST=GUEST or HOST=GUEST:rw, GUEST being an absolute path`);
  const colon = path.lastIndexOf(':');
  if (colon > path.lastIndexOf('/'))
    throw new Failure(`--bind '${text}': '${path.slice(colon)}' is unknown: only ':rw' can follow GUEST`);
  const guest = resolve(path);
  if (guest === '/' || OWN_PLACES.some((own) => guest === own || guest.startsWith(`${own}/`)))
    throw new Failure(`--bind '${text}': nothing can be bound at '${guest}'`);
  return { host: resolve(host), guest, isWritten: write !== undefined };
}

function parseChanges(text: string): string {
  if (text !== '-' && !isName(`${text}/before`)) throw new Failure(`--changes: '${text}' cannot be a name`);
  return text;
}

function absolute(text: string, option: string): string {
  if (!text.startsWith('/')) throw new Failure(`${option} '${text}' ${PATH_ADVICE}`);
  return text;
}

function listOf(option: string | readonly string[] | undefined): readonly string[] {
  return typeof option === 'string' ? [option] : (option ?? []);
}
