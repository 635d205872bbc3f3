import { spawnSync } from 'node:child_process';

export interface Sample {
  /** User and system time of the process and its threads. */
  readonly cpuSeconds: number;
  readonly output: string;
}

/** Runs a command under bash's `time`; throws where its exit code is not among `allowed`. */
export function measure(command: readonly string[], allowed: readonly number[] = [0]): Sample {
  const script = 'TIMEFORMAT="bd0-time %U %S"; time "$@"';
  const { error, status, stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', ...command], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  const times = /bd0-time ([\d.]+) ([\d.]+)/.exec(stderr ?? '');
  if (error || !times || !allowed.includes(status ?? -1))
    throw new Error(`${command.join(' ')} ended with ${status}: ${error?.message ?? stderr}`);
  return { cpuSeconds: Number(times[1]) + Number(times[2]), output: stdout };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
