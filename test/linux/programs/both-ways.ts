/** Runs a program natively and in the machine, in a directory with the same files at the same path. */
import { spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { Computer, type Engine, type Outcome, type Process } from '../../../src/index.js';
import { HostRoot } from '../../../src/host/linux/host-root.js';
import { sha256 } from '../../../src/host/sha256.js';
import type { FileSystem } from '../../../src/kernel/linux/files/file-system.js';
import { isDirectory } from '../../../src/kernel/linux/files/tree/directory.js';
import { RegularFile, SymbolicLink, type Inode } from '../../../src/kernel/linux/files/tree/inode.js';
import { lookUp } from '../../../src/kernel/linux/files/tree/path-walk.js';
import type { ProgramCase } from './program-case.js';

const MIB = 2 ** 20;
const LIMIT_BYTES = 2 ** 39;
/** More than any of the programs takes. */
const TICKS_MAX = 8e9;
const NATIVE_MS_MAX = 60_000;
/** What is compared of a mode: its type and permissions. */
const MODE_BITS = 0o177777;

/** What came of a run. */
export interface Came {
  /** The exit code; or else how it ended. */
  readonly end: string;
  /** Of standard output and standard error, in their order: a character for each byte. */
  readonly output: string;
  /** Mode, and content or target, of all files that the directory has then, by path. */
  readonly files: Readonly<Record<string, string>>;
}

/** What a run in the machine tells besides. */
export interface CameHere extends Came {
  readonly ticks: number;
}

const ENVIRONMENT: Readonly<Record<string, string>> = {
  ...{ PATH: '/usr/bin:/bin', LANG: 'C', LC_ALL: 'C', TZ: 'UTC', TERM: 'dumb', PYTHONDONTWRITEBYTECODE: '1' },
  ...{ PYTHONHASHSEED: '0', GIT_CONFIG_NOSYSTEM: '1', GIT_PAGER: 'cat' },
  ...{ GIT_AUTHOR_NAME: 'A', GIT_AUTHOR_EMAIL: 'a@example.org', GIT_AUTHOR_DATE: '2024-01-02T03:04:05Z' },
  ...{ GIT_COMMITTER_NAME: 'A', GIT_COMMITTER_EMAIL: 'a@example.org', GIT_COMMITTER_DATE: '2024-01-02T03:04:05Z' },
};

function environmentIn(directory: string): Record<string, string> {
  return { ...ENVIRONMENT, HOME: directory };
}

/** Runs it in the machine. The directory of the host stays as it is. */
export function runHere({ program, words }: ProgramCase, directory: string, input: string, engine: Engine): CameHere {
  let output = '';
  let unread = Buffer.from(input);
  const computer = new Computer({
    ...{ memoryBytes: 256 * MIB, sha256, engine, linuxRoot: (store) => new HostRoot(store, '/') },
    console: {
      write: (bytes) => void (output += Buffer.from(bytes).toString('latin1')),
      read: (max) => {
        const bytes = unread.subarray(0, max);
        unread = unread.subarray(max);
        return bytes.length > 0 ? bytes : 'end';
      },
    },
  });
  const environment = Object.entries(environmentIn(directory)).map(([name, value]) => Buffer.from(`${name}=${value}`));
  const started = computer.start(new Uint8Array(fs.readFileSync(program)), {
    ...{ name: 'program', limitBytes: LIMIT_BYTES, argv: [program, ...words] },
    linux: { path: Buffer.from(program), environment, directory: Buffer.from(directory) },
  });
  const end = endOf(runToEnd(computer, started));
  const files = filesHere(computer.parts.kernel.linux.fileSystem, directory);
  return { end, output, files, ticks: computer.ticks };
}

function runToEnd(computer: Computer, program: Process): Outcome {
  for (;;) {
    const outcome = computer.run(program, { maxTicks: TICKS_MAX - computer.ticks });
    if (outcome.kind !== 'waiting' || outcome.until >= TICKS_MAX) return outcome;
    computer.passTime(outcome.until);
  }
}

function endOf(outcome: Outcome): string {
  if (outcome.kind === 'exited') return String(outcome.exitCode);
  if (outcome.kind === 'limit') return `still running after ${TICKS_MAX} ticks`;
  return outcome.kind === 'trapped' ? `trap ${outcome.exitCode} at ${hex(outcome.report.code)}` : outcome.kind;
}

/** A trap is told with the bytes of the instruction. */
function hex(code: Uint8Array): string {
  return Buffer.from(code).toString('hex');
}

function filesHere(files: FileSystem, directory: string): Record<string, string> {
  const found: Record<string, string> = {};
  const walker = { credentials: { user: 0, group: 0, groups: [] }, start: files.root };
  const visit = (inode: Inode, name: string): void => {
    if (name !== '') found[name] = told(inode.mode, contentHere(files, inode));
    if (!isDirectory(inode)) return;
    for (const entry of inode.entries(files)) visit(inode.lookup(files, entry.name)!, join(name, entry.name));
  };
  visit(lookUp(files, walker, directory), '');
  return found;
}

function contentHere(files: FileSystem, inode: Inode): string {
  if (inode instanceof SymbolicLink) return inode.target;
  if (!(inode instanceof RegularFile)) return '';
  return Buffer.from(inode.content.read(0, inode.size, files)).toString('latin1');
}

/** Runs it natively. */
export function runNatively({ program, words }: ProgramCase, directory: string, input: string): Came {
  const { status, signal, stdout } = spawnSync('/bin/sh', ['-c', 'exec "$@" 2>&1', 'sh', program, ...words], {
    ...{ cwd: directory, env: environmentIn(directory), input, timeout: NATIVE_MS_MAX, encoding: 'latin1' },
  });
  // The shell of who runs it would say so too.
  const end = String(status ?? 128 + constants.signals[signal!]);
  return { end, output: stdout, files: filesNatively(directory) };
}

function filesNatively(directory: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of fs.readdirSync(directory, { recursive: true, encoding: 'latin1' })) {
    const path = Buffer.from(join(directory, name), 'latin1');
    const stats = fs.lstatSync(path);
    let content = '';
    if (stats.isSymbolicLink()) content = fs.readlinkSync(path, 'latin1');
    else if (stats.isFile()) content = fs.readFileSync(path, 'latin1');
    found[name] = told(stats.mode, content);
  }
  return found;
}

function told(mode: number, content: string): string {
  return `${(mode & MODE_BITS).toString(8)} ${content}`;
}
