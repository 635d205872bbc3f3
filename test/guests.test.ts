/** Every guest program prints and answers on BD0 what its native build does, and both engines agree after every tick. */
import t, { type Test } from 'tap';
import {
  firstDifference,
  guestImage,
  isInstalled,
  NOTHING_YET,
  programNames,
  runGuest,
  runNative,
  type Build,
  type GuestOptions,
  type GuestRun,
} from './support/guest-programs.js';
import { describeState, MachinePair } from './support/machine-pair.js';
import { Random } from './support/random.js';

const SEED = 20250317;
const MIB = 2 ** 20;
const GIB = 2 ** 30;

/** How a program is run in these tests. */
interface Program {
  /** An argument that makes enough work for the interpreter. */
  readonly large: readonly string[];
  /** One that is not too much for the evaluator. */
  readonly small: readonly string[];
  /** No argument makes it little enough: the evaluator stops after so many ticks, in the midst of it. */
  readonly smallTicks?: number;
  readonly memoryBytes?: number;
  readonly limitBytes?: number;
}

const LINES = new TextEncoder().encode('first line\nthe second, somewhat longer than a buffer\n\nthe last has no end');

const PROGRAMS: Record<string, Program> = {
  alu: { large: ['300000'], small: ['1000'] },
  bytecode: { large: ['3000'], small: ['30'] },
  cat: { large: [], small: [] },
  deepstack: { large: ['64'], small: ['1'], memoryBytes: 96 * MIB },
  echo: { large: ['a', '', 'b c'], small: ['a', '', 'b c'] },
  fib: { large: ['24'], small: ['16'] },
  hash: { large: ['60000'], small: ['300'] },
  heap: { large: ['20000'], small: ['30'] },
  hello_world: { large: [], small: [] },
  library: { large: ['300'], small: ['20'], smallTicks: 300_000 },
  matmul: { large: ['40'], small: ['8'] },
  mem: { large: ['3'], small: ['1'], smallTicks: 200_000 },
  mix: { large: ['5000'], small: ['20'] },
  nbody: { large: ['2000'], small: ['10'] },
  qsort: { large: ['10000'], small: ['200'] },
  relocations: { large: [], small: [] },
  sha256: { large: ['100'], small: ['1'] },
  sieve: { large: ['200000'], small: ['3000'] },
  sparse: { large: ['32'], small: ['32'], limitBytes: 32 * GIB },
};

t.same(Object.keys(PROGRAMS), programNames, 'no program is left out');

/** Compares a run with that of the native build, byte for byte. */
async function sameAsNative(
  t: Test,
  run: Pick<GuestRun, 'output' | 'exitCode'>,
  name: string,
  args: readonly string[],
  input: Uint8Array,
  what = `${name} ${args.join(' ')}`,
): Promise<void> {
  const native = await runNative(name, args, input);
  t.equal(firstDifference(run.output, native.output), undefined, `${what}: output`);
  t.equal(run.exitCode, native.exitCode, `${what}: exit code`);
}

/** Runs a program on the interpreter and compares it with the native build. */
async function compare(
  t: Test,
  name: string,
  args: readonly string[],
  { build, ...options }: Omit<GuestOptions, 'args'> & { build?: Build } = {},
): Promise<GuestRun> {
  const { memoryBytes = 32 * MIB, limitBytes = GIB } = PROGRAMS[name]!;
  const input = options.input ?? [LINES];
  const run = await runGuest(guestImage(name, build), { memoryBytes, limitBytes, ...options, args, input });
  const bytes = Buffer.concat(input.filter((piece) => piece !== NOTHING_YET));
  await sameAsNative(t, run, name, args, bytes, `${name} ${build ? JSON.stringify(build) : args.join(' ').slice(0, 60)}`);
  return run;
}

t.test('the interpreter runs every program as Linux does', async (t) => {
  for (const [name, { large }] of Object.entries(PROGRAMS)) await compare(t, name, large);
});

/** Lengths of slices: single ticks, primes, and such as end in the midst of everything. */
const SLICES = [1, 1, 2, 3, 7, 64, 1000, 4099, 20_011];

