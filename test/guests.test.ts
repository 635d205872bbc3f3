/** Every guest program prints and answers on BD0 what its native build does, and all engines agree after every tick. */
import t, { type Test } from 'tap';
import { Computer } from '../src/index.js';
import {
  firstDifference,
  guestImage,
  isInstalled,
  NOTHING_YET,
  programNames,
  runGuest,
  runNative,
  ScriptedConsole,
  sha256,
  type Build,
  type GuestOptions,
  type GuestRun,
  type InputPiece,
  type Run,
} from './support/guest-programs.js';
import { sameMachines } from './support/same-machines.js';
import { Random } from './support/random.js';
import { ALL_ENGINES, ENGINES, SideBySide } from './support/side-by-side.js';
import { seedOf, someOf, volume } from './support/volume.js';

const SEED = seedOf(20250317);
const KIB = 2 ** 10;
const MIB = 2 ** 20;
const GIB = 2 ** 30;
const PAGE = 4096;

/** How a program is run in these tests. */
interface Program {
  /** Arguments that make enough work for the interpreter. */
  readonly large: readonly string[];
  /** Arguments that are not too much for the evaluator. */
  readonly small: readonly string[];
  /** Where no argument makes it little enough, the evaluator stops after so many ticks, in the midst of it. */
  readonly smallTicks?: number;
  readonly memoryBytes?: number;
  readonly limitBytes?: number;
}

const PROGRAMS: Readonly<Record<string, Program>> = {
  alu: { large: ['300000'], small: ['1000'] },
  bytecode: { large: ['3000'], small: ['30'] },
  calls: { large: ['20000'], small: ['200'] },
  cat: { large: [], small: [], memoryBytes: 4 * MIB },
  chase: { large: ['50000', '2'], small: ['100', '1'], smallTicks: volume(30_000, 200_000) },
  copy: { large: ['5'], small: ['1'], smallTicks: volume(30_000, 200_000) },
  copyloop: { large: ['3'], small: ['1'], smallTicks: volume(30_000, 200_000) },
  core: { large: ['100'], small: ['1'], smallTicks: volume(30_000, 200_000) },
  deepstack: { large: ['64'], small: ['1'], memoryBytes: 96 * MIB },
  echo: { large: ['a', '', 'b c'], small: ['a', '', 'b c'], memoryBytes: 4 * MIB },
  faults: { large: ['3000'], small: ['50'] },
  fib: { large: ['24'], small: ['16'] },
  formats: { large: ['5', '1'], small: ['1', '1'], smallTicks: volume(30_000, 200_000) },
  functions: { large: ['100'], small: ['3'], smallTicks: volume(50_000, 300_000) },
  hash: { large: ['60000'], small: ['300'] },
  heap: { large: ['20000'], small: ['30'] },
  heap_threads: { large: ['300'], small: ['10'] },
  hello_world: { large: [], small: [] },
  library: { large: ['300'], small: ['20'], smallTicks: volume(50_000, 300_000) },
  lz: { large: ['2'], small: ['1'], smallTicks: volume(30_000, 200_000) },
  mandelbrot: { large: ['40'], small: ['4'] },
  matmul: { large: ['40'], small: ['8'] },
  mem: { large: ['3'], small: ['1'], smallTicks: volume(30_000, 200_000) },
  mix: { large: ['5000'], small: ['20'] },
  nbody: { large: ['2000'], small: ['10'] },
  paging: { large: ['5000'], small: ['200'] },
  qsort: { large: ['10000'], small: ['200'] },
  relocations: { large: [], small: [] },
  sha256: { large: ['100'], small: ['1'] },
  sieve: { large: ['200000'], small: ['3000'] },
  simd: { large: ['30'], small: ['1'], smallTicks: volume(30_000, 200_000) },
  snapshot: { large: ['20000'], small: ['100'] },
  sparse: { large: ['32'], small: ['32'], limitBytes: 32 * GIB },
  stream: { large: ['2', '256'], small: ['1', '4'] },
  threads: { large: ['1000'], small: ['1'], smallTicks: volume(50_000, 300_000) },
};

// What a test may cost is for whoever runs it to say, not for a busy machine.
t.setTimeout(0);

/** One of a few for each index: another one each day; all of them in long runs. */
function some<T>(choices: readonly T[], index: number): readonly T[] {
  return someOf(choices, 1, SEED, index);
}

/** One in `every` programs, others the next day; all of them in long runs. */
function chosen(every: number): readonly string[] {
  return programNames.filter((_, index) =>
    someOf(
      Array.from({ length: every }, (_, i) => i),
      1,
      SEED,
      index,
    ).includes(0),
  );
}

