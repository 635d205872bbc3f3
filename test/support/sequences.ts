/** Random sequences of system calls, of which a program makes many in one run: test/kernel/linux/sequences.h. */
import { spawnSync, type SpawnSyncReturns } from 'node:child_process';
import { release } from 'node:os';
import type { Test } from 'tap';
import { firstDifference } from './linux-output.js';
import { runInMachine, type LinuxRunOptions } from './linux-programs.js';

const MIB = 2 ** 20;
/** How many sequences one run of a program makes: enough that its start costs little. */
const BATCH = 125;

/** What sequences are made, and where. */
export interface Sequences {
  readonly program: string;
  /** The seed of the first one; the others have those that follow. */
  readonly seed: number;
  readonly count: number;
  /** The machines of a batch, by name: each must end with the same hash. */
  readonly machines: (batch: number) => Readonly<Record<string, LinuxRunOptions>>;
  /** Where the program runs natively. */
  readonly directory?: string;
  /**
   * How often the program is run natively again where the machine differs from it: a busy host schedules processes
   * so that it sometimes differs from itself.
   */
  readonly reruns?: number;
}

/** Whether the Linux of the host does everything as 6.13 does: what sequences do besides is in the machine as there. */
function isNewLinux(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 13);
}

/** Runs sequences natively and in machines. Fails at the first that differs. */
export function sequencesAreSame(t: Test, { program, seed, count, machines, directory, reruns = 0 }: Sequences): void {
  for (let batch = 0; batch * BATCH < count; batch++) {
    const words = [seed + batch * BATCH, Math.min(BATCH, count - batch * BATCH), isNewLinux() ? 'new' : 'old'].map(
      String,
    );
    const runNatively = (): SpawnSyncReturns<string> =>
      spawnSync(program, words, { cwd: directory, encoding: 'latin1', maxBuffer: 64 * MIB });
    let native = runNatively();
    const hashes = new Set<string>();
    for (const [name, options] of Object.entries(machines(batch))) {
      const { output, exitCode, computer } = runInMachine(program, words, { maxTicks: 1e10, ...options });
      for (let rerun = 0; rerun < reruns && firstDifference(output, native.stdout) !== undefined; rerun++)
        native = runNatively();
      const difference = firstDifference(output, native.stdout);
      if (!t.same(difference, undefined, `output of ${program} ${words.join(' ')} on ${name}`)) return;
      t.equal(exitCode, native.status, `exit code of ${program} ${words.join(' ')} on ${name}`);
      t.equal(computer.parts.kernel.space.regions.length, 1, 'nothing is left but the kernel page');
      hashes.add(computer.machineHash());
    }
    t.equal(hashes.size, 1, `machine hash of ${program} ${words.join(' ')}`);
  }
}
