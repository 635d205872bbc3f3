/** inotify: what programs that watch files are told is what they are told on the host, on every engine. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { linuxProgram, runInMachine, runOnHost } from '../../support/linux-programs.js';
import { ENGINES } from '../../support/side-by-side.js';
import { sequencesAreSame } from '../../support/sequences.js';
import { seedOf, volume } from '../../support/volume.js';

const directory = fileURLToPath(new URL('../../../../test/kernel/linux/notify/', import.meta.url));

t.setTimeout(0);

const SEED = seedOf(20274);

t.test('random sequences of calls for files that are watched give the events that they give on the host', async (t) => {
  const program = await linuxProgram(`${directory}random.c`);
  const { interpreter, translator } = ENGINES;
  sequencesAreSame(t, {
    ...{ program, seed: SEED * 1000, count: volume(125, 25_000), directory: t.testdir({}) },
    machines: (batch) => (batch % 8 === 1 ? { interpreter, translator } : { interpreter }),
  });
});

t.test('events that are alike are told once, and that some were lost is told', async (t) => {
  const program = await linuxProgram(`${directory}overflow.c`);
  const native = runOnHost(program);
  const run = runInMachine(program, []);
  t.equal(run.output, native.output);
  t.equal(run.exitCode, 0);
  t.equal(run.computer.parts.kernel.space.regions.length, 1, 'nothing is left but the kernel page');
});

t.test('directories that are removed stay for those who have something open in them', async (t) => {
  const program = await linuxProgram(`${directory}removed.c`, ['-w']);
  const native = runOnHost(program);
  for (const engine of [ENGINES.interpreter, ENGINES.translator]) {
    const { output, exitCode, computer } = runInMachine(program, [], engine);
    t.equal(output, native.output);
    t.equal(exitCode, 0);
    t.equal(computer.parts.kernel.space.regions.length, 1, 'nothing is left but the kernel page');
  }
});

t.test('a machine with watched files goes on from a snapshot as it did', async (t) => {
  const program = await linuxProgram(`${directory}random.c`);
  for (let index = 0; index < volume(2, 100); index++) {
    const args = [String(SEED * 1000 + index)];
    const whole = runInMachine(program, args);
    const maxTicks = Math.floor((whole.computer.ticks * ((index % 4) + 1)) / 5);
    const { computer, process } = runInMachine(program, args, { maxTicks });
    const snapshot = computer.snapshot();
    for (const again of [1, 2]) {
      computer.run(process);
      t.equal(computer.machineHash(), whole.computer.machineHash(), `random.c ${args}, time ${again}`);
      computer.restore(snapshot);
      t.ok(snapshot.equals(computer.snapshot()), 'the same snapshot');
    }
  }
});
