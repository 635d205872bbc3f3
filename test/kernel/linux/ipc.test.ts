/** Shared memory, semaphores and message queues of System V and of POSIX: what programs do with them is what they do on the host. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { linuxProgram, rootWith, runInMachine, runOnHost } from '../../support/linux-programs.js';
import { ENGINES } from '../../support/side-by-side.js';
import { sequencesAreSame } from '../../support/sequences.js';
import { Computer, VmoStore } from '../../../src/index.js';
import { sha256 } from '../../../src/host/sha256.js';
import { seedOf, volume } from '../../support/volume.js';

const directory = fileURLToPath(new URL('../../../../test/kernel/linux/ipc/', import.meta.url));

t.setTimeout(0);

const SEED = seedOf(20275);

t.test('random calls of several processes on objects that they share do what they do on the host', async (t) => {
  const program = await linuxProgram(`${directory}random.c`, ['-w']);
  const { interpreter, translator } = ENGINES;
  sequencesAreSame(t, {
    ...{ program, seed: SEED * 1000, count: volume(24, 5000), directory: t.testdir({}), reruns: 3 },
    machines: (batch) => (batch % 8 === SEED % 8 ? { interpreter, translator } : { interpreter }),
  });
});

t.test('ids, limits, lists and deadlines are those of the host, on every engine', async (t) => {
  const program = await linuxProgram(`${directory}edges.c`, ['-w', '-pthread']);
  const native = runOnHost(program);
  const runs = Object.values(ENGINES).map((options) =>
    runInMachine(program, [], { ...options, linuxRoot: rootWith(program) }),
  );
  for (const { output, exitCode } of runs) t.strictSame([output, exitCode], [native.output, 0]);
  t.equal(new Set(runs.map(({ computer }) => computer.machineHash())).size, 1, 'the same machine on every engine');
});

t.test('a machine with objects of IPC goes on from snapshots as it did', async (t) => {
  const program = await linuxProgram(`${directory}random.c`, ['-w']);
  for (let index = 0; index < volume(2, 100); index++) {
    const args = [String(SEED * 1000 + index)];
    const whole = runInMachine(program, args);
    const maxTicks = Math.floor((whole.computer.ticks * ((index % 4) + 2)) / 6);
    const { computer, process } = runInMachine(program, args, { maxTicks });
    const snapshot = computer.snapshot();
    const saved = computer.saveSnapshot(snapshot, new VmoStore(sha256));
    const resumed = Computer.resume(saved, { sha256, console: { write: () => {}, read: () => 'end' } });
    saved.close();
    for (const again of [1, 2]) {
      computer.run(process);
      t.equal(computer.machineHash(), whole.computer.machineHash(), `random.c ${args}, time ${again}`);
      computer.restore(snapshot);
      t.ok(snapshot.equals(computer.snapshot()), 'the same snapshot');
    }
    resumed.run(resumed.programs[0]!);
    t.equal(resumed.machineHash(), whole.computer.machineHash(), `random.c ${args}: resumed`);
  }
});

t.test('objects of IPC take no more of the host than they may', async (t) => {
  const program = await linuxProgram(`${directory}greedy.c`, ['-w']);
  const { output, exitCode, computer } = runInMachine(program, [], { hostBytes: 3_000_000 });
  t.match(
    output,
    /^sets: errno (12|28)\nmessages: errno 1[12]\nqueues: errno 28\nposix: errno (12|24)\nundone: errno 12\nremoved\n$/,
  );
  t.equal(exitCode, 0);
  t.equal(computer.parts.kernel.linux.ipc.queues.size, 0);
});
