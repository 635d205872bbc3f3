/** Sockets of Linux programs: what they answer is what they answer on the host, on every engine. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { linuxProgram, runInMachine, runOnHost } from '../../support/linux-programs.js';
import { ENGINES } from '../../support/side-by-side.js';
import { sequencesAreSame, type Sequences } from '../../support/sequences.js';
import { seedOf, volume } from '../../support/volume.js';

const directory = fileURLToPath(new URL('../../../../test/kernel/linux/sockets/', import.meta.url));

t.setTimeout(0);

const SEED = seedOf(1);

t.test('random sequences of calls for sockets give what they give on the host', async (t) => {
  const program = await linuxProgram(`${directory}random.c`);
  const { interpreter, translator } = ENGINES;
  const machines: Sequences['machines'] = (batch) => (batch % 2 === 0 ? { interpreter, translator } : { interpreter });
  // A second closing of the same kind, and an error that a receiver of everything has passed over.
  for (const seed of [1298, 20_225, 30_221, 30_284])
    sequencesAreSame(t, { program, seed, count: 1, machines: () => ({ interpreter }) });
  sequencesAreSame(t, { program, seed: SEED * 1000, count: volume(180, 25_000), machines });
});

for (const [what, name] of [
  ['edges of datagram sockets', 'edges'],
  ['what is told of the interface lo', 'interfaces'],
  ['addresses of sockets that are connected', 'ways'],
  ['options that nobody has set', 'options'],
  ['options, sizes and values that are accepted', 'settings'],
  ['options that were set', 'kept'],
] as const)
  t.test(`${what}: as on the host`, async (t) => {
    const program = await linuxProgram(`${directory}${name}.c`, ['-w']);
    const native = runOnHost(program);
    for (const engine of [ENGINES.interpreter, ENGINES.translator]) {
      const run = runInMachine(program, [], engine);
      t.strictSame(run.output.split('\n'), native.output.split('\n'));
      t.equal(run.exitCode, 0);
    }
  });

t.test('a machine with sockets goes on from a snapshot as it did', async (t) => {
  const program = await linuxProgram(`${directory}random.c`);
  for (let index = 0; index < volume(3, 100); index++) {
    const args = [String(SEED * 1000 + index)];
    const whole = runInMachine(program, args);
    const maxTicks = Math.floor((whole.computer.ticks * ((index % 6) + 1)) / 7);
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

t.test('sockets that only messages of each other hold are given up', async (t) => {
  const program = await linuxProgram(`${directory}circles.c`);
  const run = runInMachine(program, [], { hostBytes: 2 ** 20 });
  t.equal(run.output, '3000\n');
  t.equal(run.exitCode, 0);
});
