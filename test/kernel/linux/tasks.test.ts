/** Processes and threads of Linux: programs that fork, wait and share memory do what they do natively, on every engine. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Computer, type Engine } from '../../../src/index.js';
import { sha256 } from '../../../src/host/sha256.js';
import { NOTHING_YET } from '../../support/guest-programs.js';
import { linuxProgram, rootWith, runInMachine, type LinuxRunOptions } from '../../support/linux-programs.js';
import { sequencesAreSame } from '../../support/sequences.js';
import { ENGINES } from '../../support/side-by-side.js';
import { seedOf, volume } from '../../support/volume.js';

const sources = fileURLToPath(new URL('../../../../test/kernel/linux/tasks/', import.meta.url));
const MIB = 2 ** 20;
const LIMIT_BYTES = 2 ** 36;

/** A program compiled for Linux, in a file. */
function compiled(name: string, directory: string): string {
  const path = join(directory, name);
  execFileSync('gcc', ['-O1', '-w', '-static-pie', '-pthread', join(sources, `${name}.c`), '-o', path]);
  return path;
}

/** How a program ran here. */
interface Run {
  readonly stdout: string;
  readonly exitCode: number;
  readonly hash: string;
  readonly computer: Computer;
}

function runHere(path: string, argv: readonly string[], engine: Engine, hostBytes?: number): Run {
  const decoder = new TextDecoder();
  let stdout = '';
  const computer = new Computer({
    ...{ memoryBytes: 64 * MIB, sha256, engine, linuxRoot: rootWith(path), ...(hostBytes && { hostBytes }) },
    console: { write: (bytes) => void (stdout += decoder.decode(bytes, { stream: true })), read: () => 'end' },
  });
  const program = computer.start(new Uint8Array(readFileSync(path)), {
    ...{ name: 'program', limitBytes: LIMIT_BYTES, argv: ['program', ...argv] },
    linux: { path: new TextEncoder().encode(path) },
  });
  const outcome = computer.run(program);
  if (outcome.kind !== 'exited') throw new Error(`the program has not ended: ${outcome.kind}`);
  return { stdout, exitCode: outcome.exitCode, hash: computer.machineHash(), computer };
}

t.test('programs that fork, wait, and have threads do what they do natively, on every engine', (t) => {
  const directory = t.testdir({});
  for (const [name, ...argv] of [
    ['forks'],
    ['waits'],
    ['many', '60'],
    ['threads'],
    ['threads2'],
    ['pid-files'],
    ['robust'],
    ['vfork'],
  ] as const) {
    const path = compiled(name, directory);
    const native = spawnSync(path, argv, { encoding: 'utf8' });
    const runs = (['auto', 'interpreter'] as const).map((engine) => runHere(path, argv, engine));
    for (const { stdout, exitCode } of runs)
      t.strictSame([stdout, exitCode], [native.stdout, native.status], `${name}: as natively`);
    t.equal(runs[1]!.hash, runs[0]!.hash, `${name}: the same machine on both engines`);
  }
  t.end();
});

t.test('random trees of processes do what they do natively', async (t) => {
  const program = await linuxProgram(join(sources, 'random.c'));
  const { interpreter, translator } = ENGINES;
  const linuxRoot = rootWith(program);
  sequencesAreSame(t, {
    ...{ program, seed: seedOf(20271) * 1000, count: volume(90, 10_000), reruns: 3 },
    machines: (batch) => ({
      interpreter: { ...interpreter, linuxRoot },
      ...(batch % 4 === 1 && { translator: { ...translator, linuxRoot } }),
    }),
  });
});

t.test('a process without privileges sets its scheduling as natively', async (t) => {
  const program = await linuxProgram(join(sources, 'nice.c'), ['-w']);
  const seed = seedOf(20281);
  for (let index = 0; index < volume(4, 200); index++) {
    const args = [String(seed * 1000 + index), String(getPriority())];
    const native = spawnSync(program, args, { encoding: 'latin1' });
    const { output } = runInMachine(program, args, ENGINES.interpreter);
    t.strictSame(output.split('\n'), native.stdout.split('\n'), `nice.c ${args.join(' ')}`);
  }
});

t.test('users, groups and capabilities are as those of root natively', async (t) => {
  const program = await linuxProgram(join(sources, 'users.c'), ['-w']);
  const args = [String(seedOf(20280))];
  const linuxRoot = rootWith(program);
  const runs = (['auto', 'interpreter'] as const).map((engine) => runInMachine(program, args, { engine, linuxRoot }));
  const lines = runs[0]!.output.split('\n');
  t.equal(lines.filter((line) => line.startsWith('exec')).length, 60, 'each child begins another program');
  t.ok(
    lines.some((line) => line.startsWith('kill -1')),
    'not every process may send signals to another one',
  );
  t.strictSame([runs[1]!.output, runs[1]!.exitCode], [runs[0]!.output, 0]);
  if (process.getuid!() !== 0) return void t.comment('natively, it is not root that runs this test');
  const native = spawnSync(program, args, { cwd: t.testdir({}), encoding: 'latin1' });
  t.strictSame(lines, native.stdout.split('\n'), `seed ${args[0]}`);
});

t.test('a bomb of forks is stopped by the quota, and leaves nothing', (t) => {
  const path = compiled('many', t.testdir({}));
  const { stdout, exitCode, computer } = runHere(path, ['1', 'bomb'], 'auto', 4 * MIB);
  t.equal(stdout, '1 children, sum 0\nstopped: refused, many\n0 left\n');
  t.equal(exitCode, 0);
  t.equal(computer.parts.kernel.space.regions.length, 1, 'the kernel page alone');
  t.end();
});

t.test('twenty processes that wait cost nothing while another one works', async (t) => {
  const program = await linuxProgram(join(sources, 'waiters.c'));
  const ran = (work: number): { readonly effort: number; readonly switches: number; readonly ticks: number } => {
    const options: LinuxRunOptions = { input: [NOTHING_YET], isTerminal: true };
    const { output, computer } = runInMachine(program, ['20', String(work)], options);
    t.equal(output, 'done\n');
    const { effort, switches } = computer.parts.kernel;
    return { effort, switches, ticks: computer.ticks };
  };
  const [idle, busy] = [ran(0), ran(3_000_000)];
  t.ok(busy.ticks > idle.ticks + 10_000_000, 'ten slices more');
  t.equal(busy.effort, idle.effort, 'the same work of the kernel');
  t.equal(busy.switches, idle.switches, 'the same switches');
});

t.test('bytes of a pipe are no keys, also where they were fetched before they are read', async (t) => {
  const program = await linuxProgram(join(sources, 'polled.c'));
  const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  for (const engine of ['interpreter', 'auto'] as const) {
    const { output, exitCode } = runInMachine(program, [], { engine, input: [NOTHING_YET, all, NOTHING_YET, all] });
    const expected = Buffer.from([...all, ...all])
      .toString('hex')
      .match(/../g)!;
    t.strictSame([output.trim().split(' '), exitCode], [expected, 0], engine);
  }
});
