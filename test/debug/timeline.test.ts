/**
 * Going back in time: to any tick and forth again, to the last stop before now, and to the last store to a byte; with input from
 * outside, which a replay gets from its record, and without effects on the host.
 */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import {
  Computer,
  attachDebugger,
  DebugSession,
  attachTimeline,
  type Console,
  type Process,
  type Timeline,
} from '../../src/index.js';
import { compiled, guestImage, sha256 } from '../support/guest-programs.js';
import { sameMachines } from '../support/same-machines.js';
import { Random } from '../support/random.js';
import { machineFor } from '../support/snapshot-programs.js';
import { ENGINES, type EngineOptions } from '../support/side-by-side.js';
import { seedOf, someOf, volume } from '../support/volume.js';

const MIB = 2 ** 20;
const seed = seedOf(20261129);

t.setTimeout(0);

interface Machine {
  readonly computer: Computer;
  readonly program: Process;
  readonly output: () => string;
}

function machine(image: Uint8Array, engine: EngineOptions, argv: string[], input?: Console['read']): Machine {
  let output = '';
  const console: Console = {
    write: (bytes) => void (output += Buffer.from(bytes).toString('latin1')),
    read: input ?? (() => 'end'),
  };
  const computer = new Computer({ ...engine, memoryBytes: 64 * MIB, sha256, console });
  const program = computer.start(image, { name: argv[0]!, limitBytes: 1024 * MIB, argv });
  return { computer, program, output: () => output };
}

/** Runs a machine with snapshots every so many ticks. Returns the hashes at some ticks. */
function recorded(
  { computer, program }: Machine,
  timeline: Timeline,
  random: Random,
  most: number,
): Map<number, string> {
  const hashes = new Map([[computer.ticks, computer.machineHash()]]);
  while (!program.end && computer.ticks < most) {
    const outcome = computer.run(program, { maxTicks: 1 + random.below(most / 20) });
    if (outcome.kind === 'limit') hashes.set(computer.ticks, computer.machineHash());
    if (random.chance(3)) timeline.observe();
  }
  return hashes;
}

const PROGRAMS: readonly (readonly [string, ...string[]])[] = [
  ['qsort', '20000'],
  ['heap_threads'],
  ['sha256'],
  ['nbody', '2000'],
  ['snapshot'],
  ['sieve', '20000'],
];

/** For the evaluator, which is slow. */
const SHORT_PROGRAMS: readonly (readonly [string, ...string[]])[] = [
  ['fib', '8'],
  ['echo', 'once', 'more'],
];

t.test('every tick that was is the same again, there and back, on every engine', async (t) => {
  const random = new Random(seed);
  for (const [engine, options] of Object.entries(ENGINES))
    for (const argv of someOf(engine === 'evaluator' ? SHORT_PROGRAMS : PROGRAMS, 1, seed, engine.length)) {
      const made = machine(await guestImage(argv[0]), options, [...argv]);
      const { computer, program } = made;
      const timeline = attachTimeline(computer);
      const hashes = recorded(made, timeline, random, engine === 'evaluator' ? 20_000 : 1_000_000);
      const ticks = [...hashes.keys()];
      const present = computer.machineHash();
      for (let times = volume(8, 60); times > 0; times--) {
        const tick = random.pick(ticks);
        timeline.goto(tick);
        if (computer.machineHash() !== hashes.get(tick)) t.fail(`${argv[0]}, ${engine}: tick ${tick}`);
        const [back, forth] = [random.below(200), random.below(200)];
        if (tick < timeline.begin + back + 1 || tick + forth > timeline.end) continue;
        timeline.goto(tick - back);
        const there = computer.machineHash();
        timeline.goto(tick + forth);
        timeline.goto(tick - back);
        if (computer.machineHash() !== there) t.fail(`${argv[0]}, ${engine}: ${back} ticks before ${tick}`);
      }
      timeline.gotoPresent();
      t.equal(computer.machineHash(), present, `${argv[0]}, ${engine}`);
      const outcome = computer.run(program);
      const alone = machine(await guestImage(argv[0]), options, [...argv]);
      t.equal(alone.computer.run(alone.program).kind, outcome.kind);
      sameMachines(t, computer, alone.computer, 'and goes on as if nothing had been');
      t.equal(made.output(), alone.output(), 'with every byte written once');
    }
  t.end();
});

