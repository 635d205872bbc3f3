/**
 * What debugging and going back in time take, in seconds of CPU time: printed, since a busy machine takes longer. That places which
 * were gone to are the right ones is checked.
 */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { attachDebugger, attachTimeline, Computer, PlacedImage, type Debugger } from '../../src/index.js';
import { compiled, sha256 } from '../support/guest-programs.js';
import { Random } from '../support/random.js';
import { seedOf, volume } from '../support/volume.js';

const seed = seedOf(20261204);
const MIB = 2 ** 20;
/** Those of the program that are used here. */
const SYMBOLS = ['touched', 'changed', 'hit', 'cold'];
t.setTimeout(0);

const image = await compiled(fileURLToPath(new URL('../../../test/long/debugging-figures.c', import.meta.url)));

/** CPU time of this process in milliseconds. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function timed(work: () => void): number {
  const begin = cpuMs();
  work();
  return cpuMs() - begin;
}

interface Machine {
  readonly computer: Computer;
  readonly debug: Debugger;
  readonly addressOf: (name: string) => bigint;
}

function machine(words: readonly number[], keepsHistory: boolean): Machine {
  const computer = new Computer({ memoryBytes: 512 * MIB, sha256, console: { write: () => {}, read: () => 'end' } });
  const argv = ['figures', ...words.map(String)];
  const program = computer.start(image, { name: argv[0]!, argv, limitBytes: 1024 * MIB });
  const timeline = keepsHistory ? attachTimeline(computer, { now: () => performance.now() }) : undefined;
  const placed = PlacedImage.read(program.image, program.description.entry);
  const addresses = new Map(SYMBOLS.map((name) => [name, placed.addressOf(name)!]));
  return { computer, debug: attachDebugger(computer, timeline), addressOf: (name) => addresses.get(name)! };
}

function runToEnd({ debug }: Machine): void {
  while (debug.resume({ maxTicks: 2 ** 24 })?.kind !== 'exited');
}

/** Runs to a function and past it. */
function runTo({ debug, addressOf }: Machine, name: string): void {
  const stop = debug.addStop({ kind: 'code', address: addressOf(name) });
  debug.run();
  debug.removeStop(stop);
}

const median = (times: readonly number[]): number => [...times].sort((a, b) => a - b)[times.length >> 1]!;

t.test('any tick of a run of a billion instructions', (t) => {
  const one = machine([8, 1000, volume(3_000_000, 130_000_000)], true);
  runToEnd(one);
  const { computer, debug } = one;
  const { begin, end } = debug.timeline!;
  const random = new Random(seed);
  const places: number[] = [];
  const times = Array.from({ length: 20 }, () => {
    places.push(begin + Math.floor((random.next() / 2 ** 32) * (end - begin)));
    return timed(() => debug.goto(places.at(-1)!));
  });
  t.comment(`${end} ticks, goto: ${median(times).toFixed(0)} ms (median), ${Math.max(...times).toFixed(0)} ms at most`);
  const { ticks } = computer;
  t.equal(ticks, places.at(-1));
  const hash = computer.machineHash();
  debug.goto(begin);
  debug.goto(ticks);
  t.equal(computer.machineHash(), hash);
  t.end();
});

t.test('a snapshot with 200 MB touched, of which 1 MB has changed', (t) => {
  const one = machine([200, 0, 0], false);
  runTo(one, 'touched');
  one.computer.snapshot();
  const times: number[] = [];
  for (let round = 1; round <= 10; round++) {
    runTo(one, 'changed');
    let changed = 0;
    times.push(timed(() => (changed = one.computer.snapshot().changedFrames.length)));
    t.ok(changed >= 256 && changed < 300, `${changed} frames`);
  }
  t.comment(`${median(times).toFixed(1)} ms (median), ${Math.max(...times).toFixed(1)} ms at most`);
  t.end();
});

t.test('back to a breakpoint that was hit ten million times', (t) => {
  const hits = volume(100_000, 10_000_000);
  const one = machine([1, hits, 1_000_000], true);
  runToEnd(one);
  const { debug, addressOf } = one;
  const stop = debug.addStop({ kind: 'code', address: addressOf('hit') });
  const ms = timed(() => t.match(debug.back(), { kind: 'breakpoint', stop }));
  const last = debug.ticks;
  const again = timed(() => t.match(debug.back(), { kind: 'breakpoint', stop }));
  t.comment(`${hits} hits: ${ms.toFixed(0)} ms; the one before: ${again.toFixed(0)} ms`);
  t.ok(debug.ticks < last && last - debug.ticks < 20);
  debug.run();
  t.equal(debug.ticks, last, 'forwards, it comes next');
  t.equal(debug.run()?.kind, 'exited', 'it was the last one');
  t.end();
});

t.test('what is armed where nothing happens costs little', (t) => {
  const rounds = volume(3_000_000, 300_000_000);
  const best = { plain: Infinity, debugger: Infinity, history: Infinity, watchpoint: Infinity };
  type Kind = keyof typeof best;
  const ticks = new Set<number>();
  for (let times = volume(2, 5); times > 0; times--)
    for (const kind of Object.keys(best) as Kind[]) {
      const one = machine([4, 1000, rounds], kind === 'history');
      const { computer, debug, addressOf } = one;
      if (kind === 'plain') debug.detach();
      if (kind === 'watchpoint') debug.addStop({ kind: 'write', address: addressOf('cold') + 400n, lengthBytes: 4 });
      const [program] = computer.programs;
      const ms = timed(() => {
        if (kind === 'plain') while (!program!.end) computer.run(program!, { maxTicks: 2 ** 24 });
        else runToEnd(one);
      });
      best[kind] = Math.min(best[kind], ms);
      ticks.add(computer.ticks);
    }
  t.equal(ticks.size, 1, 'the same ticks');
  const ratio = (kind: Kind): string => (best[kind] / best.plain).toFixed(3);
  t.comment(
    `plain ${best.plain.toFixed(0)} ms; a debugger ${ratio('debugger')}, a watchpoint on a page that is hardly written ` +
      `${ratio('watchpoint')}, history ${ratio('history')}`,
  );
  t.end();
});
