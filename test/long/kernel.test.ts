/**
 * More of test/kernel: 1,000 seeds of random kernel-calls, all states of three threads at a mutex and of a heap that nobody has
 * asked for yet, 50 mixed programs for millions of ticks, 100,000 starts and exits, 100,000 spawns and joins.
 */
import t from 'tap';
import { fuzzCalls } from '../support/call-fuzz.js';
import { blocksNobody, exploreHeap } from '../support/explored-heap.js';
import { atMostOneInside, exploreWords } from '../support/explored-words.js';
import { memoryInUse } from '../support/memory-in-use.js';
import { MixedPrograms } from '../support/mixed-programs.js';
import { churnProcesses, churnThreads } from '../support/process-churn.js';
import { ALL_ENGINES } from '../support/side-by-side.js';

const SEEDS = 1000;
/** After so many of them it says how far it is. */
const PROGRESS = 50;
const FRAMES = 256;
const CALLS = 10_000;
const PROGRAMS = 50;
const TICKS = 3_000_000;
const EVERY = 1_000_000;
const CHURN = 100_000;
/** What a garbage collector may leave at one time or another. */
const HEAP_GROWTH_MAX = 2 ** 20;

t.setTimeout(0);

t.test(`${SEEDS} seeds of random kernel-calls`, { timeout: 0 }, (t) => {
  for (let seed = 1; seed <= SEEDS; seed++)
    try {
      fuzzCalls(seed, FRAMES, CALLS);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    } finally {
      if (seed % PROGRESS === 0) t.comment(`${seed} seeds`);
    }
  t.pass('the host survives them');
  t.end();
});

t.test('three threads have a mutex one after another, in every order', { timeout: 0 }, async (t) => {
  const graph = await exploreWords(['MUTEX=3'], atMostOneInside);
  t.comment(`${graph.size} states, ${graph.steps} steps`);
  t.same(graph.stuck, []);
});

t.test('threads that advance the heap may ask at the same time where it is', { timeout: 0 }, async (t) => {
  const { graph, endings } = await exploreHeap('-DCOLD');
  t.same([...endings], ['true,true true']);
  blocksNobody(t, graph);
});

t.test(`${PROGRAMS} mixes of programs are the same on each engine every million ticks`, { timeout: 0 }, async (t) => {
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const programs = await MixedPrograms.of(seed);
    const expected = programs.run(ALL_ENGINES.evaluator, seed, TICKS, EVERY);
    for (const [index, [name, engine]] of Object.entries({
      ...ALL_ENGINES,
      again: ALL_ENGINES.interpreter,
    }).entries()) {
      const run = [engine, seed * 100 + index, TICKS, EVERY] as const;
      if (JSON.stringify(programs.run(...run)) === JSON.stringify(expected)) continue;
      const words = programs.differences([ALL_ENGINES.evaluator, seed, TICKS, EVERY], run);
      t.fail(`${programs.story} on the ${name}: ${words}`);
    }
  }
});

t.test(`${CHURN} starts and exits leave nothing behind, with bd0 or its host`, { timeout: 0 }, (t) => {
  churnProcesses(CHURN / 10);
  const { heap } = memoryInUse();
  const { before, after } = churnProcesses(CHURN);
  t.same(after, before);
  const grown = memoryInUse().heap - heap;
  t.ok(grown <= HEAP_GROWTH_MAX, `${grown} bytes`);
  t.end();
});

t.test(`${CHURN} spawns and joins leave nothing behind, with bd0 or its host`, { timeout: 0 }, (t) => {
  churnThreads(CHURN / 10);
  const { heap } = memoryInUse();
  t.match(churnThreads(CHURN), { exitCode: 0, framesGrown: 0 });
  const grown = memoryInUse().heap - heap;
  t.ok(grown <= HEAP_GROWTH_MAX, `${grown} bytes`);
  t.end();
});
