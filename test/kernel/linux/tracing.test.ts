/** ptrace: what tracers see and do is what they see and do on the host, on every engine. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { linuxProgram, runInMachine, runOnHost } from '../../support/linux-programs.js';
import { evaluatorAnd, ENGINES } from '../../support/side-by-side.js';
import { sequencesAreSame, type Sequences } from '../../support/sequences.js';
import { seedOf, volume } from '../../support/volume.js';

const directory = fileURLToPath(new URL('../../../../test/kernel/linux/tracing/', import.meta.url));

t.setTimeout(0);

const SEED = seedOf(1);

t.test('random tracers and tracees see on every engine what they see on the host', async (t) => {
  const program = await linuxProgram(`${directory}random.c`);
  const same = (seed: number, count: number, machines: Sequences['machines']): void =>
    sequencesAreSame(t, { program, seed, count, machines });
  const { interpreter, translator } = ENGINES;
  same(SEED * 1000, volume(120, 20_000), (batch) => (batch % 4 === 0 ? { interpreter, translator } : { interpreter }));
  same(SEED * 1000 + 500, volume(2, 200), (batch) => evaluatorAnd(1, SEED, batch, ENGINES));
});

t.test('a traced process gets the signals of an orphaned group where all of its threads have stopped', async (t) => {
  const program = await linuxProgram(`${directory}orphans.c`, ['-w', '-pthread']);
  const native = runOnHost(program);
  for (const engine of [ENGINES.interpreter, ENGINES.translator]) {
    const { output, exitCode } = runInMachine(program, [], engine);
    t.equal(output, native.output);
    t.equal(exitCode, 0);
  }
});
