/** The command line as a user has it: bd0 in a process of its own. */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../../bin/bd0.cjs', import.meta.url));

/** What came of a run of bd0. */
export interface Ran {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** bd0 as a user starts it: without the options by which the test runner watches every process of Node. */
export const bd0Command: readonly string[] = ['/usr/bin/env', '-u', 'NODE_OPTIONS', process.execPath, main];

/** Starts bd0 with pipes. */
export function startBd0(words: readonly string[], { cwd, env }: RunOptions = {}): ChildProcessWithoutNullStreams {
  const [program, ...first] = bd0Command;
  return spawn(program!, [...first, ...words], { cwd, env: { ...process.env, ...env } });
}

/** Runs bd0 to its end, with nothing more than `input` on stdin. */
export async function bd0(words: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const child = startBd0(words, options);
  // Who does not read its input may end before it is written.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  return endOf(child);
}

/** Waits until bd0 has ended and all that it wrote has been read. */
export async function endOf(child: ChildProcessWithoutNullStreams): Promise<Ran> {
  const [stdout, stderr]: Buffer[][] = [[], []];
  child.stdout.on('data', (bytes: Buffer) => stdout!.push(bytes));
  child.stderr.on('data', (bytes: Buffer) => stderr!.push(bytes));
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return { code, signal, stdout: Buffer.concat(stdout!).toString(), stderr: Buffer.concat(stderr!).toString() };
}

/** Resolves when the child has written something; it is not read any further. Rejects if it ends without. */
export async function firstOutput(child: ChildProcessWithoutNullStreams): Promise<string> {
  const bytes = await new Promise<Buffer>((found, failed) => {
    child.stdout.once('data', found);
    child.once('close', () => failed(new Error('the process has ended without output')));
  });
  child.stdout.pause();
  return bytes.toString();
}
