/** Signals of Linux programs: what they see is what they see on the host, on every engine. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { linuxProgram, runInMachine, runOnHost } from '../../support/linux-programs.js';
import { NOTHING_YET, type InputPiece } from '../../support/guest-programs.js';
import { ENGINES, evaluatorAnd } from '../../support/side-by-side.js';
import { firstDifference } from '../../support/linux-output.js';
import { sequencesAreSame, type Sequences } from '../../support/sequences.js';
import { seedOf, volume } from '../../support/volume.js';

const directory = fileURLToPath(new URL('../../../../test/kernel/linux/signals/', import.meta.url));

t.setTimeout(0);

const SEED = seedOf(1);

t.test('random sequences of signal calls give on every engine what they give on the host', async (t) => {
  const program = await linuxProgram(`${directory}random.c`);
  const same = (seed: number, count: number, machines: Sequences['machines']): void =>
    sequencesAreSame(t, { program, seed, count, machines });
  // A stack for signals that a handler sets, which has given up the one on which it runs.
  same(3909, 1, () => ENGINES);
  same(SEED * 1000, volume(700, 25_000), (batch) => fast(batch));
  same(SEED * 1000 + 500, volume(4, 400), (batch) => evaluatorAnd(1, SEED, batch, ENGINES));
});

t.test('faults tell what the processor tells of them on the host', (t) => isAsOnHost(t, 'faults'));

for (const name of ['jobs', 'timers', 'queued-timers', 'run-timers', 'suspended', 'without-waiting'])
  t.test(`groups, stopped processes, timers and interrupted calls are on every engine as on the host: ${name}.c`, (t) =>
    isAsOnHost(t, name),
  );

const withoutAvx = !readFileSync('/proc/cpuinfo', 'latin1').includes(' avx ') && 'this host has no AVX';

t.test(
  'handlers have YMM registers of their own, and change those of the program in the frame',
  { skip: withoutAvx },
  (t) => isAsOnHost(t, 'vectors'),
);

async function isAsOnHost(t: Test, source: string): Promise<void> {
  const program = await linuxProgram(`${directory}${source}.c`);
  const native = runOnHost(program);
  const hashes = new Set<string>();
  for (const [name, engine] of Object.entries(ENGINES)) {
    const run = runInMachine(program, [], engine);
    hashes.add(run.computer.machineHash());
    t.same(firstDifference(run.output, native.output), undefined, `output of ${source}.c on ${name}`);
    t.equal(run.exitCode, native.exitCode, `exit code of ${source}.c on ${name}`);
  }
  t.equal(hashes.size, 1, 'machine hash');
}

t.test('the keys of a terminal send signals to a program of Linux', async (t) => {
  const program = await linuxProgram(`${directory}keys.c`);
  const keys: readonly InputPiece[] = [
    NOTHING_YET,
    Uint8Array.of(0x61, 0x03),
    NOTHING_YET,
    Uint8Array.of(0x1c),
    NOTHING_YET,
    Uint8Array.of(0x1a),
  ];
  const run = runInMachine(program, [], { input: [...keys, NOTHING_YET, Uint8Array.of(0x03)], isTerminal: true });
  // A program that no shell looks after is not stopped: it could not be let go on.
  t.equal(run.output, 'ready\na^Csignal 2\n^\\signal 3\n^Z^Csignal 2\n');
  t.equal(run.exitCode, 128 + 15);
});

/** The interpreter, and the translator for some of the cases. */
function fast(index: number): Partial<typeof ENGINES> {
  const { interpreter, translator } = ENGINES;
  return index % 4 === 0 ? { interpreter, translator } : { interpreter };
}

t.test('a program of Linux in the background of its terminal is stopped', async (t) => {
  const program = await linuxProgram(`${directory}background.c`);
  const input: readonly InputPiece[] = [NOTHING_YET, new TextEncoder().encode('line\n'), NOTHING_YET];
  const run = runInMachine(program, [], { input, isTerminal: true });
  t.equal(
    run.output,
    [
      ...['stopped 1 by 21', 'foreground 0', 'line', 'read 5 line', 'set 0', 'ignored -1 5', 'stopped 1 by 22'],
      ...['set again', 'ended 1 with 3', 'apart -1 6, -1 25', 'tty 1 group 1', ''],
    ].join('\n'),
  );
  t.equal(run.exitCode, 0);
});