t.test('a day in which all threads wait costs no snapshots, and is repeated at once', async (t) => {
  const day = 86_400_000_000_000;
  const { computer } = machineFor('sleep', ENGINES.translator);
  const timeline = attachTimeline(computer);
  const debug = attachDebugger(computer, timeline);
  const end = 1_001_005_000_000 + Math.floor(day / 2);
  debug.run(debug.continue(), { maxTicks: end });
  t.equal(computer.ticks, end);
  t.ok(timeline.statistics.snapshots < 10, `${timeline.statistics.snapshots} snapshots`);
  const present = computer.machineHash();
  const stepsTo = (tick: number): number => [...debug.gotoInSteps(tick)].length;
  t.ok(stepsTo(timeline.begin) < 100);
  t.ok(stepsTo(end - 1000) < 100, 'steps of some ten milliseconds');
  t.equal(debug.run(debug.continue(), { maxTicks: 1000, maxInstructions: 1 }), undefined);
  t.strictSame([computer.ticks, computer.machineHash()], [end, present]);
  t.end();
});

t.test('input comes again in a replay, and output does not', async (t) => {
  const pieces = ['one\n', '', '', 'two\n', 'three and a longer line\n', ''];
  const made = machine(await guestImage('cat'), ENGINES.translator, ['cat'], () => {
    const piece = pieces.shift();
    if (piece === undefined) return 'end';
    return piece === '' ? undefined : Buffer.from(piece);
  });
  const { computer, program } = made;
  const timeline = attachTimeline(computer);
  const hashes = new Map<number, string>();
  while (!program.end) {
    const { kind } = computer.run(program, { maxTicks: 500 });
    if (kind === 'limit') hashes.set(computer.ticks, computer.machineHash());
  }
  t.equal(made.output(), 'one\ntwo\nthree and a longer line\n');
  for (const [tick, hash] of [...hashes].reverse()) {
    timeline.goto(tick);
    if (tick < timeline.end) t.equal(computer.machineHash(), hash, `tick ${tick}`);
  }
  timeline.goto(timeline.begin);
  timeline.runTo(timeline.end);
  t.equal(made.output(), 'one\ntwo\nthree and a longer line\n');
  t.end();
});

t.test('the last store to a byte is found, whatever was stored', async (t) => {
  const image = await compiled(fileURLToPath(new URL('../../../test/debug/stores.c', import.meta.url)));
  const random = new Random(seed);
  for (let times = volume(4, 100); times > 0; times--) {
    const planted = random.below(200_000);
    const place = random.below(8192);
    const isSame = random.chance(2);
    const argv = ['stores', String(planted), String(place), ...(isSame ? ['same'] : [])];
    const { computer, program, output } = machine(image, ENGINES.translator, argv);
    const timeline = attachTimeline(computer);
    const debug = attachDebugger(computer, timeline);
    while (!program.end && !debug.run(debug.continue(), { maxTicks: 500_000 })) timeline.observe();
    const bytes = BigInt(output().trim());
    debug.goto(timeline.end - 20);
    const now = computer.machineHash();
    const found = debug.whoWrote(bytes + BigInt(place), 1);
    t.ok(found, `store ${planted} to ${place}`);
    if (!found) continue;
    t.equal(found.after[0], isSame ? 0 : 7);
    t.equal(found.pid, program.pid);
    t.equal(computer.machineHash(), now, 'the machine stays where it is');
    t.equal(debug.whoWrote(2n ** 64n - 1n, 8), undefined, 'the end of the address space is the end');
    debug.goto(found.tick);
    t.equal(computer.readMemory(bytes + BigInt(place), 1)[0], found.after[0]);
  }
  t.end();
});

