/**
 * Random code at CPL 0 over random page tables, with accesses to devices: it ends in an event of the guest, a reset or the limit,
 * never in an exception of the host, and alike on all engines.
 */
import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { Random } from '../../support/random.js';
import { RandomMachines, type MachineEnd } from '../../support/random-machine.js';
import { seedOf, volume } from '../../support/volume.js';

t.setTimeout(0);

const SEED = seedOf(20261201);
const MACHINES = volume(200, 20_000);
const TICKS = volume(800, 2_000);
/** Bytes that the process may have grown by in the second half of the machines. */
const MOST_GROWTH = 200 * 2 ** 20;
/** Machines between two turns of the event loop, in which V8 frees the modules of regions that are gone. */
const BETWEEN_TURNS = 10;
/** Machines after which a long run says how far it is. */
const BETWEEN_REPORTS = 1000;

t.test('random machines end alike on all engines', async (t) => {
  const engines = { evaluator: new RandomMachines('evaluator'), interpreter: new RandomMachines('interpreter') };
  const hot = new RandomMachines('auto', 0);
  const ends = new Map<string, number>();
  let [ticks, half] = [0, Infinity];
  for (let number = 0; number < MACHINES; number++) {
    const run = (machines: RandomMachines): MachineEnd => machines.run(new Random(SEED + number), TICKS);
    const expected = run(engines.evaluator);
    const found = [run(engines.interpreter), ...(number % 10 === 0 ? [run(hot)] : [])];
    for (const end of found) if (String(end) !== String(expected)) t.same(end, expected, `machine ${SEED + number}`);
    ends.set(expected[0], (ends.get(expected[0]) ?? 0) + 1);
    ticks += expected[1];
    if (number % BETWEEN_TURNS === 0) await setImmediate();
    if (number % BETWEEN_REPORTS === BETWEEN_REPORTS - 1) t.comment(`${number + 1} machines`);
    if (number === MACHINES >> 1) half = process.memoryUsage.rss();
  }
  t.comment(`seed ${SEED}; ends: ${JSON.stringify([...ends])}; ${Math.round(ticks / MACHINES)} ticks each`);
  t.ok(process.memoryUsage.rss() - half < MOST_GROWTH, 'the process does not grow');
  t.ok(ticks / MACHINES > 30, 'machines run for a while');
  t.ok(ends.size >= 3, 'they end in several ways');
});

t.test('code that is mapped anew at each instruction is soon left to the interpreter', async (t) => {
  const ticks = 400;
  const hot = new RandomMachines('auto', 0);
  // Most of its instructions store to the tables that map them.
  const seed = 20261471;
  const end = hot.run(new Random(seed), ticks);
  t.same(end, new RandomMachines('interpreter').run(new Random(seed), ticks));
  t.equal(end[1], ticks);
  const { modules, resumed } = hot.translated;
  t.ok(modules > 1 && modules < ticks / 4, `${modules} modules`);
  t.ok(resumed < 20 * ticks, `${resumed} regions taken back`);
});