t.same(Object.keys(PROGRAMS), programNames, 'no program is left out');

const LINES = new TextEncoder().encode('first line\nthe second, somewhat longer than a buffer\n\nthe last has no end');

/** Compares what a program did with what its native build does. */
async function sameAsNative(
  t: Test,
  run: Run,
  { name, args, input = LINES }: { name: string; args: readonly string[]; input?: Uint8Array },
  what: string,
): Promise<void> {
  const native = await runNative(name, args, input);
  t.equal(firstDifference(run.output, native.output), undefined, `${what}: output`);
  t.equal(run.exitCode, native.exitCode, `${what}: exit code`);
}

/** Runs a program, on the interpreter if not told, compares it with its native build, and looks for what it left. */
async function compare(
  t: Test,
  name: string,
  { build, what = '', ...options }: GuestOptions & { build?: Build; what?: string } = {},
): Promise<GuestRun> {
  const { large: args, memoryBytes = 32 * MIB, limitBytes = GIB } = PROGRAMS[name]!;
  const chosen = { ...ENGINES.interpreter, args, memoryBytes, limitBytes, input: [LINES], ...options };
  const run = await runGuest(guestImage(name, build), chosen);
  const input = Buffer.concat(chosen.input.filter((piece) => piece !== NOTHING_YET));
  await sameAsNative(t, run, { name, args: chosen.args, input }, what || `${name} ${chosen.args.join(' ')}`);
  const { tables, private: privates, clean, idle } = run.statistics.frames;
  t.same({ tables, privates, used: clean - idle }, { tables: 1, privates: 0, used: 0 }, 'all frames are given back');
  return run;
}

t.test('the interpreter runs every program as Linux does', async (t) => {
  const large = chosen(2);
  for (const name of programNames) {
    const { large: much, small, smallTicks } = PROGRAMS[name]!;
    const args = large.includes(name) || smallTicks !== undefined ? much : small;
    await compare(t, name, { args });
  }
});

t.test('the translator runs every program as Linux does', async (t) => {
  const engines = ['translator', 'translator at once', 'translator here and there'] as const;
  for (const [index, name] of chosen(4).entries())
    for (const engine of some(engines, index))
      await compare(t, name, { ...ALL_ENGINES[engine], what: `${name}, ${engine}` });
});

const SMALL_MEMORY_BYTES = 8 * MIB;

/** Lengths of slices: single ticks, primes, and such that every part of a program sees its end. */
const SLICE_TICKS = [1, 1, 2, 3, 7, 64, 1000, 4099, 20_011];

/** Runs a program on all engines, which are compared after each slice, until it ends or has used its ticks. */
async function runSideBySide(
  name: string,
  memoryBytes: number,
): Promise<{ machines: SideBySide; exitCode: number | undefined }> {
  const { small, smallTicks = Infinity, limitBytes = GIB } = PROGRAMS[name]!;
  const random = new Random(SEED);
  const machines = new SideBySide({ memoryBytes, input: [LINES] });
  const refusal = machines.start(await guestImage(name), { name: 'guest', limitBytes, argv: ['guest', ...small] });
  if (refusal !== undefined) throw new Error(`${name} does not start: ${refusal}`);
  for (;;) {
    const outcome = machines.run(random.pick(SLICE_TICKS));
    if (outcome.kind === 'exited') return { machines, exitCode: outcome.exitCode };
    if (outcome.kind !== 'limit') throw new Error(`${name} ended as ${outcome.kind}`);
    if (machines.computer.ticks > smallTicks) return { machines, exitCode: undefined };
  }
}

t.test('the evaluator runs every program as Linux does, and all engines are equal after every slice', async (t) => {
  for (const name of chosen(4)) {
    const { small: args, limitBytes = GIB } = PROGRAMS[name]!;
    const { machines, exitCode } = await runSideBySide(name, SMALL_MEMORY_BYTES);
    const { output } = machines;
    if (exitCode === undefined) {
      const native = await runNative(name, args, LINES);
      const expected = native.output.subarray(0, output.length);
      t.equal(firstDifference(output, expected), undefined, `${name}: the first ${output.length} bytes`);
      continue;
    }
    await sameAsNative(t, { output, exitCode }, { name, args }, name);
    const options = { args, limitBytes, memoryBytes: SMALL_MEMORY_BYTES, input: [LINES] };
    const whole = await runGuest(guestImage(name), { ...options, ...ENGINES.interpreter });
    sameMachines(t, machines.computer, whole.computer, `${name}: slices change nothing`);
  }
});