t.test('a search of the past can be given up at any step, and leaves the machine where it was', async (t) => {
  const { computer, program } = machine(await guestImage('fib'), ENGINES.translator, ['fib', '30']);
  const timeline = attachTimeline(computer);
  const debug = attachDebugger(computer, timeline);
  const printed: string[] = [];
  const session = new DebugSession(debug, {
    programPid: program.pid,
    print: (...lines) => void printed.push(...lines),
  });
  debug.run(debug.continue(), { maxTicks: 15_000_000 });
  const now = computer.ticks;
  const hash = computer.machineHash();
  const never = { kind: 'code', address: 0x1000n } as const;
  const stops = [debug.addStop(never)];
  const begin = (): number => {
    let steps = 0;
    while (steps < 3 && debug.resume({ direction: 'backward', maxTicks: 1 }) === undefined) steps++;
    t.not(computer.ticks, now, 'it looks at the past');
    return steps;
  };
  t.equal(begin(), 3);
  debug.cancel();
  t.strictSame([computer.ticks, computer.machineHash()], [now, hash]);
  begin();
  stops.push(debug.addStop(never));
  t.equal(debug.resume({ direction: 'forward', maxTicks: 1 }), undefined, 'or for another motion');
  t.equal(computer.ticks, now + 1);
  debug.goto(now);
  t.equal(computer.machineHash(), hash);
  const sessions = ['reverse-continue', 'reverse-finish', 'goto 14000000'];
  for (const command of sessions) {
    session.execute(command);
    session.runSlice(1);
    t.ok(session.isRunning, command);
    session.interrupt();
    t.notOk(session.isRunning);
    t.match(printed.at(-2), new RegExp(`^interrupted, thread 1, tick ${now}: `));
    t.strictSame([computer.ticks, computer.machineHash()], [now, hash], command);
  }
  t.equal(debug.back().kind, 'history-begin');
  debug.goto(timeline.end);
  for (const stop of stops) debug.removeStop(stop);
  const atOnce = debug.resume({ direction: 'backward', maxTicks: 1 });
  t.strictSame(
    [atOnce?.kind, computer.ticks],
    ['history-begin', timeline.begin],
    'nothing to stop at is not looked for',
  );
  t.end();
});

t.test('a run with a history is the same as one without, at every million ticks', async (t) => {
  const million = 1_000_000;
  const programs: typeof PROGRAMS = [['qsort', '60000'], ['heap_threads'], ['sieve', '300000']];
  for (const [name, ...args] of someOf(programs, 1, seed, 3)) {
    const argv = [name, ...args];
    const hashesOf = async (attach: (computer: Computer) => (maxTicks: number) => void): Promise<string[]> => {
      const { computer, program, output } = machine(await guestImage(name), ENGINES.translator, argv);
      const runOn = attach(computer);
      const hashes: string[] = [];
      while (!program.end) {
        const next = (Math.floor(computer.ticks / million) + 1) * million;
        while (!program.end && computer.ticks < next) runOn(next - computer.ticks);
        hashes.push(`${computer.ticks} ${computer.machineHash()}`);
      }
      return [...hashes, output()];
    };
    const plain = await hashesOf((computer) => (maxTicks) => void computer.run(computer.programs[0]!, { maxTicks }));
    const kept = await hashesOf((computer) => {
      // Every slice has a snapshot, and most of them are thinned out.
      let now = 0;
      const timeline = attachTimeline(computer, { historyBytes: 2 * MIB, now: () => (now += 1000) });
      const debug = attachDebugger(computer, timeline);
      debug.addStop({ kind: 'write', address: computer.programs[0]!.start, lengthBytes: 8 });
      return (maxTicks) => {
        debug.run(debug.continue(), { maxTicks: Math.min(maxTicks, 300_000) });
        timeline.observe();
      };
    });
    t.ok(plain.length > 3);
    t.same(kept, plain, name);
  }
});
