/** ptrace: what tracers see and do is what they see and do on the host, on every engine. */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { linuxProgram, rootWith, runInMachine, runOnHost } from '../../support/linux-programs.js';
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

for (const [title, file] of [
  ['a traced process gets the signals of an orphaned group where all of its threads have stopped', 'orphans.c'],
  ['a traced process that SIGKILL ends stops no more, wherever it was', 'killed.c'],
] as const)
  t.test(title, async (t) => {
    const program = await linuxProgram(`${directory}${file}`, ['-w', '-pthread']);
    const native = runOnHost(program);
    for (const engine of [ENGINES.interpreter, ENGINES.translator]) {
      const { output, exitCode } = runInMachine(program, [], engine);
      t.equal(output, native.output);
      t.equal(exitCode, 0);
    }
  });

/** A busy host may take longer to run a thread than the program waits for what comes of it. */
const HOST_RUNS = 6;

t.test(
  'the parent of a traced process learns that it goes on, also where not all of its threads had stopped',
  async (t) => {
    const program = await linuxProgram(`${directory}unfinished.c`, ['-w', '-pthread']);
    const runs = [ENGINES.interpreter, ENGINES.translator].map((engine) =>
      runInMachine(program, [], { ...engine, maxTicks: 1e10 }),
    );
    t.equal(runs[1]!.output, runs[0]!.output);
    let native = runOnHost(program);
    for (let run = 1; run < HOST_RUNS && native.output !== runs[0]!.output; run++) native = runOnHost(program);
    t.strictSame(runs[0]!.output.split('\n'), native.output.split('\n'));
    t.equal(runs[0]!.exitCode, 0);
  },
);

t.test('random breakpoints in debug registers stop programs on every engine as on the host', async (t) => {
  const program = await linuxProgram(`${directory}breakpoints.c`, ['-mno-red-zone']);
  const same = (seed: number, count: number, machines: Sequences['machines']): void =>
    sequencesAreSame(t, { program, seed, count, machines });
  const linuxRoot = rootWith(program);
  const interpreter = { ...ENGINES.interpreter, linuxRoot };
  const translator = { ...ENGINES.translator, linuxRoot };
  const evaluator = { ...ENGINES.evaluator, linuxRoot };
  same(SEED * 1000, volume(40, 20_000), (batch) => (batch % 4 === 0 ? { interpreter, translator } : { interpreter }));
  same(SEED * 1000 + 500, volume(3, 200), () => ({ interpreter, translator, evaluator }));
});

t.test('a machine with breakpoints in debug registers goes on from snapshots as it did', async (t) => {
  const program = await linuxProgram(`${directory}breakpoints.c`, ['-mno-red-zone']);
  const options = { linuxRoot: rootWith(program) };
  const args = [String(SEED * 1000), '8', 'new'];
  const whole = runInMachine(program, args, options);
  for (const part of [0.3, 0.5, 0.7, 0.9]) {
    const maxTicks = Math.floor(whole.computer.ticks * part);
    const { computer, process } = runInMachine(program, args, { ...options, maxTicks });
    const snapshot = computer.snapshot();
    for (const again of [1, 2]) {
      computer.run(process);
      t.equal(computer.machineHash(), whole.computer.machineHash(), `from ${maxTicks}, time ${again}`);
      computer.restore(snapshot);
    }
  }
});