/** Without the evaluator: so far, with as many ticks between two looks. */
const LONG_RUN_TICKS = volume(150_000, 1_000_000);
const LOOK_TICKS = 10_000;

t.test('interpreter and translator have the same machine hash every ten thousand ticks', async (t) => {
  const { interpreter, translator, 'translator here and there': here } = ALL_ENGINES;
  for (const name of chosen(4)) {
    const { large, memoryBytes = 16 * MIB, limitBytes = GIB } = PROGRAMS[name]!;
    const machines = new SideBySide({ engines: { interpreter, translator, here }, memoryBytes, input: [LINES] });
    const refusal = machines.start(await guestImage(name), { name: 'guest', limitBytes, argv: ['guest', ...large] });
    t.equal(refusal, undefined, name);
    let looks = 0;
    while (machines.computer.ticks < LONG_RUN_TICKS && machines.run(LOOK_TICKS).kind === 'limit') looks++;
    t.ok(looks < 2 + LONG_RUN_TICKS / LOOK_TICKS, `${name}: equal ${looks + 1} times`);
  }
});

t.test('where a machine has fewer frames than a program has pages, they come and go as in any other', async (t) => {
  const { machines, exitCode } = await runSideBySide('paging', 128 * KIB);
  const { output, computer } = machines;
  await sameAsNative(t, { output, exitCode: exitCode! }, { name: 'paging', args: ['200'] }, 'all engines');
  t.ok(computer.statistics.frames.evictions > 200, 'code and tables are evicted, and come back');

  const { statistics } = await compare(t, 'paging', { memoryBytes: 128 * KIB });
  t.ok(statistics.frames.evictions > 1000, `${statistics.frames.evictions} evictions`);
});

t.test('programs run in the upper half of the address space', async (t) => {
  const lowerHalfBytes = 2 ** 47 - 2 ** 32 - PAGE;
  const names = ['hello_world', 'echo', 'qsort', 'relocations', 'heap', 'deepstack', 'sparse', 'nbody'];
  for (const [index, name] of someOf(names, 4, SEED, 0).entries())
    for (const engine of [
      'evaluator',
      ...some(['interpreter', 'translator', 'translator at once'], index),
    ] as (keyof typeof ALL_ENGINES)[]) {
      const { small: args, limitBytes = GIB } = PROGRAMS[name]!;
      const console = new ScriptedConsole([NOTHING_YET]);
      const computer = new Computer({ ...ALL_ENGINES[engine], memoryBytes: 16 * MIB, sha256, console });
      const filler = computer.start(await guestImage('cat'), { name: 'filler', limitBytes: lowerHalfBytes });
      t.equal(computer.run(filler).kind, 'waiting', 'the lower half is taken');
      const process = computer.start(await guestImage(name), { name, limitBytes, argv: ['guest', ...args] });
      t.equal(process.start, 0xffff_8000_0000_0000n);
      const outcome = computer.run(process);
      if (outcome.kind !== 'exited') throw new Error(`${name} ended as ${outcome.kind}`);
      const run = { output: console.output, exitCode: outcome.exitCode };
      await sameAsNative(t, run, { name, args }, `${name} on the ${engine}`);
    }
});

t.test('programs that are compiled with other options', async (t) => {
  for (const [index, name] of ['hash', 'heap', 'matmul', 'mix', 'nbody', 'qsort', 'relocations', 'sha256'].entries())
    for (const option of some(['-O0', '-O3', '-Os'], index))
      await compare(t, name, { build: { compilerOptions: [option] }, what: `${name} ${option}` });
  await compare(t, 'library', { build: { compilerOptions: ['-O3'] }, what: 'library -O3' });
  const fixed = ['-no-pie', '-Wl,-Ttext-segment=0x400000'];
  for (const name of ['hello_world', 'qsort', 'relocations'])
    await compare(t, name, { build: { compilerOptions: fixed }, what: `${name} at a fixed address` });
  const packed = ['-Wl,-z,pack-relative-relocs'];
  await compare(t, 'relocations', { build: { compilerOptions: packed }, what: 'relocations of DT_RELR' });
});

const clang = isInstalled('clang') ? {} : { skip: 'clang is not installed' };

t.test('programs that clang compiles', clang, async (t) => {
  for (const name of chosen(4)) await compare(t, name, { build: { compiler: 'clang' }, what: `${name} by clang` });
  await compare(t, 'library', { build: { compiler: 'clang', compilerOptions: ['-O0'] }, what: 'library by clang -O0' });
});

