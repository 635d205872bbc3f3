/** Calls of Linux on files: a program does what it does natively, on every engine, and again in a replay without the host. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { attachTimeline } from '../../../src/debug/timeline/timeline.js';
import { HostRoot } from '../../../src/host/linux/host-root.js';
import { sha256 } from '../../../src/host/sha256.js';
import { Computer, LinuxErrno, type Engine, type LinuxRoot, type Process } from '../../../src/index.js';
import { linuxProgram } from '../../support/linux-programs.js';
import { sequencesAreSame } from '../../support/sequences.js';
import { ENGINES } from '../../support/side-by-side.js';
import { seedOf, volume } from '../../support/volume.js';

const sources = fileURLToPath(new URL('../../../../test/kernel/linux/programs/', import.meta.url));
const MIB = 2 ** 20;
const LIMIT_BYTES = 2 ** 36;
const encoder = new TextEncoder();

/** A program compiled for Linux, in a file. */
function compiled(name: string, directory: string): string {
  const path = join(directory, name);
  execFileSync('gcc', ['-O1', '-w', '-static-pie', join(sources, `${name}.c`), '-o', path]);
  return path;
}

/** A root that counts what it is asked, and answers nothing while it is gone. */
class CountedRoot implements LinuxRoot {
  asked = 0;
  isGone = false;

  constructor(private readonly inner: LinuxRoot) {}

  status(path: string): ReturnType<LinuxRoot['status']> {
    return this.count(() => this.inner.status(path));
  }
  list(path: string): ReturnType<LinuxRoot['list']> {
    return this.count(() => this.inner.list(path));
  }
  read(...[path, stamp, offset, length]: Parameters<LinuxRoot['read']>): ReturnType<LinuxRoot['read']> {
    return this.count(() => this.inner.read(path, stamp, offset, length));
  }
  private count<T>(ask: () => T): T | LinuxErrno {
    this.asked++;
    return this.isGone ? LinuxErrno.EIO : ask();
  }
}

interface Started {
  readonly computer: Computer;
  readonly program: Process;
  readonly root: CountedRoot;
  output(): string;
}

/** Starts a program whose root is a directory, and which works in `/here`. */
function started(path: string, directory: string, engine: Engine = 'auto'): Started {
  let output = '';
  let root: CountedRoot | undefined;
  const computer = new Computer({
    ...{ memoryBytes: 64 * MIB, sha256, engine },
    console: { write: (bytes) => void (output += new TextDecoder('latin1').decode(bytes)), read: () => 'end' },
    linuxRoot: (store) => (root = new CountedRoot(new HostRoot(store, directory))),
  });
  const image = new Uint8Array(readFileSync(path));
  const argv = ['program', '/here'];
  const linux = { directory: encoder.encode('/here') };
  const program = computer.start(image, { name: 'program', limitBytes: LIMIT_BYTES, argv, linux });
  return { computer, program, root: root!, output: () => output };
}

const directoryOf = (test: Test): string => test.testdir({ native: {}, here: {} });

t.test('what calls on files answer is what they answer natively, on every engine', async (t) => {
  const directory = directoryOf(t);
  const path = compiled('calls', directory);
  const native = spawnSync(path, [join(directory, 'native')], { encoding: 'latin1', env: {} });
  const hashes = (['auto', 'interpreter'] as const).map((engine) => {
    const { computer, program, output } = started(path, directory, engine);
    const { kind } = computer.run(program);
    t.equal(kind, 'exited');
    t.strictSame(output().split('\n'), native.stdout.split('\n'), engine);
    return computer.machineHash();
  });
  t.equal(hashes[0], hashes[1], 'the same machine on both engines');
  t.strictSame(readdirSync(join(directory, 'here')), [], 'nothing is written to the host');
});

const SEQUENCES: Readonly<Record<string, number>> = { random: volume(250, 25_000), attributes: volume(60, 10_000), splices: volume(60, 10_000) }; // prettier-ignore

for (const [name, count] of Object.entries(SEQUENCES))
  t.test(`random sequences of calls on files answer what they answer natively: ${name}`, async (t) => {
    const source = new URL(`../../../../test/kernel/linux/files/${name}.c`, import.meta.url);
    const program = await linuxProgram(fileURLToPath(source), ['-w']);
    const seed = seedOf(20268);
    const { interpreter, translator } = ENGINES;
    sequencesAreSame(t, {
      ...{ program, seed: seed * 1000, count, directory: t.testdir({}) },
      machines: (batch) => (batch === 0 ? { interpreter, translator } : { translator }),
    });
  });

t.test('a replay needs nothing of the host', async (t) => {
  const directory = directoryOf(t);
  const here = join(directory, 'here');
  mkdirSync(join(here, 'd'));
  writeFileSync(join(here, 'file'), 'text of the host\n'.repeat(100));
  const { computer, program, root } = started(compiled('calls', directory), directory);
  const timeline = attachTimeline(computer);
  const start = computer.ticks;
  while (computer.run(program, { maxTicks: 100_000 }).kind === 'limit') timeline.observe();
  const [end, hash, { asked }] = [computer.ticks, computer.machineHash(), root];
  t.ok(asked > 10, 'it has asked the host');
  root.isGone = true;
  for (const tick of [start, Math.floor((start + end) / 2), start]) {
    timeline.goto(tick);
    while (computer.ticks < end && computer.run(program, { maxTicks: end - computer.ticks }).kind === 'limit');
    t.equal(computer.machineHash(), hash, `from tick ${tick}`);
  }
  t.equal(root.asked, asked, 'the host is not asked');
});
