/** n steps of a thread back and n steps forth lead to the same state, for any n, at any place of a run, on every engine. */
import t from 'tap';
import { attachDebugger, attachTimeline, Computer, type Console, type Debugger } from '../../src/index.js';
import { guestImage, sha256 } from '../support/guest-programs.js';
import { Random } from '../support/random.js';
import { ALL_ENGINES, ENGINES, type EngineOptions } from '../support/side-by-side.js';
import { machineFor, MIB, programs } from '../support/snapshot-programs.js';
import { seedOf, someNamed, someOf, volume } from '../support/volume.js';

const seed = seedOf(20261130);
const STEPS_MAX = volume(20, 100);
/** The evaluator takes most of the time. */
const MOMENTS = { slow: volume(2, 1), fast: volume(2, 3) } as const;
/** Ticks before the first moment, at most: the evaluator is slow. */
const TICKS = { slow: 5000, fast: 200_000 } as const;

/** Nothing is typed, and nobody reads. */
const SILENT: Console = { write: () => {}, read: () => 'end' };

t.setTimeout(0);

/** Lets the machine run for some ticks, with a snapshot here and there. Returns false if all programs have ended. */
function runFor(debug: Debugger, ticks: number, random: Random): boolean {
  const end = debug.ticks + ticks;
  while (debug.ticks < end) {
    const reason = debug.run(debug.continue(), { maxTicks: Math.min(end - debug.ticks, 1 + random.below(20_000)) });
    if (random.chance(3)) debug.timeline!.keepNow();
    if (debug.threads.length === 0) return false;
    if (reason?.kind === 'waiting' && reason.until === Infinity) return false;
    if (reason?.kind === 'waiting') debug.passTime(reason.until);
  }
  return true;
}

/** Takes a step, whatever else happens meanwhile. Returns false if the thread can take none. */
function stepForth(debug: Debugger, tid: number): boolean {
  if (!debug.findThread(tid)) return false;
  const rip = debug.readRegister(tid, 'rip');
  for (;;) {
    const reason = debug.run(debug.step(tid));
    if (reason?.kind === 'stepped') return reason.tid === tid;
    const thread = debug.findThread(tid);
    if (!thread) return false;
    if (reason?.kind === 'waiting' && reason.until !== Infinity) debug.passTime(reason.until);
    else if (reason?.kind !== 'started' && reason?.kind !== 'exited') return false;
    // The call by which it has started or ended a process is its step.
    else if (thread.call === undefined && debug.readRegister(tid, 'rip') !== rip) return true;
  }
}

/** Steps a thread forth, back, and forth again. Returns what is wrong; undefined if nothing is. */
function failureFrom(
  debug: Debugger,
  hash: () => string,
  random: Random,
  most = 1 + random.below(STEPS_MAX),
): string | undefined {
  const begin = debug.ticks;
  const { tid } = random.pick(debug.threads);
  if (!stepForth(debug, tid)) return undefined;
  const hashes = [hash()];
  while (hashes.length <= most && stepForth(debug, tid)) hashes.push(hash());
  const n = hashes.length - 1;
  // The last one has ended it.
  if (!debug.findThread(tid)) return undefined;
  const where = `thread ${tid}, ${n} steps after tick ${begin}`;
  for (let step = 0; step < n; step++) {
    const reason = debug.back(tid);
    if (reason.kind !== 'stepped') return `${where}: ${reason.kind} after ${step} steps back`;
  }
  for (let step = 1; step <= n; step++) {
    if (!stepForth(debug, tid)) return `${where}: no step ${step} forth`;
    if (hash() !== hashes[step]) return `${where}: another state after ${step} steps forth`;
  }
  return undefined;
}

/** Guest programs that take longer, with arguments. */
const GUESTS: readonly (readonly [name: string, ...args: string[]])[] = [
  ...([['qsort', '3000'], ['heap_threads'], ['sha256'], ['nbody', '500'], ['snapshot'], ['sieve', '5000']] as const),
  ...([['fib', '14'], ['echo', 'once', 'more'], ['heap'], ['deepstack'], ['sparse'], ['cat']] as const),
];

/** Machines with a program at its beginning, by what they are called. */
const MACHINES: readonly (readonly [name: string, make: (engine: EngineOptions) => Promise<Computer>])[] = [
  ...programs.map((name) => [name, async (engine: EngineOptions) => machineFor(name, engine).computer] as const),
  ...GUESTS.map(
    (argv) =>
      [
        argv.join(' '),
        async (engine: EngineOptions) => {
          const computer = new Computer({ ...engine, memoryBytes: 64 * MIB, sha256, console: SILENT });
          computer.start(await guestImage(argv[0]), { name: argv[0], limitBytes: 1024 * MIB, argv: [...argv] });
          return computer;
        },
      ] as const,
  ),
];

t.test('over calls that wait until time has passed', async (t) => {
  const { computer } = machineFor('sleep', ENGINES.interpreter);
  const debug = attachDebugger(computer, attachTimeline(computer));
  const random = new Random(seed);
  runFor(debug, 2444, random);
  t.equal(
    failureFrom(debug, () => computer.machineHash(), random, 80),
    undefined,
  );
});

t.test('over turns that threads give up, and processes that end while others wait', async (t) => {
  const random = new Random(seed);
  let moments = 0;
  for (let times = volume(4, 40); times > 0; times--) {
    const { computer } = machineFor('thread_join', ENGINES.interpreter);
    const debug = attachDebugger(computer, attachTimeline(computer));
    // Processes start and end up to tick 2.02 million or so; some thousand threads follow, which end as soon as it is their turn.
    while (debug.threads.length > 0 && runFor(debug, 2000 + random.below(400_000), random)) {
      t.equal(
        failureFrom(debug, () => computer.machineHash(), random),
        undefined,
      );
      moments++;
    }
  }
  t.comment(`${moments} moments`);
});

const engines = someNamed<EngineOptions>(ALL_ENGINES, 2, seed, 0);
for (const [name, engine] of Object.entries(engines))
  t.test(`on the ${name}`, async (t) => {
    const random = new Random(seed);
    let checked = 0;
    const speed = name === 'evaluator' ? 'slow' : 'fast';
    for (const [program, make] of someOf(MACHINES, 5, seed, name.length)) {
      const computer = await make(engine);
      const debug = attachDebugger(computer, attachTimeline(computer));
      for (let times = MOMENTS[speed]; times > 0; times--) {
        if (!runFor(debug, random.below(TICKS[speed]), random)) break;
        const failure = failureFrom(debug, () => computer.machineHash(), random);
        if (failure !== undefined) t.fail(`${program}: ${failure}`);
        checked++;
      }
      if (checked > 0 && checked % 10 === 0) t.comment(`${checked} moments`);
    }
    t.ok(checked > 0, `${checked} moments`);
  });
