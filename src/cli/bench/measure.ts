import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Failure } from '../failure.js';

export interface Sample {
  /** User and system time of the process, its threads and its children. */
  readonly cpuSeconds: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `stop` was raised while a command ran. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

/**
 * Runs a command under bash's `time`, without input. Throws Failure where its exit code is not among `exitCodes`, and Stopped
 * when `stop` is raised, which kills it and all that it has started.
 */
export async function measure(
  command: readonly string[],
  exitCodes: readonly number[],
  stop: AbortSignal,
): Promise<Sample> {
  if (stop.aborted) throw new Stopped();
  const script = 'TIMEFORMAT="bd0-time %U %S"; time "$@"';
  // A process group of its own, so that bash and what it runs are killed together.
  const child = spawn('bash', ['-c', script, 'bash', ...command], {
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const kill = (): boolean => process.kill(-child.pid!, 'SIGKILL');
  stop.addEventListener('abort', kill);
  try {
    const [stdout, stderr]: Buffer[][] = [[], []];
    child.stdout.on('data', (bytes: Buffer) => stdout!.push(bytes));
    child.stderr.on('data', (bytes: Buffer) => stderr!.push(bytes));
    const [code] = (await once(child, 'close')) as [number | null];
    if (stop.aborted) throw new Stopped();
    return sampleOf(command, exitCodes, { code, stdout: textOf(stdout!), stderr: textOf(stderr!) });
  } finally {
    stop.removeEventListener('abort', kill);
  }
}

function textOf(parts: readonly Buffer[]): string {
  return Buffer.concat(parts).toString();
}

function sampleOf(
  command: readonly string[],
  exitCodes: readonly number[],
  { code, stdout, stderr }: { code: number | null; stdout: string; stderr: string },
): Sample {
  const times = /bd0-time ([\d.]+) ([\d.]+)\n$/.exec(stderr);
  if (!times || code === null || !exitCodes.includes(code))
    throw new Failure(`'${command.join(' ')}' ended with ${code}: ${stderr.slice(-300) || stdout.slice(-300)}`);
  return { cpuSeconds: Number(times[1]) + Number(times[2]), stdout, stderr: stderr.slice(0, times.index) };
}
