/**
 * Mixed programs with code and data stops that are added and removed at random while they run: every engine stops at the
 * same places, and the machine passes through the same states as one without stops.
 */
import t from 'tap';
import { RSP } from '../../src/cpu/state/layout.js';
import type { AddressRange } from '../../src/mmu/fence.js';
import type { DataStopKind } from '../../src/mmu/data-stops.js';
import type { Computer, MachineStop } from '../../src/index.js';
import { MixedPrograms, type Meddling } from '../support/mixed-programs.js';
import type { Random } from '../support/random.js';
import { ALL_ENGINES, evaluatorAnd } from '../support/side-by-side.js';
import { seedOf, volume } from '../support/volume.js';

const PROGRAMS = volume(4, 60);
const FIRST_SEED = seedOf(1);
const TICKS = volume(20_000, 60_000);
const EVERY = 10_000;
/** Most stops at a time. */
const MOST_STOPS = 40;

t.setTimeout(0);

t.test('random stops are the same on all engines, and leave no trace', async (t) => {
  const seen = { code: 0, data: 0, trap: 0, started: 0, requested: 0, call: 0, turn: 0, armed: 0 };
  for (let seed = FIRST_SEED; seed < FIRST_SEED + PROGRAMS; seed++) {
    const programs = await MixedPrograms.of(seed);
    const expected = programs.run(ALL_ENGINES.interpreter, seed + 1, TICKS, EVERY);
    let expectedStops: readonly string[] | undefined;
    for (const [name, engine] of Object.entries(evaluatorAnd(2, FIRST_SEED, seed))) {
      const stops = new RandomStops();
      const actual = programs.run(engine, seed, TICKS, EVERY, stops);
      expectedStops ??= stops.log;
      const count = Math.max(stops.log.length, expectedStops.length);
      const difference = Array.from({ length: count }, (_, i) => i).find((i) => stops.log[i] !== expectedStops![i]);
      if (difference !== undefined) {
        const [actual, expected] = [stops.log, expectedStops].map((log) => log.slice(Math.max(0, difference - 3), difference + 3)); // prettier-ignore
        t.same(actual, expected, `${programs.story} on the ${name}`);
      }
      if (JSON.stringify(actual) !== JSON.stringify(expected))
        t.fail(
          `${programs.story} on the ${name}: ${programs.differences(
            [ALL_ENGINES.interpreter, seed + 1, TICKS, EVERY],
            [engine, seed, TICKS, EVERY, new RandomStops()],
          )}`,
        );
      for (const kind of stops.kinds) seen[kind]++;
      seen.armed += stops.armed;
    }
  }
  t.comment(JSON.stringify(seen));
  // What a day's few programs do depends on its seed.
  t.ok(seen.code + seen.data > 20 && seen.armed > 100, JSON.stringify(seen));
});

type Armed = { readonly range: AddressRange; readonly kind: DataStopKind | 'code' };

/** Adds and removes stops between slices, near what the current thread works with. */
class RandomStops implements Meddling {
  readonly log: string[] = [];
  readonly kinds: MachineStop['kind'][] = [];
  armed = 0;
  private readonly stops: Armed[] = [];

  beforeSlice({ parts: { cpu, kernel } }: Computer, random: Random): void {
    kernel.stops.stopsAtTraps = random.chance(2);
    kernel.stops.stopsAtStarts = random.chance(2);
    kernel.stops.stopsAtCalls = random.chance(3);
    if (this.stops.length > 0 && random.chance(2)) this.remove(cpu, random.below(this.stops.length));
    if (this.stops.length >= MOST_STOPS) this.remove(cpu, 0);
    for (let left = random.below(4); left > 0; left--) this.add(cpu, random);
  }

  stopped({ ticks, parts: { cpu } }: Computer, random: Random, stop: MachineStop): void {
    this.kinds.push(stop.kind);
    this.log.push(`${ticks} ${describe(stop)}`);
    // A stop that is hit all the time would take the whole run.
    if (random.chance(8) && this.stops.length > 0) this.remove(cpu, random.below(this.stops.length));
  }

  private add(cpu: Computer['parts']['cpu'], random: Random): void {
    this.armed++;
    const kind = random.pick(['code', 'code', 'read', 'write', 'access'] as const);
    const near = kind === 'code' ? cpu.state.rip : cpu.state.gpr(random.chance(2) ? RSP : random.below(16));
    const start = Number(BigInt.asUintN(47, near)) + random.below(random.pick([1, 16, 64, 4096]));
    const length = 1 + random.below(kind === 'code' ? random.pick([1, 4]) : random.pick([1, 8, 300, 9000]));
    const range = { start, end: start + length };
    if (kind === 'code') cpu.codeStops.add(range);
    else cpu.mmu.derived.addDataStop(range, kind);
    this.stops.push({ range, kind });
  }

  private remove(cpu: Computer['parts']['cpu'], index: number): void {
    const [{ range, kind }] = this.stops.splice(index, 1) as [Armed];
    if (kind === 'code') cpu.codeStops.delete(range);
    else cpu.mmu.derived.removeDataStop(range, kind);
  }
}

function describe(stop: MachineStop): string {
  switch (stop.kind) {
    case 'code':
      return `thread ${stop.thread.tid} at ${stop.address.toString(16)}`;
    case 'data':
      return `thread ${stop.thread.tid} ${stop.accesses.map(({ access, start, end, stopped }) => `${access} ${start.toString(16)} ${end - start} ${stopped - start}`).join(', ')}`; // prettier-ignore
    case 'trap':
      return `thread ${stop.thread.tid} ${stop.report.cause} at ${stop.report.rip}`;
    case 'started':
      return `process ${stop.process.pid}`;
    default:
      return `turn of thread ${stop.thread.tid}`;
  }
}
