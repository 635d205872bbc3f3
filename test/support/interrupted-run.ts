/**
 * Ctrl-C for `npm test`. The runner waits for each test file to end by itself, and one that computes hears no signal for minutes.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { constants } from 'node:os';

/** Time for the test files to remove what they have made. */
const GRACE_MS = 500;

/** On a signal, ends this process and all that it has started within a second. `onSignal` is called first. */
export function endWhenInterrupted(onSignal: () => void): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.once(signal, () => {
      onSignal();
      for (const pid of descendants(process.pid)) kill(pid, 'SIGINT');
      setTimeout(() => {
        for (const pid of descendants(process.pid)) kill(pid, 'SIGKILL');
        process.exit(128 + constants.signals[signal]);
      }, GRACE_MS);
    });
}

/** The processes that a process has started, and theirs; none where there is no /proc. */
function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of processNames()) {
    const parent = parentOf(name);
    if (parent !== undefined) parents.set(Number(name), parent);
  }
  const found = [pid];
  for (const known of found) for (const [child, parent] of parents) if (parent === known) found.push(child);
  return found.slice(1);
}

function processNames(): string[] {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
}

/** The fourth field of proc(5) stat; the second, in parentheses, may contain anything. Undefined if the process has ended. */
function parentOf(name: string): number | undefined {
  try {
    const text = readFileSync(`/proc/${name}/stat`, 'latin1');
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended.
  }
}
