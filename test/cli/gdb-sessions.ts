/** Real debuggers and bd0 in processes of their own, and what they say to each other's users. */
import { fileURLToPath } from 'node:url';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Test } from 'tap';
import { endOf, startBd0, type Ran } from './bd0.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

/** The path of a program; undefined if it is not installed. */
export function findProgram(name: string): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  return directories.map((directory) => join(directory, name)).find((path) => existsSync(path));
}

const scripts = mkdtempSync(join(tmpdir(), 'bd0-gdb-'));
process.once('exit', () => rmSync(scripts, { recursive: true, force: true }));
let scriptCount = 0;

/** A debugger, or a run under one, that has taken this long without a word is killed, and its test fails. */
const PATIENCE_MS = 600_000;

/** When Ctrl-C is typed first, and again if nothing has come of it. */
const FIRST_INTERRUPT_MS = 500;
const REPEATED_INTERRUPT_MS = 30_000;

/** Kills a process that neither ends nor writes anything. */
function killIfSilent(child: ChildProcessWithoutNullStreams): void {
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  for (const output of [child.stdout, child.stderr]) output.on('data', () => timer.refresh());
  child.on('close', () => clearTimeout(timer));
}

/** A run of bd0 to which a debugger can connect. */
export interface DebuggedRun {
  readonly child: ChildProcessWithoutNullStreams;
  /** HOST:PORT. */
  readonly place: string;
  readonly ended: Promise<Ran>;
}

/**
 * Starts bd0 with words in addition to `run --gdb 0`, or another command, and resolves when it listens. Its input is `input`;
 * null: what the test writes. It is killed if it outlasts the test.
 */
export async function startDebugged(
  t: Test,
  words: readonly string[],
  input: string | null = '',
  command = 'run',
): Promise<DebuggedRun> {
  const child = startBd0([command, '--gdb', '0', ...words]);
  t.teardown(() => child.kill('SIGKILL'));
  killIfSilent(child);
  child.stdin.on('error', () => {});
  if (input !== null) child.stdin.end(input);
  const ended = endOf(child);
  let stderr = '';
  const place = await new Promise<string>((found, failed) => {
    child.stderr.on('data', (bytes: Buffer) => {
      stderr += bytes.toString();
      const line = /^bd0: .* \(in gdb: target remote (\S+)\)$/m.exec(stderr);
      if (line) found(line[1]!);
    });
    void ended.then(() => failed(new Error(`bd0 has ended: ${stderr}`)));
  });
  return { child, place, ended };
}

/** Starts gdb without anybody's settings, with stderr as stdout. Words of tap for Node are not for it. */
export function startGdb(words: readonly string[]): ChildProcessWithoutNullStreams {
  const env = { ...process.env, DEBUGINFOD_URLS: '', LC_ALL: 'C', NODE_OPTIONS: '' };
  // After two seconds without an answer gdb would take that of one packet for that of the next.
  const settings = ['-nx', '-q', '-iex', `set remotetimeout ${PATIENCE_MS / 1000}`];
  const gdb = spawn('sh', ['-c', 'exec gdb "$@" 2>&1', 'gdb', ...settings, ...words], { env });
  killIfSilent(gdb);
  gdb.stdin.on('error', () => {});
  return gdb;
}

/** Runs gdb with commands, connected to `place`, and returns what it prints, with the commands. */
export async function runGdb(place: string, commands: string): Promise<string> {
  const settings = ['set confirm off', 'set pagination off', 'set width 0', 'set style enabled off'];
  const script = join(scripts, `${++scriptCount}.gdb`);
  const lines = commands
    .trim()
    .split('\n')
    .map((line) => line.trim());
  writeFileSync(script, [...settings, `target remote ${place}`, 'set trace-commands on', ...lines, ''].join('\n'));
  const gdb = startGdb(['-batch', '-x', script]);
  gdb.stdin.end();
  return transcriptOf((await endOf(gdb)).stdout, script);
}

/** Runs lldb with commands, connected to `place`, and returns what it prints. */
export async function runLldb(image: string, place: string, commands: readonly string[]): Promise<string> {
  const patience = `settings set plugin.process.gdb-remote.packet-timeout ${PATIENCE_MS / 1000}`;
  const all = [patience, `target create ${image}`, `gdb-remote ${place}`, ...commands];
  const env = { ...process.env, LC_ALL: 'C', NODE_OPTIONS: '' };
  const words = ['-c', 'exec lldb "$@" 2>&1', 'lldb', '--no-lldbinit', '-b', ...all.flatMap((line) => ['-o', line])];
  const child = spawn('sh', words, { env });
  killIfSilent(child);
  child.stdin.end();
  return (await endOf(child)).stdout;
}

