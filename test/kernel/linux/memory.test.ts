/** Memory of Linux: programs that map files and memory, shared and private, find what they find natively. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { sha256 } from '../../../src/host/sha256.js';
import { Computer, VmoStore, type Engine } from '../../../src/index.js';
import { linuxProgram, runInMachine } from '../../support/linux-programs.js';
import { sequencesAreSame } from '../../support/sequences.js';
import { seedOf, volume } from '../../support/volume.js';

const sources = fileURLToPath(new URL('../../../../test/kernel/linux/memory/', import.meta.url));
const MIB = 2 ** 20;
const seed = seedOf(20264);

/** What a program writes and returns on the host, in an empty directory. */
function native(program: string, args: readonly string[], directory: string): readonly [string, number | null] {
  const { stdout, status } = spawnSync(program, args, { cwd: directory, encoding: 'latin1' });
  return [stdout, status];
}

t.test('shared memory, mapped files, bus errors, seals and locks are as natively, on every engine', async (t) => {
  const program = await linuxProgram(`${sources}shared.c`, ['-w', '-pthread']);
  const expected = native(program, [], t.testdir({}));
  const runs = (['auto', 'interpreter'] as const).map((engine: Engine) => runInMachine(program, [], { engine }));
  for (const { output, exitCode } of runs) t.strictSame([output, exitCode], expected);
  t.equal(runs[1]!.computer.machineHash(), runs[0]!.computer.machineHash(), 'the same machine on both engines');
  const { regions } = runs[0]!.computer.parts.kernel.space;
  t.equal(regions.length, 1, 'nothing is left but the kernel page');
});

t.test('random calls on memory do what they do natively, also where frames are short', async (t) => {
  const program = await linuxProgram(`${sources}random.c`, ['-w']);
  sequencesAreSame(t, {
    ...{ program, seed: seed * 1000, count: volume(250, 15_000), directory: t.testdir({}) },
    machines: (batch) => ({ auto: { memoryBytes: (seed + batch) % 2 === 0 ? 64 * MIB : MIB } }),
  });
});

t.test('a machine with shared memory goes on from snapshots as it would have', async (t) => {
  const program = await linuxProgram(`${sources}random.c`, ['-w']);
  for (let round = 0; round < volume(4, 100); round++) {
    const args = [String(seed + round)];
    const whole = runInMachine(program, args);
    const half = runInMachine(program, args, { maxTicks: Math.floor(whole.computer.ticks / 2) });
    const { computer } = half;
    const [process] = computer.programs;
    const snapshot = computer.snapshot();
    const saved = computer.saveSnapshot(snapshot, new VmoStore(sha256));
    const resumed = Computer.resume(saved, { sha256, console: { write: () => {}, read: () => 'end' } });
    saved.close();
    computer.run(process!);
    t.equal(computer.machineHash(), whole.computer.machineHash());
    computer.restore(snapshot);
    computer.run(process!);
    t.equal(computer.machineHash(), whole.computer.machineHash(), `seed ${args[0]}: restored`);
    resumed.run(resumed.programs[0]!);
    t.equal(resumed.machineHash(), whole.computer.machineHash(), `seed ${args[0]}: resumed`);
  }
});
