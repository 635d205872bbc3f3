import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Failure } from '../failure.js';
import { Stopped } from './measure.js';

/** What a program did between two lines, and what that took. */
export interface MarkedPart {
  readonly name: string;
  readonly count: number;
  /** Of the host: user and system time of the process, its threads, and its children that have ended. */
  readonly cpuSeconds: number;
}

/** Ticks per second of Linux's process times: USER_HZ, which is 100 on x86-64. */
const TICKS_PER_SECOND = 100;

/**
 * Runs a command that writes `begin NAME` and `end NAME COUNT` around parts of its work, and waits for a line after each.
 * Returns the parts; other lines are ignored. Throws Failure if the exit code is not 0, and Stopped after `stop`, which kills
 * the command.
 */
export async function runMarked(command: readonly string[], stop: AbortSignal): Promise<MarkedPart[]> {
  if (stop.aborted) throw new Stopped();
  const [program, ...words] = command;
  const child = spawn(program!, words, { stdio: ['pipe', 'pipe', 'pipe'] });
  const kill = (): boolean => child.kill('SIGKILL');
  stop.addEventListener('abort', kill);
  const ended = once(child, 'close');
  // A process that has ended reads no line.
  child.stdin.on('error', () => {});
  const told: string[] = [];
  child.stderr.on('data', (bytes: Buffer) => told.push(bytes.toString()));
  try {
    const parts: MarkedPart[] = [];
    let begun = NaN;
    for await (const line of createInterface({ input: child.stdout })) {
      const [, name, count] = /^(?:begin|end) (\w+)(?: (\d+))?\s*$/.exec(line) ?? [];
      if (name === undefined) told.push(`${line}\n`);
      else if (count === undefined) begun = cpuSecondsOf(child.pid!);
      else parts.push({ name, count: Number(count), cpuSeconds: cpuSecondsOf(child.pid!) - begun });
      if (name !== undefined) child.stdin.write('\n');
    }
    const [code] = (await ended) as [number | null];
    if (stop.aborted) throw new Stopped();
    if (code !== 0) throw new Failure(`'${command.join(' ')}' ended with ${code}: ${told.join('').slice(-300)}`);
    return parts;
  } finally {
    stop.removeEventListener('abort', kill);
  }
}

/** proc_pid_stat(5): utime, stime, cutime and cstime, after the name, which may contain anything. */
function cpuSecondsOf(pid: number): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return [11, 12, 13, 14].reduce((sum, index) => sum + Number(fields[index]), 0) / TICKS_PER_SECOND;
}