/** What gdb prints from the first command on. */
function transcriptOf(output: string, script: string): string {
  return normalised(output.slice(output.indexOf('\n+') + 1).replaceAll(script, 'SCRIPT'));
}

/** Without what depends on the compiler, on the library, or on where files are. */
export function normalised(transcript: string): string {
  return transcript
    .replaceAll(root, '/')
    .split('\n')
    .filter((line) => !/^(Reading .* from remote target|warning: File transfers from remote)/.test(line))
    .map((line) => line.replace(/0x[0-9a-f]{6,}/g, 'ADDRESS').replace(/^(at ADDRESS:)( [0-9a-f]{2})+$/, '$1 CODE'))
    .map((line) =>
      line
        .replace(/\S*\/([\w-]+\.[cS]\b)/g, '$1')
        .replace(/\S*\/(bd0\.h:)\d+/g, '$1LINE')
        .trimEnd(),
    )
    .map((line) => line.replace(/^\d+(\t  (?:return bd0_vmcall|__asm__))/, 'LINE$1').replace(/=4\d{9},/, '=ADDRESS,'))
    .join('\n')
    .trim();
}

/** Runs a guest under gdb from its first instruction to its end. */
export async function debugged(
  t: Test,
  words: readonly string[],
  commands: string,
  input = '',
): Promise<{ readonly transcript: string; readonly ran: Ran }> {
  const { place, ended } = await startDebugged(t, words, input);
  const transcript = await runGdb(place, commands);
  return { transcript, ran: await ended };
}

/** gdb as an editor drives it: commands of its machine interface, and what it prints after them. */
export class MachineInterface {
  private output = '';
  private readonly gdb: ChildProcessWithoutNullStreams;
  private isClosed = false;
  private commands = 0;
  private ring: () => void = () => {};

  constructor(version: string) {
    this.gdb = startGdb([`--interpreter=${version}`]);
    this.gdb.stdout.on('data', (bytes: Buffer) => {
      this.output += bytes.toString();
      this.ring();
    });
    this.gdb.on('close', () => {
      this.isClosed = true;
      this.ring();
    });
  }

  /**
   * Sends a command and resolves when gdb has answered it; with `expected`, when it has then printed a line that matches.
   * Returns all lines until then. Rejects if an error is the answer to a command that something was expected of.
   */
  async send(command: string, expected?: RegExp): Promise<string> {
    const token = this.write(command);
    const answer = await this.until(new RegExp(`^${token}\\^.*$`, 'm'));
    if (!expected) return answer;
    const isError = new RegExp(`^${token}\\^error`, 'm').test(answer);
    if (isError) throw new Error(`${command}: ${answer}`);
    return answer + (await this.until(expected));
  }

  /** Sends a command. Returns its number, which its answer has as well. */
  write(command: string): number {
    this.gdb.stdin.write(`${++this.commands}${command}\n`);
    return this.commands;
  }

  /** Resolves when gdb has printed a line that matches. Rejects if it ends before, or loses its connection. */
  async until(expected: RegExp): Promise<string> {
    for (;;) {
      const found = expected.exec(this.output);
      const end = found ? this.output.indexOf('\n', found.index + found[0].length) + 1 : 0;
      if (end > 0) {
        const text = this.output.slice(0, end);
        this.output = this.output.slice(end);
        return text;
      }
      if (this.isClosed) throw new Error(`gdb has ended without ${expected}: ${this.output}`);
      const isLost = /^.*(Remote connection closed|Connection reset by peer|Disconnected from target).*\n/m.test(
        this.output,
      );
      if (isLost) throw new Error(`gdb has lost its connection without ${expected}: ${this.output}`);
      await new Promise<void>((done) => (this.ring = done));
    }
  }

  /** Ctrl-C in gdb's terminal. */
  interrupt(): void {
    this.gdb.kill('SIGINT');
  }

  /**
   * Ctrl-C, and again after a long time, until gdb has printed a line that matches: gdb does not notice one before it waits for the
   * machine, and gives the connection up at a second one that comes before the answer to the first.
   */
  async interruptUntil(expected: RegExp): Promise<string> {
    const again = (): void => {
      this.interrupt();
      timer = setTimeout(again, REPEATED_INTERRUPT_MS);
    };
    let timer = setTimeout(again, FIRST_INTERRUPT_MS);
    try {
      return await this.until(expected);
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.gdb.kill('SIGKILL');
  }
}
