/** Whatever a machine is given to run, it ends as an event of the guest or as one line of error, and leaves nothing. */
import t, { type Test } from 'tap';
import { Decoder } from '../src/cpu/decode/decoder.js';
import { RAX } from '../src/cpu/state/layout.js';
import { Computer } from '../src/index.js';
import { codeImage } from './kernel/images.js';
import { BadCases, runSideBySide, specimens, Victim, type Kind } from './support/bad-input.js';
import { memoryInUse } from './support/memory-in-use.js';
import { InstructionPool } from './support/random-programs.js';
import { Random } from './support/random.js';
import { seedOf, volume } from './support/volume.js';
import { ALL_ENGINES, ENGINES, SideBySide, type EngineOptions } from './support/side-by-side.js';

const SEED = seedOf(20250318);
/** Cases of each kind, and those that run on every engine; test/long/bad-input.test.ts runs 100,000. */
const IMAGES = volume(2000, 20_000);
const PROGRAMS = volume(550, 4000);
const ON_EVERY_ENGINE = volume(100, 1000);
/** How many cases must end in each way at least. */
const ENOUGH = 12;
const MIB = 2 ** 20;

t.setTimeout(0);

const cases = new BadCases(SEED, await specimens(), new InstructionPool(new Decoder(), new Random(SEED)));

/**
 * What may come to be used after the first quarter of the cases: code that V8 compiles late, and tables that fill as
 * instructions are met. A kilobyte lost in each case would be more.
 */
const HEAP_GROWTH_MAX = 12 * MIB;
const RESIDENT_GROWTH_MAX = 160 * MIB;

/** Runs cases one after another on one machine. */
function runCases(t: Test, kind: Kind, count: number, maxTicks: number): Victim {
  const victim = new Victim(4 * MIB, maxTicks);
  const warm = count / 4;
  for (let number = 0; number < warm; number++) victim.run(cases.make(kind, number));
  const before = memoryInUse();
  for (let number = warm; number < count; number++) victim.run(cases.make(kind, number));
  const after = memoryInUse();
  const growth = { heap: after.heap - before.heap, resident: after.resident - before.resident };
  t.comment(`${count} cases: ${describeTally(victim)}`);
  t.comment(`heap ${growth.heap >> 10} KiB more, resident ${growth.resident >> 10} KiB more`);
  t.ok(growth.heap < HEAP_GROWTH_MAX, 'the heap does not grow');
  t.ok(growth.resident < RESIDENT_GROWTH_MAX, 'the process does not grow');
  return victim;
}

function describeTally({ tally }: Victim): string {
  return [...tally].map(([outcome, count]) => `${outcome} ${count}`).join(', ');
}

function sawEnough(t: Test, { tally }: Victim, outcomes: readonly string[]): void {
  for (const outcome of outcomes) t.ok((tally.get(outcome) ?? 0) > ENOUGH, `some cases end as ${outcome}`);
}

t.test('mutated images are refused in a line, or run as guests', (t) => {
  sawEnough(t, runCases(t, 'image', IMAGES, 16_000), ['refused', 'exited', 'trapped', 'limit']);
  t.end();
});

t.test('random machine code ends as an event of the guest', (t) => {
  sawEnough(t, runCases(t, 'program', PROGRAMS, 10_000), ['exited', 'trapped', 'limit']);
  t.end();
});

t.test('they end at the same tick, in the same state, on every engine', (t) => {
  // In the smaller memory pages come and go, or there is none for what a program wants.
  const machinesWith = (engines: Readonly<Record<string, EngineOptions>>): SideBySide[] =>
    [2 * MIB, MIB / 8].map((memoryBytes) => new SideBySide({ engines, memoryBytes, keptOutputBytes: MIB }));
  const [some, all] = [machinesWith(ENGINES), machinesWith(ALL_ENGINES)];
  const slices = [1, 2, 16, 1, 7, 100, 1, 500, 1500];
  for (let number = 0; number < ON_EVERY_ENGINE; number++) {
    const kind = number % 5 < 3 ? 'program' : 'image';
    const machines = number % 20 < 2 ? all : some;
    runSideBySide(machines[number % 2]!, cases.make(kind, number), slices);
  }
  t.pass('no case differs');
  t.end();
});

t.test('a deadline so far away that ticks cannot be counted to it is never reached', (t) => {
  const FOREVER = (1n << 64n) - 1n;
  for (const deadline of [1n << 40n, 1n << 52n, (1n << 52n) + 1n, (1n << 53n) - 1n, 1n << 63n, FOREVER])
    for (const engine of ['evaluator', 'interpreter'] as const) {
      const immediate = Array.from({ length: 8 }, (_, i) => Number((deadline >> BigInt(8 * i)) & 0xffn));
      const code = [
        ...[0xb8, 17, 0, 0, 0], // mov eax, 17: console_read
        ...[0x48, 0x89, 0xe7], // mov rdi, rsp
        ...[0xbe, 1, 0, 0, 0], // mov esi, 1
        ...[0x48, 0xba, ...immediate], // mov rdx, deadline
        ...[0x0f, 0x01, 0xc1], // vmcall
        ...[0xeb, 0xfe], // jmp to itself
      ];
      const computer = new Computer({ memoryBytes: MIB, engine, console: { write: () => {}, read: () => undefined } });
      const process = computer.start(codeImage(code), { name: 'sleeper', limitBytes: MIB });
      const reached = deadline <= 1n << 52n;
      const until = reached ? Number(deadline) : Infinity;
      t.match(computer.run(process), { kind: 'waiting', until }, `${deadline} on the ${engine}`);
      computer.passTime(Number(deadline));
      t.ok(computer.ticks <= 2 ** 52, 'the clock jumps no further than to the last deadline');
      const start = computer.ticks;
      const outcome = computer.run(process, { maxTicks: 1000 });
      t.equal(outcome.kind, reached ? 'limit' : 'waiting');
      if (!reached) continue;
      t.equal(computer.registers.gpr(RAX), BigInt.asUintN(64, -110n), 'ETIMEDOUT');
      t.equal(computer.ticks, start + 1000, 'time goes on, tick by tick');
    }
  t.end();
});
