/**
 * Snapshots of whole machines: going back gives the state that was, and what follows is what followed, on every engine. The
 * programs are those that check each kernel-call, which between them have objects of every kind.
 */
import t from 'tap';
import { Computer, type Snapshot } from '../../src/index.js';
import { guestImage, sha256 } from '../support/guest-programs.js';
import { Random } from '../support/random.js';
import { ENGINES } from '../support/side-by-side.js';
import { length, machineFor, MIB, programs, runTo } from '../support/snapshot-programs.js';
import { undescribed } from '../support/undescribed.js';
import { seedOf, someOf, volume } from '../support/volume.js';

const seed = seedOf(20261129);

t.setTimeout(0);

t.test('going back and forth gives the states that were, on every engine', (t) => {
  const random = new Random(seed);
  let points = 0;
  for (const name of someOf(programs, 12, seed, 0)) {
    const ticks = length(name);
    const engines = Object.entries(ENGINES).filter(([engine]) => engine !== 'evaluator' || ticks < 100_000);
    for (const [engine, options] of engines) {
      const { computer, program } = machineFor(name, options);
      const taken: { snapshot: Snapshot; hash: string }[] = [];
      const stops = Array.from({ length: volume(3, 20) }, () => random.below(ticks)).sort((a, b) => a - b);
      for (const stop of [0, ...stops, ticks]) {
        runTo(computer, program, stop);
        if (program.end) break;
        const snapshot = computer.snapshot();
        taken.push({ snapshot, hash: computer.machineHash() });
      }
      for (let times = volume(3, 40); times > 0; times--) {
        const index = random.below(taken.length);
        const { snapshot, hash } = taken[index]!;
        computer.restore(snapshot);
        points++;
        if (computer.machineHash() !== hash) {
          t.fail(
            `${name}, ${engine}: restored tick ${snapshot.tick}: ${snapshot.differencesTo(computer.snapshot()).join('\n')}`,
          );
          break;
        }
        const next = taken[index + 1];
        if (!next) continue;
        runTo(computer, program, next.snapshot.tick);
        if (computer.machineHash() !== next.hash) {
          t.fail(
            `${name}, ${engine}: tick ${snapshot.tick} to ${next.snapshot.tick}: ` +
              next.snapshot.differencesTo(computer.snapshot()).join('\n'),
          );
          break;
        }
      }
    }
  }
  t.ok(points > volume(60, 400), `${points} times back`);
  t.end();
});

t.test('taking snapshots leaves no trace', async (t) => {
  const image = await guestImage('qsort');
  const hashes = [true, false].map((takes) => {
    const computer = new Computer({ memoryBytes: 64 * MIB, sha256 });
    const program = computer.start(image, { name: 'qsort', limitBytes: 1024 * MIB });
    const found: string[] = [];
    for (let tick = 100_000; !program.end; tick += 100_000) {
      runTo(computer, program, tick);
      if (takes) computer.snapshot();
      if (tick % 1_000_000 === 0) found.push(computer.machineHash());
    }
    return [...found, computer.machineHash()];
  });
  t.ok(hashes[0]!.length > 3);
  t.same(hashes[0], hashes[1]);
  t.end();
});

t.test('every field of every object is described', (t) => {
  const random = new Random(seed);
  const found = new Set<string>();
  for (const name of someOf(programs, 12, seed, 0)) {
    const { computer, program } = machineFor(name, ENGINES.interpreter);
    const ticks = length(name);
    for (let times = 0; times < 5; times++) {
      runTo(computer, program, computer.ticks + random.below(Math.max(1, Math.floor(ticks / 3))));
      for (const field of undescribed(computer['state']['roots'], 'machine')) found.add(field);
    }
  }
  t.same([...found], []);
  t.end();
});