t.test('sparse costs a frame for each gigabyte, the page tables, and at most 40 more', async (t) => {
  for (const engine of ['interpreter', 'evaluator'] as const) {
    let peak = { data: 0, tables: 0 };
    const run = await compare(t, 'sparse', {
      engine,
      what: `sparse on the ${engine}`,
      onSlice: ({ statistics: { frames } }) => {
        const { clean, private: privates, tables } = frames;
        peak = { data: Math.max(peak.data, clean + privates), tables: Math.max(peak.tables, tables) };
      },
      sliceTicks: 10,
    });
    t.ok(peak.data <= 32 + 40, `${peak.data} frames besides page tables`);
    t.ok(peak.tables <= 1 + 1 + 2 * 34, `${peak.tables} page tables: a directory and a table for each gigabyte`);
    const { allocated, evictions } = run.statistics.frames;
    t.ok(allocated <= 32 + peak.tables + 40, `${allocated} frames were taken in all`);
    t.equal(evictions, 0);
  }
});

t.test('deepstack has 64 MiB of stack in frames of its own, and gives them back', async (t) => {
  let peak = 0;
  await compare(t, 'deepstack', {
    onSlice: ({ statistics }) => (peak = Math.max(peak, statistics.frames.private)),
    sliceTicks: 100_000,
  });
  t.ok(peak > (64 * MIB) / PAGE, `${peak} private frames`);
});

t.test('heap takes any number of blocks', async (t) => {
  for (const count of ['1', '2', '3', '1000', '60000'])
    await compare(t, 'heap', { args: [count], limitBytes: 64 * MIB, memoryBytes: 64 * MIB });
});

/** Pieces of `pieceBytes`, with a pause before, between and behind them. */
function inPieces(bytes: Uint8Array, pieceBytes: number): InputPiece[] {
  const pieces: InputPiece[] = [NOTHING_YET];
  for (let at = 0; at < bytes.length; at += pieceBytes) pieces.push(bytes.subarray(at, at + pieceBytes), NOTHING_YET);
  return pieces;
}

t.test('cat copies input of any size, at once or in pieces that come late', async (t) => {
  const random = new Random(SEED);
  for (const size of someOf([0, 1, 2, 4095, 4096, 4097, 65_535, 65_536, 65_537, 300_000], 5, SEED, 0)) {
    const bytes = Uint8Array.from({ length: size }, () => random.next());
    const whole = await compare(t, 'cat', { input: [bytes], what: `cat of ${size} bytes` });
    t.equal(whole.waits, 0);
    for (const pieceBytes of [1, 4096, 5000].filter((bytes) => size / bytes < 5000)) {
      const input = inPieces(bytes, pieceBytes);
      const pieces = input.filter((piece) => piece !== NOTHING_YET);
      const late = await compare(t, 'cat', { input, what: `cat of ${size} bytes in pieces of ${pieceBytes}` });
      t.equal(late.waits, input.length - pieces.length, 'it waits once for each pause');
      const prompt = await runGuest(guestImage('cat'), { memoryBytes: 4 * MIB, input: pieces });
      t.equal(late.statistics.ticks, prompt.statistics.ticks, 'no time passes while it waits');
    }
  }
  const slow = { engine: 'evaluator', input: inPieces(LINES, 5), sliceTicks: 1 } as const;
  await compare(t, 'cat', { ...slow, what: 'cat on the evaluator, tick by tick' });
});

t.test('every way of reading finds the end of the input, wherever it is', async (t) => {
  const text = new TextEncoder().encode('ab\ncdefghijklmnopqrstuvwxyz\n\nlast\n');
  for (const size of [0, 1, 4, 18, 27, text.length]) {
    const input = inPieces(text.subarray(0, size), 1 + (size % 5));
    const options = { ...ENGINES.translator, args: ['1'], input };
    await compare(t, 'library', { ...options, what: `library with ${size} bytes of input` });
  }
});

t.test('echo prints any arguments', async (t) => {
  const cases: string[][] = [
    [],
    [''],
    ['', '', ''],
    [' ', '  a  b  '],
    ['%s%n%d', '\\n', '\n', '\t\r', '"', "'", '$HOME', '*', '--', '-n'],
    ['ä ö ü', '漢字', '😀', '\u0001\u007f'],
    ['x'.repeat(4095), 'y'.repeat(4096), 'z'.repeat(4097)],
    ['w'.repeat(100_000)],
    Array.from({ length: 2000 }, (_, i) => 'a'.repeat(i % 40)),
  ];
  for (const args of cases) {
    const what = `echo of ${args.length} arguments of ${args.join('').length} characters`;
    await compare(t, 'echo', { args, what });
    await compare(t, 'echo', {
      args: args.slice(0, 10),
      engine: 'evaluator',
      limitBytes: MIB,
      what: `${what}, evaluator`,
    });
  }
});