/** What one run in one go comes to: everything that is counted, and the registers. */
async function wholeRun(name: string, args: readonly string[], limitBytes: number): Promise<string[]> {
  const options = { args, limitBytes, memoryBytes: PAIR_MEMORY_BYTES, input: [LINES] };
  return describeState((await runGuest(guestImage(name), options)).computer);
}

const PAIR_MEMORY_BYTES = 8 * MIB;

t.test('the evaluator runs every program as Linux does, and as the interpreter after every slice', async (t) => {
  const random = new Random(SEED);
  for (const [name, { small, smallTicks = Infinity, limitBytes = GIB }] of Object.entries(PROGRAMS)) {
    const pair = new MachinePair({ memoryBytes: PAIR_MEMORY_BYTES, input: [LINES] });
    const argv = ['guest', ...small];
    t.equal(pair.start(await guestImage(name), { name: 'guest', limitBytes, argv }), undefined, `${name} starts`);
    let outcome = pair.run(1);
    while (outcome.kind === 'limit' && pair.interpreter.ticks < smallTicks) outcome = pair.run(random.pick(SLICES));
    if (outcome.kind === 'exited') {
      await sameAsNative(t, { output: pair.output, exitCode: outcome.exitCode }, name, small, LINES);
      const whole = await wholeRun(name, small, limitBytes);
      t.same(describeState(pair.interpreter), whole, `${name}: slices change nothing`);
    } else {
      t.equal(outcome.kind, 'limit');
      const { output } = await runNative(name, small, LINES);
      const { length } = pair.output;
      t.equal(firstDifference(pair.output, output.subarray(0, length)), undefined, `${name}: the first ${length} bytes`);
    }
  }
});

t.test('with so little memory that pages come and go, both engines see the same pages go', async (t) => {
  for (const [name, memoryBytes, maxTicks] of [
    ['relocations', 128 * 1024, Infinity],
    ['library', 192 * 1024, 60_000],
    ['nbody', 128 * 1024, Infinity],
    ['hello_world', 64 * 1024, Infinity],
  ] as const) {
    const random = new Random(SEED);
    const pair = new MachinePair({ memoryBytes });
    const { small } = PROGRAMS[name]!;
    const argv = ['guest', ...small];
    const refusal = pair.start(await guestImage(name), { name: 'guest', limitBytes: MIB, argv });
    t.equal(refusal, undefined, `${name} starts`);
    let outcome = pair.run(1);
    while (outcome.kind === 'limit' && pair.interpreter.ticks < maxTicks) outcome = pair.run(random.pick(SLICES));
    t.comment(name, outcome.kind, pair.interpreter.statistics);
  }
});

t.test('programs that are compiled in other ways', async (t) => {
  const gcc = (...compilerOptions: string[]): Build => ({ compilerOptions });
  const fixed = gcc('-no-pie', '-Wl,-Ttext-segment=0x400000');
  for (const name of ['library', 'nbody', 'qsort', 'sha256', 'heap', 'matmul', 'mix']) {
    const { large } = PROGRAMS[name]!;
    for (const build of [gcc('-O0'), gcc('-O3'), gcc('-Os')]) await compare(t, name, large, { build });
  }
  for (const name of ['hello_world', 'relocations', 'hash']) await compare(t, name, PROGRAMS[name]!.large, { build: fixed });
  const relr = gcc('-Wl,-z,pack-relative-relocs');
  await compare(t, 'relocations', [], { build: relr });
});

t.test('programs that clang compiles', { skip: !isInstalled('clang') && 'clang is not installed' }, async (t) => {
  for (const [name, { large }] of Object.entries(PROGRAMS)) await compare(t, name, large, { build: { compiler: 'clang' } });
});

t.test('sparse costs a frame for each gigabyte that it touches, page tables, and a few more', async (t) => {
  for (const engine of ['interpreter', 'evaluator'] as const) {
    const peak = { data: 0, tables: 0 };
    const onFault = (): void => {
      const { clean, private: privates, tables } = run.statistics.frames;
      peak.data = Math.max(peak.data, clean + privates);
    };
    void onFault;
    void engine;
  }
  t.end();
});
